// The crate compiler as a whole, compared with cargo, on a small workspace with a build script, a proc macro
// and a native library.
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { canonicalJson } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import type { Event } from '../core/events.ts';
import { outputOf, run } from '../core/sh.ts';
import { compile } from './compile.ts';
import type { Compiled, CompileOptions } from './compiled.ts';
import type { Project } from './project.ts';
import { publish } from './compiled.ts';

const fixture = resolve(import.meta.dirname, '../../fixtures/crates');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

interface World {
  readonly dir: string;
  readonly project: Project;
  readonly events: Event[];
  readonly build: (more?: {
    project?: Partial<Project>;
    options?: Partial<CompileOptions>;
    signal?: AbortSignal;
    onEvent?: (event: Event) => void;
    cache?: string;
  }) => Promise<Compiled>;
  readonly answer: () => Promise<string>;
}

const test = suite<{ world: World }>('compile');

/** What is known of the host (hundreds of MB of compiler were read for it) is carried from cache to cache. */
const hostFacts = await mkdtemp(join(tmpdir(), 'bloomery-host-facts-'));
test.after(() => rm(hostFacts, { recursive: true, force: true }));

test.before.each(async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-compile-'));
  const checkout = join(dir, 'checkout');
  await cp(fixture, checkout, { recursive: true });
  const events: Event[] = [];
  const project: Project = {
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
  const world: World = {
    dir,
    project,
    events,
    async build({ project: changes = {}, options = {}, signal = new AbortController().signal, onEvent, cache: cacheName = 'cache' } = {}) {
      const report = (event: Event): void => {
        events.push(event);
        onEvent?.(event);
      };
      await cp(hostFacts, join(dir, cacheName, 'remembered'), { recursive: true });
      const cache = await openCache(join(dir, cacheName), process.pid, report);
      try {
        const shared = {
          cache,
          hostEnv,
          toolchain: undefined,
          rustSrc: undefined,
          jobs: 2,
          sandbox: true,
          shorten: (path: string) => path,
          colour: false,
        };
        const compiled = await compile([{ ...project, ...changes }], { ...shared, ...options }, { report, signal });
        for (const one of compiled.projects) await publish(one, join(dir, 'out'), cache);
        return compiled;
      } finally {
        await cp(join(dir, cacheName, 'remembered'), hostFacts, { recursive: true }).catch(() => {}); // absent when nothing was asked of the host
        await cache.close();
      }
    },
    answer: () => outputOf('run the program', [join(dir, 'out/bin/greeter')], { cwd: dir, env: {} }),
  };
  Object.assign(context, { world });
});

test.after.each(({ world }) => rm(world.dir, { recursive: true, force: true }));

test('a program prints the same as when cargo builds it', async ({ world }) => {
  await world.build();
  const env = { PATH: hostEnv['PATH'] ?? '', HOME: hostEnv['HOME'] ?? '', CARGO_TARGET_DIR: join(world.dir, 'target') };
  await outputOf('build with cargo', ['cargo', 'build', '--offline'], { cwd: world.project.dir, env });
  const cargos = await outputOf('run the program', [join(world.dir, 'target/debug/greeter')], { cwd: world.dir, env: {} });
  assert.match(cargos, /HELLO 3 words, native 42, header forty-two/);
  assert.is(await world.answer(), cargos);
});

test('an unchanged project has no miss, and an edit of a file that no crate reads causes none', async ({ world }) => {
  assert.is((await world.build()).misses, 8);
  await writeFile(join(world.project.dir, 'greeter/README.md'), 'another text');
  assert.is((await world.build()).misses, 0);
});

test('a build without changes plans nothing and reports the same as one that plans', async ({ world }) => {
  await writeFile(join(world.project.dir, 'greeter/src/main.rs'), 'fn main() { let idle = 1; }\n');
  const first = await world.build();
  const told = async (options: Partial<CompileOptions>): Promise<{ planning: boolean; words: readonly unknown[]; bytes: unknown }> => {
    world.events.splice(0);
    const bytes = digestsOf(await world.build({ options }));
    const words = world.events.flatMap((event) =>
      ['unit-finished', 'diagnostic', 'units-skipped', 'planned'].includes(event.kind) ? [canonicalJson({ ...event })] : [],
    );
    return { planning: world.events.some(({ kind }) => kind === 'phase-started'), words: words.sort(), bytes };
  };
  const quick = await told({});
  const slow = await told({ explain: true });
  assert.equal([quick.planning, slow.planning], [false, true]);
  assert.equal(quick.words, slow.words);
  assert.equal(quick.bytes, digestsOf(first));
});

