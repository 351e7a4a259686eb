// Builds programs for a system's own target triple, which link with a C library that make builds. Tests what
// is linked, and which actions are repeated when the library changes.
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { machine } from '../../../systems/redox/machine.ts';
import { console as redoxConsole } from '../../../systems/redox/console.ts';
import { openCache } from '../../cache/cache.ts';
import { openCookbook } from '../../cookbook/cookbook.ts';
import { sandboxPath } from '../../cookbook/host-programs.ts';
import { Failure } from '../../core/errors.ts';
import type { Event } from '../../core/events.ts';
import { findProgram } from '../../core/sh.ts';
import type { Project } from '../../crates/project.ts';
import { compileAll } from '../compile-system.ts';
import type { System } from '../../system/system.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-c-library-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const root = resolve(import.meta.dirname, '../../..');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const triple = 'x86_64-unknown-redox';
const library = join(dir, 'libc');

/** The host's C compiler builds the library: its objects need nothing of an operating system. */
const system: System = {
  name: 'small',
  title: 'Small',
  components: {},
  cLibrary: {
    name: 'small-libc',
    title: 'C library',
    upstream: { git: 'https://example.org/small-libc.git', branch: 'main' },
    make: { arguments: ['CC=cc', 'AR=ar'], programs: ['cc', 'ar'] },
    triple,
    cargoConfig: 'systems/redox/cargo.toml',
    buildStd: ['std', 'panic_abort'],
  },
  profiles: {},
  machine,
  console: redoxConsole,
};

const project: Project = {
  ...{ name: 'app', dir: join(dir, 'app'), packages: [], bins: [], lib: false, features: [], defaultFeatures: true },
  ...{ profile: 'release', triple, buildStd: ['std', 'panic_abort'], buildStdFeatures: [], cargoConfigs: [] },
  env: { CC_x86_64_unknown_redox: 'cc' },
};

const sources: Readonly<Record<string, string>> = {
  'Cargo.toml': `[package]
name = "app"
version = "0.1.0"
edition = "2021"
[dependencies]
native = { path = "native" }
plain = { path = "plain" }
[profile.release]
opt-level = 0
[workspace]
`,
  'src/main.rs': 'fn main() { println!("{} {}", plain::word(), native::answer()); }\n',
  'plain/Cargo.toml': '[package]\nname = "plain"\nversion = "0.1.0"\nedition = "2021"\n',
  'plain/src/lib.rs': 'pub fn word() -> String { String::from("answer") }\n',
  'native/Cargo.toml': '[package]\nname = "native"\nversion = "0.1.0"\nedition = "2021"\n',
  'native/src/lib.rs': 'extern "C" { fn native_answer() -> i32; }\npub fn answer() -> i32 { unsafe { native_answer() } }\n',
  'native/native.c': '#include <errno.h>\nint native_answer(void) { return ENOSYS; }\n',
  'native/build.rs': `use std::{env::var, process::Command};
fn main() {
    let out = var("OUT_DIR").unwrap();
    let compiler = var("CC_x86_64_unknown_redox").unwrap();
    let flags = ["-ffreestanding", "-nostdinc", "-fno-pic", "-isystem", "/bloomery/sysroot/usr/include", "-c", "native.c", "-o"];
    assert!(Command::new(compiler).args(flags).arg(format!("{out}/native.o")).status().unwrap().success());
    assert!(Command::new("ar").args(["rcsD", &format!("{out}/libnative.a"), &format!("{out}/native.o")]).status().unwrap().success());
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=native");
    println!("cargo:rerun-if-changed=native.c");
}
`,
};

interface Built {
  /** Labels of the actions that ran, sorted. */
  readonly ran: readonly string[];
  readonly program: Buffer;
  /** The path of the blob of libc.a. */
  readonly blob: string;
  /** Files of packages: "<package> <path>" -> content. */
  readonly packages: ReadonlyMap<string, Buffer>;
}

