// The output of tasks/build.ts before a build: the plan of a dry run, and errors on the command line.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { repository } from '../task.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-build-task-'));
test.after(() => rm(dir, { recursive: true, force: true }));

function build(...words: readonly string[]): Promise<RunResult> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir };
  return run([process.execPath, join(repository, 'tasks/build.ts'), ...words], { cwd: dir, env });
}

test('--dry-run prints components, sources and partitions, and writes nothing', async () => {
  const { exitCode, stdout } = await build('redox', '--dry-run', '--source', 'kernel=mine');
  assert.is(exitCode, 0);
  assert.match(stdout, /^Redox, profile default/);
  assert.match(stdout, /kernel +x86_64-unknown-none +mine/);
  assert.match(stdout, 'partition RedoxFS: redoxfs, the rest');
  assert.equal(await readdir(dir), []);
});

test('a dry run of a bzImage prints which files contain the kernel, and builds nothing', async () => {
  const { stdout } = await build('asterinas', '--profile', 'efi', '--dry-run');
  assert.match(stdout, /setup +x86_64-unknown-none +/);
});

test('--help prints the usage, with examples', async () => {
  const { exitCode, stdout } = await build('--help');
  assert.is(exitCode, 0);
  assert.match(stdout, 'Usage: npx zx tasks/build.ts <system> [flags]');
  assert.match(stdout, 'npx zx tasks/build.ts redox --source kernel=../kernel');
});

test('an error on the command line is a sentence, a hint and exit 2', async () => {
  const cases: readonly (readonly [words: readonly string[], sentence: string, hint: string])[] = [
    [[], 'it needs <system>', '--help'],
    [['redux'], 'Cannot find system "redux"', 'did you mean redox?'],
    [['redox', '--jbos', '3'], 'there is no flag "--jbos"', 'did you mean --jobs?'],
    [['redox', '--profile', 'defualt'], 'Cannot find profile "defualt" of redox', 'did you mean default?'],
    [['redox', '--sources', 'mine'], 'Cannot use --sources "mine": it must be upstream or bundled', ''],
    [['redox', '--source', 'kernel'], 'Cannot use --source "kernel": it must be NAME=DIR', ''],
    [['redox', '--base', 'debain'], 'Cannot use --base "debain": it must be debian or nix', ''],
    [['redox', '--base', 'nix'], 'Cannot build redox on the base nix: its page has no such base', ''],
    [['redox', '--base', 'debian'], 'Cannot build redox on the base debian: its page has no such base', ''],
    [['rust-nixos', '--base', 'nix', '--profile', 'vanila'], 'with Nix its profiles are rust, vanilla, nixos-nix', 'did you mean vanilla?'],
    [['redox', '--config', 'my.toml', '--profile', 'cloud'], '--config replaces --profile', 'include = ["cloud.toml"] in the file'],
    [['rust-nixos', '--size', '512'], 'Cannot use --size: no configuration defines the image of rust-nixos, profile rust', ''],
    [['rust-nixos', '--config', 'my.toml'], 'Cannot configure rust-nixos: its page has no configurations', ''],
    [['redox', '--dry-run', '--source', 'kernal=x'], 'redox has no such component', 'did you mean kernel?'],
  ];
  for (const [words, sentence, hint] of cases) {
    const { exitCode, stderr, stdout } = await build(...words);
    assert.equal([exitCode, stdout], [2, ''], words.join(' '));
    assert.match(stderr, sentence);
    assert.match(stderr, hint);
    assert.not.match(stderr, /^ +at /m);
  }
});

test('missing sources stop only builds of profiles that need them', async () => {
  for (const profile of ['direct', 'disk', 'programs', 'installer']) {
    const { exitCode, stderr } = await build('asterinas', '--dry-run', '--profile', profile);
    assert.is(exitCode, 0, `${profile}: ${stderr}`);
  }
  for (const profile of ['uutils', 'debian']) {
    const { exitCode, stderr } = await build('asterinas', '--dry-run', '--profile', profile);
    assert.is(exitCode, 69, profile);
    assert.match(stderr, 'Cannot build asterinas: its sources have not been fetched\nhint: run npx zx tasks/fetch.ts asterinas');
  }
});

test('the base nix without Nix is a sentence, a hint and exit 69, whether the sources were fetched or not', async () => {
  const env = { PATH: dir, HOME: dir };
  const words = [process.execPath, join(repository, 'tasks/build.ts'), 'rust-nixos', '--base', 'nix', '--out', join(dir, 'out')];
  const { exitCode, stderr } = await run(words, { cwd: dir, env });
  assert.is(exitCode, 69);
  assert.match(stderr, 'error: Cannot build rust-nixos on the base nix: Nix is not installed\nhint: run npx zx tasks/doctor.ts --install');
  assert.not.match(stderr, /^ +at /m);
});

test.run();