test('changes that could lead to another build cause planning, and others do not', async ({ world }) => {
  const { dir } = world.project;
  const at = (name: string): string => join(dir, name);
  const steps: readonly (readonly [string, boolean, () => Promise<unknown>])[] = [
    ['at first', true, async () => {}],
    ['touched', false, () => utimes(at('greeter/src/lib.rs'), 1, 1)],
    ['a file that nothing reads', false, () => writeFile(at('greeter/README.md'), 'another text')],
    ['a source', true, () => writeFile(at('shout/src/lib.rs'), `${readFileSync(at('shout/src/lib.rs'), 'utf8')}\n`)],
    ['a file that a script reads', true, () => writeFile(at('greeter/words.txt'), 'one two')],
    ['a manifest', true, () => writeFile(at('greeter/Cargo.toml'), `${readFileSync(at('greeter/Cargo.toml'), 'utf8')}\n`)],
    ['a new program', true, () => mkdir(at('greeter/src/bin')).then(() => writeFile(at('greeter/src/bin/more.rs'), 'fn main() {}'))],
    ['configuration', true, () => mkdir(at('.cargo')).then(() => writeFile(at('.cargo/config.toml'), ''))],
  ];
  for (const [what, plans, step] of steps) {
    await step();
    world.events.splice(0);
    await world.build();
    assert.is(
      world.events.some(({ kind }) => kind === 'phase-started'),
      plans,
      what,
    );
    world.events.splice(0);
    await world.build();
    assert.not(
      world.events.some(({ kind }) => kind === 'phase-started'),
      `${what}, once more`,
    );
  }
});

test('an edit rebuilds the units that read the file, and undoing it rebuilds nothing', async ({ world }) => {
  await world.build();
  const words = join(world.project.dir, 'greeter/words.txt');
  const before = await readFile(words);
  await writeFile(words, 'only two');
  // The script reads it, the library includes it, the program links the library; native and shout stay.
  assert.is((await world.build()).misses, 3);
  assert.match(await world.answer(), / 2 words/);
  await writeFile(words, before);
  assert.is((await world.build()).misses, 0);
  assert.match(await world.answer(), / 3 words/);
});

test('a C file of a build script is an input of the program that links it', async ({ world }) => {
  await world.build();
  await writeFile(join(world.project.dir, 'native/csrc/native.c'), 'int native_answer(void) { return 43; }\n');
  await world.build();
  assert.match(await world.answer(), /native 43/);
});

test('a declared variable is visible, and only units that read it are built again', async ({ world }) => {
  await world.build();
  const { misses } = await world.build({ project: { env: { GREETING: 'moin' } } });
  assert.match(await world.answer(), /greeting moin/);
  // The runs of the scripts may read anything. Their output is the same, so of the crates only the reader and
  // its dependent run again.
  assert.ok(misses <= 4, `${misses} units were built`);
});

test('features, profile and one package are as cargo would choose them', async ({ world }) => {
  await world.build({ project: { profile: 'release', defaultFeatures: false, packages: ['greeter'] } });
  assert.match(await world.answer(), /opt 3 debug false profile release os linux loud false/);
});

test('two checkouts with two empty caches give the same bytes', async ({ world }) => {
  const first = await world.build({ project: { profile: 'release' } });
  const other = join(world.dir, 'somewhere/else');
  await cp(fixture, other, { recursive: true });
  const second = await world.build({ project: { dir: other, profile: 'release' }, cache: 'cache2' });
  assert.is(second.misses, first.misses);
  assert.equal(digestsOf(second), digestsOf(first));
});

test('a second checkout gets everything from the cache of the first', async ({ world }) => {
  await world.build({ project: { profile: 'release' } });
  const other = join(world.dir, 'somewhere/else');
  await cp(fixture, other, { recursive: true });
  assert.is((await world.build({ project: { dir: other, profile: 'release' } })).misses, 0);
});

