// Planning starts no program of the project on the host, and a stable cargo stays stable.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { realToolchain } from '../../dev/testing/real-rustc.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import { requireSandbox } from '../../actions/sandbox/sandbox.ts';
import { openCache } from '../../cache/cache.ts';
import { Failure } from '../../core/errors.ts';
import { outputOf } from '../../core/sh.ts';
import { projectFolder, withoutEnv } from './planning.ts';
import type { Project } from '../project.ts';
import { resolveProject } from './resolution.ts';
import type { Resolution } from './resolve-anew.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };
const defaults = {
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
const manifest = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n';

/** Resolves a project of these files by a stable toolchain where one is installed, else by another. */
async function resolve(dir: string, files: Readonly<Record<string, string>>): Promise<Resolution> {
  const project: Project = { ...defaults, name: 'app', dir: join(dir, 'app') };
  for (const [name, text] of Object.entries({ 'Cargo.toml': manifest, 'src/main.rs': 'fn main() {}\n', ...files })) {
    const path = join(project.dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o755 });
  }
  const cache = await openCache(join(dir, 'cache'), process.pid, () => {});
  try {
    const toolchain = await realToolchain(env, cache.root);
    const sandbox = requireSandbox(true, env['PATH'] ?? '', context.signal);
    return await resolveProject({ toolchain, hostEnv: env, cache, sandbox }, project, undefined, context);
  } finally {
    await cache.close();
  }
}

const writing = (path: string): string => `
#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { FILE *file = fopen("${path}", "w"); if (file) fclose(file); }
`;

test('programs and libraries of the configuration are neither started nor loaded on the host', async () => {
  await withScratch(async ({ folder: dir }) => {
    const trace = join(dir, 'trace');
    await mkdir(join(dir, 'app'), { recursive: true });
    await writeFile(join(dir, 'evil.c'), writing(trace));
    await outputOf('compile', ['cc', '-shared', '-fPIC', '-o', 'app/evil.so', 'evil.c'], { cwd: dir, env: { PATH: env['PATH'] ?? '' } });
    const wrapper = { 'w.sh': `#!/bin/sh\necho >"${trace}"\nexec "$@"\n` };
    const configurations = [
      '[build]\nrustc-wrapper = "./w.sh"\nrustc-workspace-wrapper = "./w.sh"\n',
      '[build]\nrustc = "./w.sh"\n',
      '[env]\nLD_PRELOAD = { value = "evil.so", relative = true, force = true }\n',
      `[env]\nLD_PRELOAD = "${join(dir, 'app/evil.so')}"\n`,
    ];
    for (const text of configurations) {
      assert.ok(await resolve(dir, { ...wrapper, '.cargo/config.toml': text }), text);
      assert.not.ok(existsSync(trace), text);
    }
    const flags = '[build]\nrustflags = ["-Zcodegen-backend=./evil.so"]\n[env]\nRUSTC_BOOTSTRAP = "1"\n';
    const refused = await resolve(dir, { '.cargo/config.toml': flags }).catch((error: unknown) => error);
    assert.instance(refused, Failure, 'rustc refuses an unknown backend');
    assert.match(String((refused as Failure).detail), /__rustc_codegen_backend/);
    assert.not.ok(existsSync(trace));
  });
});

test('a stable cargo refuses unstable manifests, and ignores [unstable] of its configuration', async () => {
  await withScratch(async ({ folder: dir, cacheDir }) => {
    const unstable = `cargo-features = ["different-binary-name"]\n${manifest}[[bin]]\nname = "app"\npath = "src/main.rs"\nfilename = "x"\n`;
    if ((await realToolchain(env, cacheDir)).unstableCargo) {
      const { graph } = await resolve(dir, { 'Cargo.toml': unstable });
      assert.is(graph.units.length, 1, 'cargo of Debian or of a nightly toolchain, and no other is installed');
      return;
    }
    const ignored = await resolve(dir, { '.cargo/config.toml': '[unstable]\nbuild-std = ["core"]\n' });
    assert.equal([ignored.graph.units.length, ignored.stdPackages], [1, []]);
    const refused = await resolve(dir, { 'Cargo.toml': unstable }).catch((error: unknown) => error);
    assert.instance(refused, Failure);
    assert.match(String((refused as Failure).detail), /different-binary-name.* requires a nightly version/s);
  });
});

test('variables of the configuration are empty for programs that cargo starts, except for those of rustc and cargo', () => {
  const env = { A: 'x', LD_AUDIT: { value: 'y', relative: true }, 'B"': 'z', RUST_LOG: 'l', CARGO_X: 'c', LD_DEBUG: { file: '/x' } };
  assert.equal(
    withoutEnv({ env }).filter((word) => word !== '--config'),
    [
      'env."A"=""',
      'env."LD_AUDIT".value=""',
      'env."LD_AUDIT".relative=false',
      'env."B\\""=""',
      'env."LD_DEBUG".value=""',
      'env."LD_DEBUG".relative=false',
    ],
  );
});

test('the folder that flags may name files of is the outermost of the project, and no home folder', async () => {
  await withScratch(async ({ folder: dir }) => {
    await mkdir(join(dir, 'home/.cargo'), { recursive: true });
    await mkdir(join(dir, 'home/repo/.git'), { recursive: true });
    await mkdir(join(dir, 'home/repo/a/b'), { recursive: true });
    await writeFile(join(dir, 'home/repo/a/Cargo.toml'), '');
    assert.is(projectFolder(join(dir, 'home/repo/a/b'), join(dir, 'home')), join(dir, 'home/repo'));
  });
});

test.run();
