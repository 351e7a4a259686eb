// The compiled program shows the settings of the configuration, the user's variables and a nightly manifest,
// as with cargo.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { findProgram, outputOf } from '../core/sh.ts';
import { compile } from './compile.ts';
import type { Project } from './project.ts';
import { publish } from './compiled.ts';
import { isNightly, listToolchains } from './toolchain/toolchain.ts';

const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };
const dir = await mkdtemp(join(tmpdir(), 'bloomery-configured-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/** Returns the output of the program "app", compiled from these files. Files of an earlier call are kept. */
async function printed(
  name: string,
  files: Readonly<Record<string, string>>,
  {
    env = {},
    toolchain,
    words = {},
  }: { readonly env?: Readonly<Record<string, string>>; readonly toolchain?: string; readonly words?: Partial<Project> } = {},
): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name, path)), { recursive: true });
    await writeFile(join(dir, name, path), text, { mode: path.startsWith('tools/') ? 0o755 : 0o644 });
  }
  const lists = { packages: [], bins: [], features: [], buildStd: [], buildStdFeatures: [], cargoConfigs: [] };
  const project: Project = {
    ...lists,
    name,
    dir: join(dir, name, 'app'),
    lib: false,
    defaultFeatures: true,
    profile: 'dev',
    triple: undefined,
    env: {},
    ...words,
  };
  const cache = await openCache(join(dir, 'cache'), process.pid, () => {});
  try {
    const options = { cache, toolchain, rustSrc: undefined, jobs: 2, sandbox: true, shorten: (path: string) => path, colour: false };
    const { projects } = await compile([project], { ...options, hostEnv: { ...hostEnv, ...env } }, context);
    const bins = await Promise.all(projects.map((one) => publish(one, join(dir, 'out', name), cache)));
    return (await outputOf('run', [bins[0]?.['app'] ?? ''], { cwd: '/', env: {} })).trim();
  } finally {
    await cache.close();
  }
}

async function nightly(): Promise<string | undefined> {
  return (await listToolchains({ env: hostEnv, cacheDir: join(dir, 'cache') }, context)).find(isNightly)?.name;
}

const app = (more = ''): string => `[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n${more}`;

test('a linker and a wrapper in a folder above are found from everywhere, and count by content', async () => {
  const files = {
    'app/Cargo.toml': app('[dependencies]\nout = { path = "../out" }\n[workspace]\n'),
    'app/src/main.rs':
      'extern "C" { static marker: u8; }\nfn main() { println!("{} {} {}", unsafe { &marker as *const u8 as usize & 0xf }, cfg!(wrapped), out::V); }\n',
    'out/Cargo.toml': '[package]\nname = "out"\nversion = "0.1.0"\nedition = "2021"\n',
    'out/build.rs':
      'fn main() { println!("cargo::rustc-env=V={}", std::env::var("RUSTC_WRAPPER").unwrap().rsplit(\'/\').next().unwrap()); }\n',
    'out/src/lib.rs': 'pub const V: &str = env!("V");\n',
    '.cargo/config.toml': '[build]\nrustc-wrapper = "tools/w"\n[target."cfg(unix)"]\nlinker = "tools/my-gcc"\n',
    'tools/w': '#!/bin/sh\nexec "$@" --cfg wrapped\n',
    'tools/my-gcc': '#!/bin/sh\nexec cc "$@" -Wl,--defsym=marker=1\n',
  };
  assert.is(await printed('linker', files), '1 true w');
  assert.is(await printed('linker', { 'tools/my-gcc': '#!/bin/sh\nexec cc "$@" -Wl,--defsym=marker=2\n' }), '2 true w');
  assert.is(await printed('linker', { 'tools/w': '#!/bin/sh\nexec "$@"\n' }), '2 false w');
});

test('a wrapper that only saves work is left out: a cache of results, and rust-analyzer, which starts rustc for few crates', async () => {
  for (const name of ['sccache', 'rust-analyzer']) {
    const files = {
      'app/Cargo.toml': app('[workspace]\n'),
      'app/src/main.rs': 'fn main() { println!("compiled"); }\n',
      [`tools/${name}`]: '#!/bin/sh\nexit 0\n',
    };
    assert.is(await printed(name, files, { env: { RUSTC_WRAPPER: join(dir, name, 'tools', name) } }), 'compiled');
  }
});

