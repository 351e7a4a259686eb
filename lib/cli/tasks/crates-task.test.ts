// tasks/crates.ts as users and scripts call it: the paths of programs, --json, messages, exit codes and ^C.
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { outputOf, run, start } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { declaredEnv } from '../flags/compiler-flags.ts';
import { projectFlags } from '../flags/project-flags.ts';
import { chosenProjects } from './crates-task.ts';

const project = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'bloomery-crates-'));
const checkout = join(dir, 'checkout');
await cp(join(project, 'fixtures/crates'), checkout, { recursive: true });
test.after(() => rm(dir, { recursive: true, force: true }));

const command = (words: readonly string[]): readonly string[] => [
  process.execPath,
  join(project, 'tasks/crates.ts'),
  ...words,
  '--cache',
  join(dir, 'cache'),
];

function crates(...words: readonly string[]): Promise<RunResult> {
  return run(command(words), { cwd: dir, env });
}

function lastJson({ stdout }: RunResult): {
  projects: { name: string; bins: Record<string, string> }[];
  units: number;
  hits: number;
  misses: number;
} {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

test('a command line must name either a project or a set', async () => {
  const why = async (...words: readonly string[]): Promise<string> =>
    await chosenProjects(puppetTask(projectFlags, words, dir).task).then(
      (projects) => projects.map(({ name }) => name).join(),
      (error: Error) => error.message,
    );
  assert.is(await why('checkout', '--release'), 'checkout');
  assert.is(await why(), 'Cannot read the command line: it needs either <cargo project> or --set FILE');
  assert.is(await why('checkout', '--set', 'set.toml'), 'Cannot read the command line: it needs either <cargo project> or --set FILE');
});

test('a program is at the path in --json, and the second run builds nothing', async () => {
  const first = await crates(checkout, '--release', '--out', 'o', '--json');
  assert.is(first.exitCode, 0, first.stderr);
  const {
    projects: [only],
    units,
    misses,
  } = lastJson(first);
  assert.is(only?.bins['greeter'], join(dir, 'o/bin/greeter'));
  assert.is(misses, units);
  assert.match(await outputOf('run it', [join(dir, 'o/bin/greeter')], { cwd: dir, env: {} }), 'HELLO');
  const second = await crates(checkout, '--release', '--out', 'o2', '--json', '--quiet');
  assert.equal([lastJson(second).misses, second.stderr], [0, '']);
});

test('without a working bubblewrap a build is refused, and one with --no-sandbox is reported although --quiet', async () => {
  const broken = join(dir, 'broken');
  await mkdir(broken);
  await writeFile(join(broken, 'bwrap'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const bare = (...words: readonly string[]): Promise<RunResult> =>
    run(command([checkout, '--bin', 'greeter', '--out', 'o4', '--quiet', ...words]), {
      cwd: dir,
      env: { ...env, PATH: `${broken}:${env['PATH'] ?? ''}` },
    });
  const refused = await bare('--release', '--env', 'UNSEEN=1');
  assert.is(refused.exitCode, 69);
  assert.match(refused.stderr, /^error: Cannot build in a sandbox: bubblewrap does not work here/);
  const built = await bare('--no-sandbox');
  assert.is(built.exitCode, 0, built.stderr);
  assert.match(built.stderr, /^warning: built without a sandbox \(--no-sandbox\): [^\n]*\n$/);
});

test('several projects in one command share their units', async () => {
  const other = join(dir, 'other');
  await cp(checkout, other, { recursive: true });
  await writeFile(
    join(dir, 'set.toml'),
    '[[project]]\npath = "checkout"\n[[project]]\npath = "other"\nname = "twin"\nbins = ["greeter"]\n',
  );
  const result = await crates('--set', 'set.toml', '--release', '--out', 'both', '--json');
  assert.is(result.exitCode, 0, result.stderr);
  assert.equal(
    lastJson(result).projects.map(({ name }) => name),
    ['checkout', 'twin'],
  );
  assert.is(lastJson(result).misses, 0);
  for (const name of ['checkout', 'twin']) assert.ok((await stat(join(dir, 'both', name, 'bin/greeter'))).isFile());
});

test('an error on the command line is a sentence with exit 2', async () => {
  const cases: readonly (readonly [words: readonly string[], sentence: string])[] = [
    [[], 'it needs either <cargo project> or --set FILE'],
    [[checkout, '--relaese'], 'there is no flag "--relaese"'],
    [[checkout, '--jobs', '0'], 'Cannot use --jobs "0": it must be a whole number of at least 1'],
    [['--set', 'none.toml'], 'none.toml": it cannot be opened'],
    [[checkout, '--env', 'SURELY_NOT_SET'], 'Cannot declare the variable "SURELY_NOT_SET": it has no value here'],
  ];
  for (const [words, sentence] of cases) {
    const { exitCode, stderr, stdout } = await crates(...words);
    assert.equal([exitCode, stdout], [2, ''], stderr);
    assert.match(stderr, sentence);
    assert.not.match(stderr, /^ +at /m);
  }
});

test('a folder of --sysroot is refused if it has no library, and is visible to actions for its triple', async () => {
  const sysroot = join(dir, 'sysroot');
  const words = [checkout, '--package', 'greeter', '--lib', '--triple', 'x86_64-unknown-linux-gnu', '--sysroot', sysroot, '--json'];
  await mkdir(join(sysroot, 'include'), { recursive: true });
  const refused = await crates(...words);
  assert.is(refused.exitCode, 1);
  assert.match(refused.stderr, `Cannot use the sysroot "${sysroot}": it has neither lib/ nor usr/lib/`);
  await mkdir(join(sysroot, 'lib'));
  await writeFile(join(sysroot, 'lib/libnone.a'), 'one');
  const first = lastJson(await crates(...words));
  assert.ok(first.misses > 0);
  assert.is(lastJson(await crates(...words)).misses, 0);
  await writeFile(join(sysroot, 'lib/libnone.a'), 'another');
  const changed = lastJson(await crates(...words)).misses;
  assert.ok(changed > 0 && changed < first.misses, `${changed} of ${first.misses} units were built again`);
});

test('an output folder that cannot be written is a failure of the host, reported in a sentence', async () => {
  const { exitCode, stderr } = await crates(checkout, '--out', '/proc/nowhere');
  assert.ok(exitCode === 69 || exitCode === 1);
  assert.match(stderr, 'Cannot write the programs of checkout to "/proc/nowhere"');
  assert.match(stderr, '--out DIR');
});

test('^C ends the compilers with exit 130, and the next run continues the build', async () => {
  const slow = join(dir, 'slow');
  await cp(checkout, slow, { recursive: true });
  // The script prints a line and then waits for a file that is never created.
  await writeFile(
    join(slow, 'native/build.rs'),
    'fn main() { println!("cargo:warning=x"); loop { std::thread::sleep(std::time::Duration::from_secs(1)); } }\n',
  );
  const child = start(command([slow, '--out', 'o3']), {
    cwd: dir,
    env,
    // The line about a compiled script is the last one before the script starts.
    onStderr: (text) => {
      if (text.includes('built native 0.1.0 (build script)')) process.kill(child.pid, 'SIGINT');
    },
  });
  const { exitCode, stderr } = await child.ended;
  assert.is(exitCode, 130, stderr);
  assert.match(stderr, 'Cannot finish: interrupted');
  assert.equal(await readdir(join(dir, 'cache/v1/tmp')), []);
  await cp(join(checkout, 'native/build.rs'), join(slow, 'native/build.rs'));
  assert.is((await crates(slow, '--out', 'o3')).exitCode, 0);
});

test('a declared variable is NAME=VALUE, or NAME with the value that it has', () => {
  assert.equal(declaredEnv(['A=b=c', 'HOME', 'EMPTY='], { HOME: '/h' }), { A: 'b=c', HOME: '/h', EMPTY: '' });
  assert.throws(
    () => declaredEnv(['=x'], {}),
    (error: unknown) => error instanceof Failure && error.exitCode === 2,
  );
});

test.run();
