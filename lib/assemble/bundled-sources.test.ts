// Runs the Rust tests of the bundled systems' libraries as a developer would.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import { chooseToolchain } from '../crates/toolchain/choice.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
/** How many tests the libraries of a system have at least. */
const leastTests = { redox: 13, asterinas: 2, 'asterinas/miniature/ostd/libs/inflate': 1 } as const;
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

for (const [system, least] of Object.entries(leastTests)) {
  test(`the libraries of the bundled ${system} pass their own tests`, async () => {
    const project = join(fixtures, system);
    const dir = await mkdtemp(join(tmpdir(), 'bloomery-bundled-'));
    try {
      const context = { signal: new AbortController().signal, report: () => {} };
      const { toolchain } = await chooseToolchain({ env, cacheDir: dir, project, needsRustSrc: false }, context);
      const words = [toolchain.cargo, 'test', '--offline', '--locked'];
      const result = await run(words, { cwd: project, env: { ...env, CARGO_TARGET_DIR: dir, RUSTC: toolchain.rustc } });
      assert.is(result.exitCode, 0, result.stdout + result.stderr);
      const passed = [...result.stdout.matchAll(/test result: ok\. (\d+) passed/g)].reduce((sum, [, count]) => sum + Number(count), 0);
      assert.ok(passed >= least, `${passed} tests passed`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

test.run();
