// The password of an encrypted disk: typed on a terminal, and in a file.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommandLine } from '../command-line.ts';
import { diskPassword, passwordFlags } from './disk-password.ts';

const { signal } = new AbortController();

function asking(...argv: readonly string[]): Parameters<typeof diskPassword>[0] {
  const usage = { command: 'ask', words: '', about: '', count: [0, 0] as const, flags: passwordFlags, examples: [] };
  return { args: parseCommandLine(usage, argv), path: (text) => text, signal };
}

/** A terminal with the typed keys, and the text that it showed. */
function typed(keys: string): { terminal: Parameters<typeof diskPassword>[2]; shown: () => string; raw: readonly boolean[] } {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) });
  const stdout = new PassThrough();
  stdin.write(keys);
  return { terminal: { stdin, stdout }, shown: () => String(stdout.read()), raw };
}

test('a password that is typed twice is not shown, and keys that delete work', async () => {
  const { terminal, shown, raw } = typed('secrex\x7ft\rsecret\r');
  assert.is(await diskPassword(asking(), { again: true }, terminal), 'secret');
  assert.is(shown(), 'Password of the disk: \nThe same password again: \n');
  assert.equal(raw, [true, false, true, false]);
});

test('two different lines, an empty line and ^C give no password', async () => {
  const attempt = async (keys: string): Promise<string> =>
    await diskPassword(asking(), { again: true }, typed(keys).terminal).catch((error: Error) => error.message);
  assert.is(await attempt('one\rtwo\r'), 'Cannot use the password of the disk: the two lines differ');
  assert.is(await attempt('\r'), 'Cannot use the password of the disk: it is empty');
  assert.is(await attempt('on\x03'), 'Cannot finish: interrupted');
});

test('without a terminal it must be in a file, which has one line', async () => {
  const pipe = { stdin: new PassThrough(), stdout: new PassThrough() };
  const message = async (asked: Promise<string>): Promise<string> => await asked.catch((error: Error) => error.message);
  assert.match(await message(diskPassword(asking(), { again: false }, pipe)), /standard input is not a terminal/);
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-password-'));
  const file = join(dir, 'password');
  const fromFile = async (): Promise<string> => await message(diskPassword(asking('--password-file', file), { again: true }, pipe));
  try {
    assert.match(await fromFile(), /Cannot read the password in ".*": it does not exist/);
    await writeFile(file, 'two words\n');
    assert.is(await fromFile(), 'two words');
    await writeFile(file, 'one\ntwo\n');
    assert.match(await fromFile(), /it has more than one line/);
    await writeFile(file, '\n');
    assert.match(await fromFile(), /it is empty/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test.run();