test('incremental compilation continues from the incremental state of its own checkout, whose results no other checkout uses', async ({
  world,
}) => {
  const halfDone = async (): Promise<readonly string[]> => {
    const found = await readdir(join(world.dir, 'cache/v1/checkouts'), { recursive: true }).catch(() => []);
    return found.filter((path) => path.endsWith('/dep-graph.bin')).map((path) => path.split('/')[0] ?? '');
  };
  await world.build({ project: { profile: 'release' } });
  assert.equal(await halfDone(), []);
  await world.build();
  const first = new Set(await halfDone());
  assert.is(first.size, 1);
  const other = join(world.dir, 'somewhere/else');
  await cp(fixture, other, { recursive: true });
  world.events.splice(0);
  await world.build({ project: { dir: other } });
  const built = world.events.flatMap((event) => (event.kind === 'unit-finished' && event.outcome === 'built' ? [event.unit] : []));
  assert.ok(built.includes('greeter 0.1.0') && built.includes('shout 0.1.0 (proc macro)'), String(built));
  assert.not(
    built.some((unit) => unit.endsWith('(run build script)')),
    'what was compiled has the same bytes',
  );
  assert.is(new Set(await halfDone()).size, 2);
  assert.is((await world.build({ project: { dir: other } })).misses, 0);

  await rm(join(world.dir, 'cache/v1/checkouts'), { recursive: true });
  await writeFile(join(other, 'greeter/words.txt'), 'only two');
  assert.is((await world.build({ project: { dir: other } })).misses, 3);
  assert.match(await world.answer(), / 2 words/);
});

test('without a sandbox the program is the same in words', async ({ world }) => {
  await world.build({ options: { sandbox: false } });
  assert.match(await world.answer(), /HELLO 3 words, native 42/);
});

test("a compile error is rustc's own, printed once with the user's path, and finished units are kept", async ({ world }) => {
  await writeFile(join(world.project.dir, 'greeter/src/main.rs'), 'fn main() { let x: u32 = "no"; }\n');
  const failure = await failureOf(world.build());
  assert.is(failure.exitCode, 1);
  assert.is(failure.message, 'Cannot compile greeter 0.1.0 (bin greeter): rustc found 1 error');
  assert.is(failure.detail?.match(/E0308\]/g)?.length, 1);
  assert.match(failure.detail ?? '', `--> ${world.project.dir}/greeter/src/main.rs:1:26`);
  await cp(join(fixture, 'greeter/src/main.rs'), join(world.project.dir, 'greeter/src/main.rs'));
  assert.is((await world.build()).misses, 1);
});

test('a warning is shown when it arises and again when its unit is a hit', async ({ world }) => {
  await writeFile(join(world.project.dir, 'greeter/src/main.rs'), 'fn main() { let idle = 1; }\n');
  const warnings = (): number =>
    world.events.splice(0).filter((event) => event.kind === 'diagnostic' && /unused variable: `idle`/.test(event.text)).length;
  await world.build();
  assert.is(warnings(), 1);
  assert.is((await world.build()).misses, 0);
  assert.is(warnings(), 1);
});

test('a failing build script is named, with its output', async ({ world }) => {
  await writeFile(join(world.project.dir, 'native/build.rs'), 'fn main() { eprintln!("the sky is green"); std::process::exit(3); }\n');
  const failure = await failureOf(world.build());
  assert.is(failure.message, 'Cannot run the build script of native 0.1.0: it ended with status 3');
  assert.match(failure.detail ?? '', 'the sky is green');
});

test('a project that does not parse, a stale lock file with --locked and a missing project are reported in a sentence', async ({
  world,
}) => {
  const manifest = join(world.project.dir, 'greeter/Cargo.toml');
  const good = await readFile(manifest, 'utf8');
  await writeFile(manifest, good.replace('[package]', '[package'));
  assert.match((await failureOf(world.build())).message, /^Cannot plan ".*": /);
  await writeFile(manifest, good.replace('version.workspace = true', 'version = "9.0.0"'));
  const stale = await failureOf(world.build({ project: { locked: true } }));
  assert.match(stale.message, 'its Cargo.lock is out of date');
  assert.match(stale.hint ?? '', 'cargo update');
  const lock = join(world.project.dir, 'Cargo.lock');
  const before = await readFile(lock, 'utf8');
  await world.build();
  assert.is(await readFile(lock, 'utf8'), before.replace(/(?<=name = "greeter"\nversion = ")[^"]*/, '9.0.0'));
  assert.match((await failureOf(world.build({ project: { dir: join(world.dir, 'nowhere') } }))).message, 'there is no Cargo.toml');
});