test('split debug information is packed next to the program, where debuggers look for it', async () => {
  const files = {
    'app/Cargo.toml': app('[dependencies]\nout = { path = "out" }\n[profile.dev]\nsplit-debuginfo = "unpacked"\n'),
    'app/src/main.rs': 'fn main() {\n    println!("{}", out::deep(4));\n}\n',
    'app/out/Cargo.toml': '[package]\nname = "out"\nversion = "0.1.0"\nedition = "2021"\n',
    'app/out/src/lib.rs': 'pub fn deep(x: u32) -> u32 {\n    x + 1\n}\n',
  };
  assert.is(await printed('split', files), '5');
  const bin = join(dir, 'out/split/bin');
  assert.equal((await readdir(bin)).sort(), ['app', 'app.dwp']);
  const run = (...argv: readonly string[]): Promise<string> =>
    outputOf('read the program', argv, { cwd: bin, env: { PATH: '/usr/bin:/bin' } });
  assert.match(await run('readelf', '--sections', '--wide', 'app.dwp'), /\.debug_info\.dwo/);
  if (await findProgram('gdb', '/usr/bin:/bin')) {
    assert.match(await run('gdb', '-nx', '-batch', '-ex', 'break out::deep', 'app'), /Breakpoint 1 at .* line 2\./);
  }
});

test("the user's flags and profiles are used, also by a memoized build", async () => {
  const files = {
    'app/Cargo.toml': app('[workspace]\n'),
    'app/src/main.rs': 'fn main() { println!("{} {} {}", cfg!(flag), cfg!(configured), cfg!(debug_assertions)); }\n',
    'app/.cargo/config.toml': '[build]\nrustflags = ["--cfg", "configured"]\n',
  };
  assert.is(await printed('flags', files), 'false true true');
  assert.is(await printed('flags', {}, { env: { RUSTFLAGS: '--cfg flag' } }), 'true false true');
  assert.is(await printed('flags', {}, { env: { CARGO_PROFILE_DEV_DEBUG_ASSERTIONS: 'false' } }), 'false true false');
  assert.is(await printed('flags', {}), 'false true true');
});

test('an optional package that no default feature turns on is compiled with the feature that needs it', async () => {
  const files = {
    'app/Cargo.toml': app('[dependencies]\nmore = { path = "more", optional = true }\n[features]\nextra = ["dep:more"]\n[workspace]\n'),
    'app/src/main.rs': [
      '#[cfg(feature = "extra")]\nfn value() -> u32 { more::V }',
      '#[cfg(not(feature = "extra"))]\nfn value() -> u32 { 1 }',
      'fn main() { println!("{}", value()); }\n',
    ].join('\n'),
    'app/more/Cargo.toml': '[package]\nname = "more"\nversion = "0.1.0"\nedition = "2021"\n',
    'app/more/src/lib.rs': 'pub const V: u32 = 2;\n',
  };
  assert.is(await printed('optional', files), '1');
  assert.is(await printed('optional', {}, { words: { features: ['extra'] } }), '2');
  assert.is(await printed('optional', {}, { words: { defaultFeatures: false, features: ['extra'], profile: 'release' } }), '2');
  assert.is(await printed('optional', {}, { words: { selection: ['--all-features'] } }), '2');
});

test('artifacts of dependencies are files, and each build script counts', async () => {
  const toolchain = await nightly();
  if (toolchain === undefined) return;
  const files = {
    'app/.cargo/config.toml': '[unstable]\nbindeps = true\n',
    'app/Cargo.toml': [
      'cargo-features = ["multiple-build-scripts"]',
      app('build = ["one.rs", "two.rs"]'),
      '[build-dependencies]\ntool = { path = "../tool", artifact = "bin" }',
      '[dependencies]\nc-lib = { path = "../c-lib", artifact = "cdylib" }\n[workspace]\n',
    ].join('\n'),
    'app/one.rs':
      'fn main() {\n  let tool = std::process::Command::new(std::env::var("CARGO_BIN_FILE_TOOL").unwrap()).output().unwrap().stdout;\n' +
      '  println!("cargo::rustc-env=SAID={}", String::from_utf8(tool).unwrap().trim());\n}\n',
    'app/two.rs': 'fn main() { println!("cargo::rustc-env=TWO=2"); }\n',
    'app/src/main.rs':
      'fn main() {\n  let library = include_bytes!(env!("CARGO_CDYLIB_FILE_C_LIB_c_lib"));\n' +
      '  let apart = env!("one_OUT_DIR") == env!("OUT_DIR") && env!("two_OUT_DIR") != env!("OUT_DIR");\n' +
      '  println!("{} {} {} {}", env!("SAID"), env!("TWO"), apart, library.starts_with(b"\\x7fELF"));\n}\n',
    'tool/Cargo.toml': '[package]\nname = "tool"\nversion = "0.1.0"\nedition = "2021"\n',
    'tool/src/main.rs': 'fn main() { println!("tool"); }\n',
    'c-lib/Cargo.toml': '[package]\nname = "c-lib"\nversion = "0.1.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n',
    'c-lib/src/lib.rs': '#[no_mangle]\npub extern "C" fn answer() -> u8 {\n  42\n}\n',
  };
  assert.is(await printed('artifacts', files, { toolchain }), 'tool 2 true true');
  assert.is(
    await printed('artifacts', { 'tool/src/main.rs': 'fn main() { println!("tool again"); }\n' }, { toolchain }),
    'tool again 2 true true',
  );
});

test.run();
