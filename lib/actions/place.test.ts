// Maps places in the sandbox to paths of the host, and the reverse.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostPath, isBelow, pathsOf, placeOfPath } from './place.ts';
import { shellAction } from '../dev/testing/shell-action.ts';

const mounts = { '/bloomery/work': '/users/me/project', '/bloomery/work/vendor': '/srv/vendor', '/srv/data': '/srv/data' };

test('the innermost mount decides, and a place in none is a path of the host', () => {
  const rows: readonly (readonly [place: string, path: string])[] = [
    ['/bloomery/work', '/users/me/project'],
    ['/bloomery/work/a/b', '/users/me/project/a/b'],
    ['/bloomery/work/a/', '/users/me/project/a/'],
    ['/bloomery/work/a/../c', '/users/me/project/c'],
    ['/bloomery/work/vendor/x', '/srv/vendor/x'],
    ['/bloomery/worker', '/bloomery/worker'],
    ['/srv/data/x', '/srv/data/x'],
    ['/usr/lib', '/usr/lib'],
  ];
  for (const [place, path] of rows) assert.is(hostPath(place, mounts), path);
});

test("places around the user's folders have a path although they are not shown", () => {
  const own = { counted: [], around: { '/bloomery/above': '/users' }, mayWrite: [], named: [], spelled: () => '', home: undefined };
  const paths = pathsOf({ ...shellAction(':', '/x', { kind: 'none' }), mounts, own });
  assert.is(hostPath('/bloomery/above/you/file', paths), '/users/you/file');
  assert.is(hostPath('/bloomery/work/a', paths), '/users/me/project/a');
});

test('the place of a path is in the innermost folder that is mounted', () => {
  assert.is(placeOfPath('/users/me/project/a/b', mounts), '/bloomery/work/a/b');
  assert.is(placeOfPath('/srv/vendor', mounts), '/bloomery/work/vendor');
  assert.is(placeOfPath('/users/me/projects', mounts), undefined);
});

test('below means in a folder, not only beginning like it', () => {
  assert.ok(isBelow('/a/b', ['/a']) && isBelow('/a', ['/a']));
  assert.not(isBelow('/ab', ['/a']) || isBelow('/a', []));
});

test.run();