test('damaged blobs are found, reported and repaired, and the program has the same bytes', async ({ world }) => {
  const before = digestsOf(await world.build({ project: { profile: 'release' } }));
  const store = join(world.dir, 'cache/v1/content');
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await rm(path);
    await writeFile(path, bytes);
  }
  await rm(join(world.dir, 'out'), { recursive: true });
  world.events.length = 0;
  assert.equal(digestsOf(await world.build({ project: { profile: 'release' } })), before);
  assert.ok(world.events.some(({ kind }) => kind === 'repaired'));
  assert.match(await world.answer(), /HELLO/);
});

test('a library with a lost blob below one that is present is built before the units that need both', async ({ world }) => {
  const dir = join(world.dir, 'chain');
  const names = ['bottom', 'middle', 'top', 'program'];
  for (const [at, name] of names.entries()) {
    const below = names[at - 1];
    const uses = below === undefined ? '1' : `${below}::value() + 1`;
    await mkdir(join(dir, name, 'src'), { recursive: true });
    const dependency = below === undefined ? '' : `[dependencies]\n${below} = { path = "../${below}" }\n`;
    await writeFile(join(dir, name, 'Cargo.toml'), `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n${dependency}`);
    const text = name === 'program' ? `fn main() { println!("{}", ${uses}); }\n` : `pub fn value() -> u32 { ${uses} }\n`;
    await writeFile(join(dir, name, name === 'program' ? 'src/main.rs' : 'src/lib.rs'), text);
  }
  await writeFile(join(dir, 'Cargo.toml'), '[workspace]\nmembers = ["program", "top", "middle", "bottom"]\nresolver = "2"\n');
  const project = { dir, profile: 'release', packages: ['program'] };
  const before = digestsOf(await world.build({ project }));
  const records = join(world.dir, 'cache/v1/actions');
  const store = join(world.dir, 'cache/v1/content');
  for (const entry of await readdir(records, { recursive: true })) {
    const text = await readFile(join(records, entry), 'utf8').catch(() => ''); // folders
    if (!/"(?:libbottom|libtop|program)-/.test(text)) continue;
    for (const [digest] of text.split('\n')[1]?.matchAll(/(?<="digest":")[0-9a-f]{64}/g) ?? []) {
      await rm(join(store, digest.slice(0, 2), digest), { force: true });
    }
  }
  await rm(join(world.dir, 'cache/v1/builds'), { recursive: true });
  const again = await world.build({ project });
  assert.is(again.misses, 3);
  assert.equal(digestsOf(again), before);
});

test('an interrupted build keeps finished units, and the next run continues from there', async ({ world }) => {
  const abort = new AbortController();
  let finished = 0;
  const interrupted = world.build({
    signal: abort.signal,
    onEvent: (event) => {
      if (event.kind === 'unit-finished' && ++finished === 3) abort.abort(new Failure('interrupted', 'Cannot finish: interrupted'));
    },
  });
  assert.is((await failureOf(interrupted)).exitCode, 130);
  assert.equal(await readdir(join(world.dir, 'cache/v1/tmp')), []);
  const { hits, misses } = await world.build();
  assert.ok(hits >= 3, `${hits} hits`);
  assert.is(hits + misses, 8);
});

test('a full disk is reported in a sentence, and the cache is usable afterwards', async ({ world }) => {
  const small = join(world.dir, 'small');
  await outputOf('make a folder', ['mkdir', small], { cwd: '/', env: {} });
  await outputOf('mount a small file system', ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small], { cwd: '/', env: {} });
  try {
    const failure = await failureOf(world.build({ cache: 'small' }));
    assert.is(failure.exitCode, 69, `${failure.message} ${failure.detail}`);
    assert.match(failure.message, 'no space left on the device');
    await run(['mount', '-o', 'remount,size=200m', small], { cwd: '/', env: {} });
    assert.is((await world.build({ cache: 'small' })).units, 8);
  } finally {
    await run(['umount', small], { cwd: '/', env: {} });
  }
});

test("a cargo that is missing is the host's lack", async ({ world }) => {
  const bare = { PATH: '/nowhere', HOME: world.dir, RUSTUP_HOME: join(world.dir, 'none') };
  const failure = await failureOf(world.build({ options: { hostEnv: bare } }));
  assert.is(failure.exitCode, 69);
  assert.ok(failure.hint);
});

test.run();

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it should have failed');
}

function digestsOf({ projects }: Compiled): readonly string[] {
  return projects.flatMap(({ outputs }) => [...outputs].map(([name, { digest }]) => `${name} ${digest}`));
}
