// Reads the password of an encrypted disk from a file, or from the terminal, where it is not shown.
import { readFile } from 'node:fs/promises';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Flag } from '../command-line.ts';
import type { Task } from '../task.ts';
import { hiddenLine } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

export const passwordFlags = {
  'password-file': { type: 'string', value: 'FILE', help: 'the password of an encrypted disk is the one line of this file' },
} as const satisfies Record<string, Flag>;

type Asking = Pick<Task, 'args' | 'path' | 'signal'>;

/**
 * Returns the password. `again`: a new one, which the user types twice. An empty one is a Failure, and so is
 * a missing terminal.
 */
export async function diskPassword(
  { args, path, signal }: Asking,
  { again }: { readonly again: boolean },
  terminal: Terminal = { stdin: process.stdin, stdout: process.stderr },
): Promise<string> {
  const file = args.text('password-file');
  if (file !== undefined) return await passwordIn(path(file));
  if (terminal.stdin.isTTY !== true) {
    throw cannot('read the password of the disk', 'standard input is not a terminal', {
      blame: 'usage',
      hint: 'give --password-file FILE',
    });
  }
  const password = await hiddenLine('Password of the disk: ', terminal, signal);
  if (password === '') throw cannot('use the password of the disk', 'it is empty', { blame: 'usage' });
  if (again && (await hiddenLine('The same password again: ', terminal, signal)) !== password) {
    throw cannot('use the password of the disk', 'the two lines differ', { blame: 'usage', hint: 'run the command again' });
  }
  return password;
}

async function passwordIn(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw cannotBecause(`read the password in "${file}"`, error);
  }
  const password = text.replace(/\r?\n$/, '');
  const why = password === '' ? 'it is empty' : /[\r\n]/.test(password) ? 'it has more than one line' : undefined;
  if (why) throw cannot(`read the password in "${file}"`, why, { blame: 'usage' });
  return password;
}
