// A test that leaves a process which holds its output open, for example a daemon. `cargo test` does not wait
// for such a process.
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf, run } from '../../core/sh.ts';

const task = join(import.meta.dirname, '../../../tasks/crates.ts');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

/**
 * The first test leaves a process that waits until another process opens the pipe. The test then ends, if
 * that process has its own process group.
 */
const source = `
use std::process::Command;

#[test]
fn leaves() {
    let (hold, ready) = (env!("HOLD"), env!("READY"));
    Command::new("setsid").args(["sh", "-c", &format!(": > {ready}; : < {hold}")]).spawn().unwrap();
    std::fs::read(ready).unwrap();
}

#[test]
fn plain() {}
`;

test('a test program that leaves a process passes with a note, and its result is not memoized', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-leaky-'));
  const [hold, ready] = [join(dir, 'hold'), join(dir, 'ready')];
  const project = join(dir, 'project');
  try {
    await outputOf('make the pipes', ['mkfifo', hold, ready], { cwd: dir, env: {} });
    await mkdir(join(project, 'src'), { recursive: true });
    await writeFile(join(project, 'Cargo.toml'), '[package]\nname = "leaky"\nversion = "0.1.0"\nedition = "2021"\n');
    await writeFile(join(project, 'src/lib.rs'), source);
    const folders = ['--cache', join(dir, 'cache'), '--out', join(dir, 'out'), '--env', `HOLD=${hold}`, '--env', `READY=${ready}`];
    const tests = async (...words: readonly string[]): Promise<{ readonly stderr: string; readonly programs: readonly unknown[] }> => {
      const argv = [process.execPath, task, project, '--run-tests', '--lib', '--json', ...folders, ...words];
      const { exitCode, stdout, stderr } = await run(argv, { cwd: dir, env });
      assert.is(exitCode, 0, stdout + stderr);
      const { passed, programs } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
      assert.is(passed, 2);
      return { stderr, programs };
    };
    for (const words of [[], [], ['--per-test']]) {
      const { stderr, programs } = await tests(...words);
      const [program] = programs;
      const { leaky, fromCache } = program as { readonly leaky?: boolean; readonly fromCache: boolean };
      assert.equal([leaky, fromCache], [true, false]);
      assert.match(stderr, /tests\/leaky\.lib: 2 tests passed in [\d.]+ s; a process that it left holds its output open/);
    }
  } finally {
    const opened = openSync(hold, 'r+'); // the waiting processes end
    await rm(dir, { recursive: true, force: true });
    closeSync(opened);
  }
});

test.run();
