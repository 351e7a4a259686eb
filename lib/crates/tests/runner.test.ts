// Runners of tests, from cargo's configuration and from variables, and flags of rustdoc. The results are
// compared with those of the real cargo.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFolder } from '../../core/paths.ts';
import { outputOf, run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';

const repository = join(import.meta.dirname, '../../..');
const userEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const host = /^host: (.*)$/m.exec(await outputOf('ask rustc', ['rustc', '-vV'], { cwd: '/', env: userEnv }))?.[1] ?? '';
const runnerVariable = `CARGO_TARGET_${host.toUpperCase().replaceAll('-', '_')}_RUNNER`;

type Env = Readonly<Record<string, string>>;

interface World {
  /** A checkout whose runner records its arguments and then starts the program. */
  readonly checkout: string;
  readonly write: (path: string, text: string) => Promise<void>;
  readonly cargo: (env?: Env) => Promise<RunResult>;
  readonly ours: (env?: Env) => Promise<RunResult>;
  /** Returns the arguments of the runner since the last call, without paths that depend on the checkout. */
  readonly started: () => Promise<readonly string[]>;
}

const test = suite<{ world: World }>('runner');

const script = (name: string): string => `#!/bin/sh
echo "${name} $*" >> "$RUNNER_LOG"
while [ "\${1#-}" != "$1" ]; do shift; done
exec "$@"
`;

test.before.each(async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-runner-'));
  const checkout = join(dir, 'checkout');
  const write = async (path: string, text: string): Promise<void> => {
    await makeFolder(join(checkout, path, '..'));
    await writeFile(join(checkout, path), text);
    if (path.startsWith('tools/')) await chmod(join(checkout, path), 0o755);
  };
  await write('Cargo.toml', '[package]\nname = "ran"\nversion = "0.1.0"\nedition = "2021"\n');
  await write('src/lib.rs', '//! ```\n//! assert_eq!(ran::one(), 1);\n//! ```\npub fn one() -> u32 { 1 }\n#[test]\nfn unit() {}\n');
  await write('tests/it.rs', '#[test]\nfn whole() {}\n');
  await write('tools/first', script('first'));
  await write('tools/second', script('second'));
  const log = join(dir, 'log');
  const env = { ...userEnv, RUNNER_LOG: log, CARGO_TARGET_DIR: join(dir, 'target') };
  const folders = ['--cache', join(dir, 'cache'), '--out', join(dir, 'out')];
  const world: World = {
    checkout,
    write,
    cargo: (more = {}) => run(['cargo', 'test', '--offline', '--target', host], { cwd: checkout, env: { ...env, ...more } }),
    ours: (more = {}) => {
      const { CARGO_TARGET_DIR: _, ...own } = env;
      const argv = [process.execPath, join(repository, 'tasks/crates.ts'), checkout, '--run-tests', '--quiet', ...folders];
      return run(argv, { cwd: dir, env: { ...own, ...more } });
    },
    async started() {
      const text = await readFile(log, 'utf8').catch(() => '');
      await rm(log, { force: true });
      const words = text.split('\n').map((line) => line.split(' ').map((word) => basename(word).replace(/-[0-9a-f]{16}$/, '')));
      return words.map((line) => line.join(' ')).filter((line) => line !== '');
    },
  };
  Object.assign(context, { world, dir });
});

test.after.each(async ({ world }) => rm(join(world.checkout, '..'), { recursive: true, force: true }));

/** Runs cargo and this project, and compares the arguments of the runner. */
async function compared({ cargo, ours, started }: World, env: Env = {}): Promise<readonly string[]> {
  const theirs = await cargo(env);
  assert.is(theirs.exitCode, 0, theirs.stderr);
  const expected = await started();
  const result = await ours(env);
  assert.is(result.exitCode, 0, result.stdout + result.stderr);
  assert.equal(await started(), expected);
  return expected;
}

test('a runner of the configuration starts tests and doc tests, and memoized results depend on its arguments and its bytes', async ({
  world,
}) => {
  const { write, ours, started } = world;
  await write('.cargo/config.toml', `[target.'cfg(unix)']\nrunner = ["tools/first", "-x", "-a b"]\n`);
  const words = await compared(world);
  assert.equal(
    words.map((line) => line.split(' ').slice(0, 4).join(' ')),
    ['first -x -a b', 'first -x -a b', 'first -x -a b'],
  );
  await ours();
  assert.equal(await started(), [], 'all results are in the cache');
  await write('tools/first', `${script('first')}\n# changed\n`);
  await ours();
  assert.is((await started()).length, 3);
  await write('.cargo/config.toml', `[target.${host}]\nrunner = "tools/second  -y"\n[target.'cfg(unix)']\nrunner = "tools/first"\n`);
  assert.equal(await compared(world), ['second -y ran', 'second -y it', 'second -y rust_out']);
});

test('a variable takes precedence over the configuration, and a name without a slash is searched in PATH', async ({ world }) => {
  await world.write('.cargo/config.toml', `[target.${host}]\nrunner = "tools/first"\n`);
  const path = `${join(world.checkout, 'tools')}:${userEnv['PATH'] ?? ''}`;
  const words = await compared(world, { [runnerVariable]: ' second -z ', PATH: path });
  assert.equal(words.slice(0, 2), ['second -z ran', 'second -z it']);
  assert.is((await compared(world, { [runnerVariable]: './tools/second' }))[0], 'second ran');
});

test('a runner that does not exist, is empty or is one of several is refused, as by cargo', async ({ world }) => {
  const { write, cargo, ours } = world;
  const refused = async (env: Env, sentence: string | RegExp): Promise<void> => {
    assert.is.not((await cargo(env)).exitCode, 0);
    const { exitCode, stderr } = await ours(env);
    assert.is(exitCode, 1, stderr);
    assert.match(stderr, sentence, stderr);
  };
  const lost = join(world.checkout, 'tools/lost');
  await refused({ [runnerVariable]: 'tools/lost' }, `Cannot run the tests of ran: the runner "${lost}" of ${host} does not exist`);
  await refused({ [runnerVariable]: '' }, `Cannot choose a runner: the one that is named for ${host} has no word`);
  await write('.cargo/config.toml', `[target.'cfg(unix)']\nrunner = "tools/first"\n[target.'cfg(target_os = "linux")']\nrunner = "x"\n`);
  await refused({}, "several matching instances of `target.'cfg(..)'.runner`");
});

test('flags of rustdoc are passed to tests of documentation', async ({ world }) => {
  const { write, cargo, ours } = world;
  const both = async (env: Env = {}): Promise<readonly (number | null)[]> => [(await cargo(env)).exitCode, (await ours(env)).exitCode];
  await write('src/lib.rs', '//! ```\n//! assert!(cfg!(seen));\n//! ```\n');
  assert.equal(await both(), [101, 1]);
  assert.equal(await both({ RUSTDOCFLAGS: '--cfg seen' }), [0, 0]);
  await write('.cargo/config.toml', '[build]\nrustdocflags = ["--cfg", "seen"]\n');
  assert.equal(await both(), [0, 0]);
  assert.equal(await both({ RUSTDOCFLAGS: '' }), [101, 1]);
});

test.run();
