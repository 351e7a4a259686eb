// Host programs are also found in the folders of administrators' programs, and an error names the package of
// a missing one.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from './errors.ts';
import { installHint, searchPath, tool, toolPackages } from './tools.ts';

test('a program is found on PATH and in the sbin folders', async () => {
  assert.match(await tool('tar', '/usr/bin:/bin'), /\/bin\/tar$/);
  assert.match(searchPath('/x'), /^\/x:.*\/usr\/sbin/);
});

test("a missing program is the host's lack and its hint names the package", async () => {
  const error: unknown = await tool('no-such-tool', '/nowhere').catch((reason: unknown) => reason);
  assert.instance(error, Failure);
  assert.equal([(error as Failure).exitCode, (error as Failure).message], [69, 'Cannot find "no-such-tool": it is not installed']);
  assert.match(installHint('bwrap'), /doctor\.ts --install, or install the package bubblewrap/);
});

test('every row names its package for every family of distributions', () => {
  for (const [name, packages] of Object.entries(toolPackages)) {
    for (const family of ['debian', 'fedora', 'arch', 'nix'] as const)
      assert.match(packages[family], /^[\w.+-]+( [\w.+-]+)*$/, `${name} ${family}`);
  }
});

test.run();
