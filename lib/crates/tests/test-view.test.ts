// The paths that tests see, and the variables that memoized results depend on.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countedEnv, testArgv } from './test-view.ts';

test('a test sees the folders of the host and those of the sandbox, outer ones first', () => {
  const entries = [{ name: 'usr' }, { name: 'bin', link: 'usr/bin' }, { name: 'bloomery' }];
  const view = { entries, mounts: { '/bloomery/x/y': '/h/y', '/bloomery/x': '/h' }, readOnly: { '/bloomery/x/deps': '/d' } };
  const words = testArgv({ program: '/usr/bin/bwrap' }, view, '/bloomery/x', ['./t', '--nocapture']);
  const root = ['--dev-bind-try', '/usr', '/usr', '--symlink', 'usr/bin', '/bin'];
  const places = ['--bind', '/h', '/bloomery/x', '--bind', '/h/y', '/bloomery/x/y', '--ro-bind', '/d', '/bloomery/x/deps'];
  assert.equal(words, ['/usr/bin/bwrap', '--die-with-parent', ...root, ...places, '--chdir', '/bloomery/x', '--', './t', '--nocapture']);
});

test('keys do not contain variables of a session', () => {
  const env = { HOME: '/h', PATH: '/bin', PWD: '/x', SSH_AUTH_SOCK: '/s', npm_config_prefix: 'x', NODE_COMPILE_CACHE: 'x', DISPLAY: ':0' };
  assert.equal(countedEnv(env), { HOME: '/h', PATH: '/bin' });
});

test.run();