/** Builds the program, or packages of the cookbook, with the present library. */
async function build(local: Readonly<Record<string, string>> = { 'small-libc': library }, wanted?: readonly string[]): Promise<Built> {
  const ran: string[] = [];
  const report = (event: Event): void => {
    if (event.kind === 'unit-finished' && event.outcome === 'built') ran.push(event.unit);
  };
  const context = { signal: new AbortController().signal, report };
  const cache = await openCache(join(dir, 'cache'), process.pid, report);
  try {
    const options = {
      ...{ cache, hostEnv, toolchain: undefined, rustSrc: hostEnv['BLOOMERY_RUST_SRC'], jobs: 2, sandbox: true },
      otherCacheDir: hostEnv['BLOOMERY_CACHE'] ?? join(homedir(), '.cache/bloomery'),
      ...{ shorten: (path: string) => path, colour: false },
    };
    const recipes = wanted && { cookbook: await openCookbook(join(dir, 'book')), wanted, local: {}, keepGoing: false };
    const request = { system, sources: { kind: 'bundled', local }, root, outDir: join(dir, 'out'), env: project.env, recipes } as const;
    const { compiled, installed, library: linked } = await compileAll(wanted ? [] : [project], request, options, context);
    const packages = new Map<string, Buffer>();
    for (const { name, artifacts } of installed?.stages ?? []) {
      for (const one of artifacts)
        if (one.kind === 'file') packages.set(`${name} ${one.path}`, (await cache.content.read(one.digest)) ?? Buffer.of());
    }
    const output = compiled.projects[0]?.outputs.get('app');
    const digest = linked?.sysroot.files['usr/lib/libc.a'] ?? '';
    const blob = join(cache.dir, 'content', digest.slice(0, 2), digest);
    return { ran: ran.sort(), program: (output && (await cache.content.read(output.digest))) ?? Buffer.of(), packages, blob };
  } finally {
    await cache.close();
  }
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

async function change(path: string, edit: (text: string) => string): Promise<void> {
  const before = await readFile(join(library, path), 'utf8');
  const after = edit(before);
  assert.not.equal(before, after, path);
  await writeFile(join(library, path), after);
}

await cp(join(root, 'fixtures/redox-libc'), library, { recursive: true });
await write(project.dir, sources);

test('a program of the standard library is linked with the start files and the C library alone', async () => {
  const { ran, program } = await build();
  assert.ok(ran.includes('small-libc') && ran.includes('std 0.0.0') && ran.includes('app 0.1.0 (bin app)'), ran.join());
  const [entry, programHeaders, count] = [program.readBigUInt64LE(24), Number(program.readBigUInt64LE(32)), program.readUInt16LE(56)];
  assert.equal(program.subarray(0, 4).toString('latin1'), '\x7fELF');
  assert.ok(entry > 0n, 'without start files the entry is 0');
  const kinds = Array.from({ length: count }, (_, index) => program.readUInt32LE(programHeaders + index * 56));
  assert.not.ok(kinds.includes(3), 'there is an interpreter, so it is not static');
  assert.not.ok(program.includes(dir), 'a path of the host is in the program');
});

test('nothing runs again', async () => {
  assert.equal((await build()).ran, []);
});

test('a library that is built again to the same bytes rebuilds nothing', async () => {
  await change('src/string.c', (text) => `${text}// Nothing that a compiler would see.\n`);
  assert.equal((await build()).ran, ['small-libc']);
});

test('a change of libc.a alone links programs again and compiles no library', async () => {
  const before = await build();
  await change('src/memory.c', (text) => text.replace('1 << 20', '1 << 21'));
  const { ran, program } = await build();
  // The user's own script may have read libc.a. It writes the same files again, so what is compiled with these is not repeated.
  assert.equal(ran, ['app 0.1.0 (bin app)', 'native 0.1.0 (run build script)', 'small-libc']);
  assert.not.equal(program.compare(before.program), 0);
});

test('a change of a header repeats the compilation of C code that includes it', async () => {
  await change('include/errno.h', (text) => text.replace('ENOSYS 38', 'ENOSYS 39'));
  const { ran } = await build();
  assert.ok(ran.includes('native 0.1.0') && ran.includes('native 0.1.0 (run build script)'), ran.join());
  assert.not.ok(ran.includes('plain 0.1.0') || ran.includes('std 0.0.0'), ran.join());
});

test('a library whose blob is damaged is built again', async () => {
  const { blob } = await build();
  await writeFile(join(project.dir, 'src/main.rs'), 'fn main() { println!("{}", plain::word().len() as i32 + native::answer()); }\n');
  await chmod(blob, 0o644);
  await writeFile(blob, 'damaged');
  const { ran, program } = await build();
  assert.equal(ran, ['app 0.1.0 (bin app)', 'small-libc']);
  assert.equal(program.subarray(0, 4).toString('latin1'), '\x7fELF');
});

/** Recipes of the same sources: the C library, the program, a script, and one whose program runs on the host. */
const recipes: Readonly<Record<string, string>> = {
  'recipes/small-libc/recipe.toml': `[source]
path = "../../../libc"
[build]
template = "custom"
script = """
make -C "\${COOKBOOK_SOURCE}" DESTDIR="\${COOKBOOK_STAGE}/usr" CC=cc AR=ar install
"""
`,
  'recipes/app/recipe.toml': '[source]\npath = "../../../app"\n[build]\ntemplate = "cargo"\n',
  'recipes/words/recipe.toml': `[build]
template = "custom"
dev-dependencies = ["host:generator"]
script = """
mkdir -p "\${COOKBOOK_STAGE}/usr/share"
{ echo "\${TARGET} \${GNU_TARGET} \${CC}"; generator; ls "\${COOKBOOK_SYSROOT}/lib"; } > "\${COOKBOOK_STAGE}/usr/share/words"
"""
`,
  'recipes/generator/recipe.toml': `[build]
template = "custom"
script = """
mkdir -p "\${COOKBOOK_STAGE}/usr/bin"
{ echo '#!/bin/sh'; echo "echo generator for \${TARGET}"; } > "\${COOKBOOK_STAGE}/usr/bin/generator"
chmod +x "\${COOKBOOK_STAGE}/usr/bin/generator"
"""
`,
  'recipes/c-program/recipe.toml': `[build]
template = "custom"
script = """
printf '#include <stdio.h>\\nint main(void) { return puts("words"); }\\n' > main.c
mkdir -p "\${COOKBOOK_STAGE}/usr/bin"
\${CC} -O2 main.c -o "\${COOKBOOK_STAGE}/usr/bin/c-program"
"""
`,
  'recipes/by-cmake/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "cmake"\n',
  'recipes/by-cmake/source/CMakeLists.txt':
    'cmake_minimum_required(VERSION 3.10)\nproject(by-cmake C)\nadd_executable(by-cmake main.c)\ninstall(TARGETS by-cmake DESTINATION bin)\n',
  'recipes/by-cmake/source/main.c': '#include <stdio.h>\nint main(void) { return puts("words"); }\n',
  'recipes/by-meson/recipe.toml': '[source]\npath = "source"\n[build]\ntemplate = "meson"\n',
  'recipes/by-meson/source/meson.build': "project('by-meson', 'c')\nexecutable('by-meson', 'main.c', install: true)\n",
  'recipes/by-meson/source/main.c': '#include <stdio.h>\nint main(void) { return puts("words"); }\n',
};

test('recipes are built for the triple if the cookbook has the C library, and share compiled units', async () => {
  await write(join(dir, 'book'), recipes);
  await build();
  const { ran, packages } = await build({}, ['app', 'words']);
  // The recipe's library has the bytes of the one that make built, so nothing is compiled or linked again.
  assert.equal(ran, ['generator', 'small-libc', 'words']);
  assert.ok(packages.get('app usr/bin/app')?.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1')));
  const words = String(packages.get('words usr/share/words'));
  assert.match(words, /^x86_64-unknown-redox x86_64-unknown-redox x86_64-unknown-redox-gcc\ngenerator for \w+-unknown-linux-gnu\n/);
  assert.match(words, /^libc\.a$/m);
});

test('scripts link C programs with the C library by clang and lld', async () => {
  if (!(await findProgram('clang', sandboxPath)) || !(await findProgram('ld.lld', sandboxPath))) {
    process.stderr.write('skipped: the host has no clang and lld\n');
    return;
  }
  const tools = [
    ['c-program', 'clang'],
    ['by-cmake', 'cmake'],
    ['by-meson', 'meson'],
  ] as const;
  for (const [name, tool] of tools) {
    if (!(await findProgram(tool, sandboxPath))) {
      process.stderr.write(`skipped: the host has no ${tool}\n`);
      continue;
    }
    const { packages } = await build({}, [name]);
    const program = packages.get(`${name} usr/bin/${name}`);
    assert.ok(program && program.readBigUInt64LE(24) > 0n, `${name} has no entry: ${[...packages.keys()].join(', ')}`);
    assert.not.match(program.toString('latin1'), 'ld-linux'); // the loader of programs for the host
  }
});

test('without a source of the C library the hint names the flag', async () => {
  try {
    await build({});
    assert.unreachable();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.message, /^Cannot build small: its component small-libc has only upstream's source/);
    assert.match(error.hint ?? '', /--source small-libc=DIR/);
    assert.equal(error.blame, 'host');
  }
});

test.run();
