// tasks/run.ts SYSTEM -- COMMAND: refused command lines, and a command in the bundled Redox in a real QEMU,
// whose image is built first.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import { Failure } from '../../core/errors.ts';
import { parseCommandLine } from '../command-line.ts';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { repository } from '../task.ts';
import { chosenShell } from './guest-command-task.ts';
import { runFlags, runMachine } from '../tasks/run-task.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'guest-command-task-'));
test.after(() => rm(dir, { recursive: true }));

async function refusal(...words: string[]): Promise<string> {
  const args = parseCommandLine(
    { command: 'run', words: '', about: '', count: [0, 1], flags: runFlags, after: 'COMMAND...', examples: [] },
    words,
  );
  const terminal = { stdin: new PassThrough(), stdout: new PassThrough() };
  const { task } = puppetTask(runFlags, [], dir, { ...env, TMPDIR: dir });
  const error: unknown = await runMachine({ ...task, args }, repository, terminal).catch((reason: unknown) => reason);
  return error instanceof Failure ? `${error.exitCode} ${error.message}` : `no failure: ${String(error)}`;
}

test('a missing command, flags of a console on the terminal and a guest without a shell are refused before anything is built', async () => {
  for (const [words, sentence] of [
    [['redox', '--'], '2 Cannot read the command line: there is no command after --'],
    [
      ['redox', '--graphical', '--', 'ls'],
      '2 Cannot read the command line: --graphical is for a console on the terminal, not for -- COMMAND',
    ],
    [['redox', '--cast', 'x', '--', 'ls'], '2 Cannot read the command line: --cast is for a console on the terminal'],
    [['hello', '--', 'ls'], '2 Cannot run a command in hello: its page has no shell'],
    [['--system', 'redox', '--image', 'none.img', '--', 'ls'], '2 Cannot boot "'],
    [['redox', '--json'], '2 Cannot read the command line: --json is for -- COMMAND'],
  ] as const) {
    const seen = await refusal(...words);
    assert.ok(seen.startsWith(sentence), seen);
  }
});

test('the login is that of the command line, else that of the page', () => {
  const shell = (...words: readonly string[]): unknown =>
    chosenShell(puppetTask(runFlags, words, dir).task.args, { name: 'x', shell: { user: 'page' } });
  assert.equal(shell(), { user: 'page' });
  assert.equal(shell('--login', 'root:a:b'), { user: 'root', password: 'a:b' });
  assert.equal(shell('--login', 'root'), { user: 'root' });
  assert.equal(shell('--login', 'root:'), { user: 'root', password: '' });
  assert.equal(shell('--login='), {});
});

test('the output of the command is printed unchanged, and its status is that of the task', async () => {
  const ran = (...words: readonly string[]): ReturnType<typeof run> =>
    run([process.execPath, join(repository, 'tasks/run.ts'), 'redox', '--accel', 'tcg', ...words], { cwd: dir, env });
  const echoed = await ran('--', 'echo', 'two  blanks', "and it's $?");
  assert.equal([echoed.exitCode, echoed.stdout], [0, "two  blanks and it's $?\n"], echoed.stderr);
  const failed = await ran('--json', '--', 'cat', '/no such file');
  const { seconds, verdict, ...rest } = JSON.parse(failed.stdout) as {
    readonly seconds: number;
    readonly verdict: { readonly kind: string };
  };
  const output = 'cat: /no such file: No such file or directory\n';
  assert.equal([failed.exitCode, rest, verdict.kind], [1, { command: "cat '/no such file'", status: 1, output }, 'booted']);
  assert.ok(seconds > 0);
});

test.run();
