// An unchanged project never starts cargo; whatever cargo would look at makes it look again.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../../cache/cache.ts';
import { resolveProject } from './resolution.ts';
import type { Resolution } from './resolve-anew.ts';
import { listToolchains } from '../toolchain/toolchain.ts';

const fixture = resolve(import.meta.dirname, '../../../fixtures/crates');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };

test('an unchanged project is resolved from memory, and a changed one by cargo', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-resolution-'));
  try {
    const checkout = join(dir, 'checkout');
    await cp(fixture, checkout, { recursive: true });
    const [found] = await listToolchains({ env, cacheDir: join(dir, 'cache') }, context);
    assert.ok(found, 'no Rust toolchain is installed');
    const project = {
      name: 'fixture',
      dir: checkout,
      packages: [],
      bins: [],
      lib: false,
      features: [],
      defaultFeatures: true,
      profile: 'dev',
      triple: undefined,
      buildStd: [],
      buildStdFeatures: [],
      cargoConfigs: [],
      env: {},
    };
    const ask = async (cargo: string, where = checkout): Promise<Resolution> => {
      const cache = await openCache(join(dir, 'cache'), process.pid, () => {});
      try {
        return await resolveProject(
          { toolchain: { ...found, cargo }, hostEnv: env, cache },
          { ...project, dir: where },
          undefined,
          context,
        );
      } finally {
        await cache.close();
      }
    };
    // A cargo of our own that counts its starts and hands on to the real one.
    const counting = join(dir, 'cargo');
    const log = join(dir, 'starts');
    await writeFile(log, '');
    await writeFile(counting, `#!/bin/sh\necho start >>"${log}"\nexec "${found.cargo}" "$@"\n`, { mode: 0o755 });
    const starts = async (where = checkout): Promise<number> => {
      await ask(counting, where);
      const count = (await readFile(log, 'utf8')).split('\n').length - 1;
      await writeFile(log, '');
      return count;
    };

    assert.ok((await starts()) > 0, 'the first time cargo is asked');
    assert.is(await starts(), 0, 'the second time it is not');
    const first = await ask(counting);
    assert.is(first.graph.units.length, 8);
    assert.equal(first.packages.map(({ name }) => name).sort(), ['greeter', 'native', 'shout']);

    const elsewhere = join(dir, 'some/where/else');
    await cp(checkout, elsewhere, { recursive: true });
    assert.is(await starts(elsewhere), 0, 'a second checkout is resolved from what the first was told');
    const moved = await ask(counting, elsewhere);
    assert.equal([moved.workspaceRoot, moved.packages.every((one) => one.dir.startsWith(elsewhere))], [elsewhere, true]);
    assert.is(moved.graph.units.find(({ target }) => target.kind.includes('bin'))?.target.srcPath, join(elsewhere, 'greeter/src/main.rs'));

    const changes: readonly (readonly [string, () => Promise<void>])[] = [
      [
        'a new binary that cargo discovers',
        async () => {
          await mkdir(join(checkout, 'greeter/src/bin'), { recursive: true });
          await writeFile(join(checkout, 'greeter/src/bin/second.rs'), 'fn main() {}\n');
        },
      ],
      [
        'a configuration file in a folder above',
        async () => {
          await mkdir(join(dir, '.cargo'), { recursive: true });
          await writeFile(join(dir, '.cargo/config.toml'), '[build]\nrustflags = ["--cfg", "above"]\n');
        },
      ],
      [
        'a manifest',
        async () => {
          await writeFile(
            join(checkout, 'shout/Cargo.toml'),
            '[package]\nname = "shout"\nversion = "0.1.0"\nedition = "2021"\n\n[lib]\nproc-macro = true\n',
          );
        },
      ],
      [
        'a build script that appears',
        async () => {
          await writeFile(join(checkout, 'shout/build.rs'), 'fn main() {}\n');
        },
      ],
    ];
    for (const [what, change] of changes) {
      await change();
      assert.ok((await starts()) > 0, what);
      assert.is(await starts(), 0, `${what}, asked again`);
    }
    assert.equal((await ask(counting)).config.build?.rustflags, ['--cfg', 'above']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a dependency that has only the root folder in common with checkouts keeps the checkouts apart', async () => {
  const [dir, far] = [await mkdtemp(join(tmpdir(), 'bloomery-resolution-')), await mkdtemp('/var/tmp/bloomery-far-')];
  const cache = await openCache(join(dir, 'cache'), process.pid, () => {});
  try {
    const manifest = (name: string): string => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`;
    await mkdir(join(far, 'src'));
    await writeFile(join(far, 'src/lib.rs'), '');
    await writeFile(join(far, 'Cargo.toml'), manifest('far'));
    const [toolchain] = await listToolchains({ env, cacheDir: cache.root }, context);
    assert.ok(toolchain, 'no Rust toolchain is installed');
    for (const name of ['one', 'two']) {
      const checkout = join(dir, name);
      await mkdir(join(checkout, 'src'), { recursive: true });
      await writeFile(join(checkout, 'src/main.rs'), 'fn main() {}\n');
      await writeFile(join(checkout, 'Cargo.toml'), `${manifest('app')}[dependencies]\nfar = { path = "${far}" }\n`);
      const project = {
        name: 'app',
        dir: checkout,
        packages: [],
        bins: [],
        lib: false,
        features: [],
        defaultFeatures: true,
        profile: 'dev',
      };
      const rest = { triple: undefined, buildStd: [], buildStdFeatures: [], cargoConfigs: [], env: {} };
      const { workspaceRoot } = await resolveProject({ toolchain, hostEnv: env, cache }, { ...project, ...rest }, undefined, context);
      assert.is(workspaceRoot, checkout);
    }
  } finally {
    await cache.close();
    for (const folder of [dir, far]) await rm(folder, { recursive: true, force: true });
  }
});

test.run();
