// Which path of the host a place stands for, and what of the mounts is shown.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostPath, isBelow, shownMounts } from './mounts.ts';
import { shellAction } from '../../fixtures/cache/shell-action.ts';

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

test('all mounts are shown, or only the places that are named', () => {
  const action = { ...shellAction(':', '/x', { kind: 'none' }), mounts };
  assert.equal(shownMounts(action), mounts);
  assert.equal(shownMounts({ ...action, shown: ['/bloomery/work/a', '/srv/data'] }), {
    '/bloomery/work/a': '/users/me/project/a',
    '/srv/data': '/srv/data',
  });
});

test('below means in a folder, not only beginning like it', () => {
  assert.ok(isBelow('/a/b', ['/a']) && isBelow('/a', ['/a']));
  assert.not(isBelow('/ab', ['/a']) || isBelow('/a', []));
});

test.run();
