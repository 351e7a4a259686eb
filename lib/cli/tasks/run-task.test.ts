// The parts of tasks/run.ts that can be tested without a machine. lib/boot/redox-screen.test.ts starts one.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { gdbWords, runFlags, runMachine, screenNotes } from './run-task.ts';
import { terminalSize } from '../terminal.ts';

const project = join(import.meta.dirname, '../../..');
const dir = await mkdtemp(join(tmpdir(), 'run-task-'));
test.after(() => rm(dir, { recursive: true }));
await writeFile(join(dir, 'x.img'), Buffer.alloc(4096));

async function refusal(...words: string[]): Promise<string> {
  const image = ['--system', 'redox', '--image', 'x.img', '--accel', 'tcg'];
  const { task } = puppetTask(runFlags, [...image, ...words], dir, { PATH: process.env['PATH'] ?? '', TMPDIR: dir });
  const terminal = { stdin: new PassThrough(), stdout: new PassThrough() };
  const error: unknown = await runMachine(task, project, terminal).catch((reason: unknown) => reason);
  return error instanceof Failure ? `${error.exitCode} ${error.message} | ${error.hint}` : `no failure: ${String(error)}`;
}

test('the command for gdb is quoted for a shell', () => {
  assert.is(gdbWords(1234, undefined), "gdb -ex 'target remote 127.0.0.1:1234'");
  assert.is(gdbWords(1234, '/out/kernel.elf'), "gdb /out/kernel.elf -ex 'target remote 127.0.0.1:1234'");
  assert.is(gdbWords(9, "/my kernel's/elf"), `gdb '/my kernel'\\''s/elf' -ex 'target remote 127.0.0.1:9'`);
});

test('for a VNC server that other hosts can reach, a note reports that it has no password', () => {
  assert.equal(screenNotes({ kind: 'vnc', host: '127.0.0.1', number: 2 }), ['The screen is at VNC display 127.0.0.1:2 (port 5902).']);
  assert.match(screenNotes({ kind: 'vnc', host: '0.0.0.0', number: 0 }).join(), 'It has no password');
  assert.equal([...screenNotes(undefined), ...screenNotes({ kind: 'hidden' })], []);
});

test('a recording has the size of the terminal, or the usual size', () => {
  const stdin = new PassThrough();
  assert.equal(terminalSize({ stdin, stdout: new PassThrough() }), { width: 80, height: 24 });
  assert.equal(terminalSize({ stdin, stdout: Object.assign(new PassThrough(), { columns: 132, rows: 50 }) }), { width: 132, height: 50 });
});

test('arguments that exclude each other, and files that do not exist, are refused before a machine starts', async () => {
  for (const [words, sentence] of [
    [['--symbols', 'kernel'], '2 Cannot read the command line: --symbols is for --gdb'],
    [['--vscode'], '2 Cannot read the command line: --vscode is for --gdb'],
    [['--gdb', '--vscode'], '2 Cannot write .vscode/launch.json: it needs the kernel with its symbols'],
    [['--gdb', '--symbols', 'kernel'], '1 Cannot read "kernel": it does not exist'],
    [['--graphical', '--vnc', '1'], '2 Cannot read the command line: --graphical chooses what --display and --vnc name'],
    [['--disk', '.'], `2 Cannot use the second disk "${dir}": it is a folder`],
    [['--disk', '/dev/null'], '2 Cannot use the second disk "/dev/null": it is neither a file nor a disk'],
    [['--disk', 'x.img'], `2 Cannot use the second disk "${join(dir, 'x.img')}": the machine has it already`],
    [['--disk', 'none/x'], `2 Cannot use the second disk "${join(dir, 'none/x')}": its folder does not exist`],
    [['--share', 'none'], `2 Cannot share "${join(dir, 'none')}": it does not exist`],
    [['--cast', '.'], `1 Cannot write the recording "${dir}": it is a folder`],
  ] as const) {
    assert.ok((await refusal(...words)).startsWith(sentence), await refusal(...words));
  }
});

test('a port for gdb that another program uses is a failure of the host', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address and a port');
  try {
    const seen = await refusal('--gdb', String(address.port));
    assert.is(
      seen,
      `69 Cannot listen at 127.0.0.1:${address.port} for gdb: another program uses that port | --gdb PORT selects another port`,
    );
  } finally {
    server.close();
  }
});

test.run();
