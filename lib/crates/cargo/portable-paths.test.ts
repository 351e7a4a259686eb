// What is resolved in one checkout holds in another: folders come and go as tokens, in fields that are paths and nowhere else.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commonFolder, localPath, localValue, portablePath, portableText } from '../plan/resolution.ts';

const here = [
  { token: '\u0001', path: '/data/me/one' },
  { token: '\u0002', path: '/data/me/one/library' },
];
const there = [
  { token: '\u0001', path: '/srv/two' },
  { token: '\u0002', path: '/opt/library' },
];
const fields = new Set(['path']);

test('a path of this checkout becomes one of the other', () => {
  const cases = [
    ['/data/me/one/apps/x/src/main.rs', '/srv/two/apps/x/src/main.rs'],
    ['/data/me/one/apps/../vendor/x', '/srv/two/apps/../vendor/x'],
    ['path+file:///data/me/one/x#0.1.0', 'path+file:///srv/two/x#0.1.0'],
    ['path+file:///data/me/one#x@0.1.0', 'path+file:///srv/two#x@0.1.0'],
    ['/data/me/one/library/core', '/opt/library/core'],
    ['/data/me/one', '/srv/two'],
    ['/data/me/one-more/x', '/data/me/one-more/x'],
    ['/usr/x', '/usr/x'],
  ] as const;
  for (const [from, to] of cases) {
    assert.is(localPath(portablePath(from, here), there), to);
    assert.is(localPath(portablePath(from, here), here), from);
  }
});

test('only fields that are paths are touched', () => {
  const text = portableText({ path: '/data/me/one/x', flag: '-L/data/me/one/x', list: [{ path: '/data/me/one' }] }, fields, here);
  assert.equal(localValue(text, fields, there), { path: '/srv/two/x', flag: '-L/data/me/one/x', list: [{ path: '/srv/two' }] });
});

test('the common folder is the deepest that holds all', () => {
  assert.is(commonFolder('/a/b/c', ['/a/b/d/e', '/a/b/apps/../vendor']), '/a/b');
  assert.is(commonFolder('/a/b', ['/a/b/c']), '/a/b');
  assert.is(commonFolder('/a', ['/b']), '/');
});

test('a folder that is the root is left alone', () => {
  assert.is(portablePath('/x/y', [{ token: '\u0001', path: '/' }]), '/x/y');
});

test.run();
