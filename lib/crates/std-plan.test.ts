// Tests a plan with the whole standard library. Every unit has its package in the folder that the unit graph
// names, even if there are vendored packages too.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../dev/testing/scratch.ts';
import { requireSandbox } from '../actions/sandbox/sandbox.ts';
import { openCache } from '../cache/cache.ts';
import { plan } from './plan/plan.ts';
import type { Project } from './project.ts';
import { chooseToolchain } from './toolchain/choice.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };

const vendored: Readonly<Record<string, string>> = {
  '.cargo/config.toml': '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n',
  'Cargo.toml': '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nsmall = "1"\n[workspace]\n',
  'src/lib.rs': '',
  'vendor/small/Cargo.toml': '[package]\nname = "small"\nversion = "1.0.0"\n',
  'vendor/small/src/lib.rs': '',
  'vendor/small/.cargo-checksum.json': '{"files":{}}',
};

/** As lock files name the registry of crates. */
const index = 'https://github.com/rust-lang/crates.io-index';

/** Plans the library of a project for a triple without its own std. Returns the labels of its units. */
const check = env['BLOOMERY_TEST_STD'] === '0' ? test.skip : test;
if (check === test.skip) console.error('skipped: the toolchain has no source of the standard library');

async function planned(folder: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const dir = join(folder, 'app');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  const cache = await openCache(join(folder, 'cache'), process.pid, context.report);
  try {
    const search = { env, cacheDir: cache.root, project: dir, needsRustSrc: true, rustSrc: env['BLOOMERY_RUST_SRC'] };
    const { toolchain, rustSrc } = await chooseToolchain(search, context);
    const lists = { packages: [], bins: [], features: [], buildStdFeatures: [], cargoConfigs: [], env: {} };
    const how = { lib: true, defaultFeatures: true, profile: 'release', triple: 'x86_64-unknown-redox', buildStd: ['std', 'panic_abort'] };
    const project: Project = { ...lists, ...how, name: 'app', dir };
    const sandbox = requireSandbox(true, env['PATH'] ?? '', context.signal);
    const { units } = await plan([{ cargo: { toolchain, hostEnv: env, cache, sandbox }, project, rustSrc }], context);
    for (const { label, unit, owner } of units) {
      const { srcPath } = unit.target;
      assert.ok(srcPath.startsWith(`${owner.dir}/`) && existsSync(srcPath), `${label}: "${srcPath}" is not in "${owner.dir}"`);
    }
    return units.map(({ label }) => label);
  } finally {
    await cache.close();
  }
}

check('the standard library is planned with the features that a unit graph turns on, alone and next to vendored packages', async () => {
  await withScratch(async ({ folder }) => {
    const { 'Cargo.toml': manifest = '', 'src/lib.rs': lib = '' } = vendored;
    const alone = await planned(folder, { 'Cargo.toml': manifest.replace('small = "1"\n', ''), 'src/lib.rs': lib });
    const both = await planned(folder, vendored);
    for (const name of ['std 0.0.0', 'addr2line ', 'libc ']) {
      for (const labels of [alone, both])
        assert.ok(
          labels.some((label) => label.startsWith(name)),
          name,
        );
    }
    assert.ok(both.some((label) => label.startsWith('small 1.0.0')));
  });
});

check("a vendored package that only a disabled feature needs is available to cargo's resolver", async () => {
  await withScratch(async ({ folder }) => {
    const lock = `version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["small", "unused"]
${['small', 'unused'].map((name) => `[[package]]\nname = "${name}"\nversion = "1.0.0"\nsource = "registry+${index}"\n`).join('')}`;
    const labels = await planned(folder, {
      ...vendored,
      'Cargo.toml': (vendored['Cargo.toml'] ?? '').replace('[workspace]', 'unused = { version = "1", optional = true }\n[workspace]'),
      'Cargo.lock': lock,
      'vendor/unused/Cargo.toml': '[package]\nname = "unused"\nversion = "1.0.0"\n',
      'vendor/unused/src/lib.rs': '',
      'vendor/unused/.cargo-checksum.json': '{"files":{}}',
    });
    assert.not.ok(labels.some((label) => label.startsWith('unused ')));
  });
});

test.run();
