// cargo is not started for an unchanged project, and is started again after a change of anything that it
// reads.
// Tests the inputs that a plan records: everything that cargo would read again.
// A resolution from one checkout is valid in another, because the paths of folders are replaced by tokens.
// Only fields that are paths are changed.
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../../cache/cache.ts';
import type { Package } from '../cargo/package.ts';
import { commonFolder, localPath, localValue, lookedAt, portablePath, portableText, resolveProject } from './resolution.ts';
import type { Resolution } from './resolve-anew.ts';
import { listToolchains } from '../toolchain/toolchain.ts';
import { packageOf } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

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
    // A wrapper of the test that counts its starts and runs the real cargo.
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
    assert.is(await starts(elsewhere), 0, 'a second checkout is resolved from the memo of the first');
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

test('a lock file that cargo writes is seen by the rest of the run, and the next run does not ask cargo again', async () => {
  await withScratch(async ({ folder, write, reopen, context }) => {
    const [found] = await listToolchains({ env, cacheDir: join(folder, 'cache') }, context);
    assert.ok(found, 'no Rust toolchain is installed');
    const rest = { packages: [], bins: [], lib: false, features: [], defaultFeatures: true, profile: 'dev', triple: undefined, env: {} };
    const cargo = await write('cargo', `#!/bin/sh\n[ -e "${folder}/refuse" ] && exit 1\nexec "${found.cargo}" "$@"\n`);
    await chmod(cargo, 0o755);
    for (const name of ['one', 'two']) {
      const dir = join(folder, name);
      await write(`${name}/src/main.rs`, 'fn main() {}\n');
      await write(`${name}/Cargo.toml`, '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n');
      const project = { name: 'app', dir, ...rest, buildStd: [], buildStdFeatures: [], cargoConfigs: [] };
      const tree = async (): Promise<string> => {
        const cache = await reopen();
        try {
          await resolveProject({ toolchain: { ...found, cargo }, hostEnv: env, cache }, project, undefined, context);
          return await cache.digests.tree(dir);
        } finally {
          await cache.close();
        }
      };
      await rm(join(folder, 'refuse'), { force: true });
      const first = await tree();
      assert.match(
        await readFile(join(dir, 'Cargo.lock'), 'utf8'),
        'name = "app"',
        `${name}: as cargo, also where another checkout is known`,
      );
      await write('refuse', '');
      assert.is(await tree(), first);
    }
  });
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

test('folders of targets, folders that globs list, workspaces of others, patches, and manifests that may appear between', async () => {
  await withScratch(async ({ folder, write }) => {
    await write(
      'ws/Cargo.toml',
      '[workspace]\nmembers = ["app", "crates/*", "deep/**/x"]\n[patch.crates-io]\np = { path = "../patched" }\n',
    );
    await write('ws/app/Cargo.toml', '[package]\nname = "app"\n');
    await write('ws/app/src/bin/tool/helper.rs', '');
    await write('ws/crates/empty/README', '');
    await write('ws/deep/a/b/README', '');
    await write('others/Cargo.toml', '[workspace]\nmembers = ["group/util"]\n');
    await write('others/group/util/Cargo.toml', '[package]\nname = "util"\nversion.workspace = true\n');
    const at = (path: string): Package =>
      packageOf({ source: undefined, dir: join(folder, path), manifestPath: join(folder, path, 'Cargo.toml') });
    const looked = await lookedAt([at('ws/app'), at('others/group/util')], join(folder, 'ws'), '/nowhere');
    const names = new Set(looked.map((path) => relative(folder, path) + (path.endsWith('/') ? '/' : '')));
    for (const name of [
      'ws/Cargo.lock',
      'ws/app/src/bin/',
      'ws/app/src/bin/tool/',
      'ws/app/tests/',
      'ws/crates/',
      'ws/crates/empty/Cargo.toml',
      'ws/deep/',
      'ws/deep/a/b/x/Cargo.toml',
      'others/Cargo.toml',
      'others/group/Cargo.toml',
      'Cargo.toml',
      'patched/Cargo.toml',
    ]) {
      assert.ok(names.has(name), `${name} is not in ${[...names].join(' ')}`);
    }
  });
});

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
