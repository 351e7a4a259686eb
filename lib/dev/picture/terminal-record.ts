// Records of script(1) of util-linux: a first line with the command, the bytes of the terminal, a last line with the exit code.
import { cannot } from '../../core/errors.ts';

export interface TerminalRecord {
  readonly command: string;
  /** The command's output to the terminal, with control sequences. */
  readonly text: string;
}

const first = /^Script started on [^\n]*\[COMMAND="([^\n]*?)" TERM="[^\n]*\n/;
const last = /\nScript done on [^\n]*\n?$/;

/** Parses the record that `script -c COMMAND FILE` wrote. Any other text is an error that contains `name`. */
export function terminalRecord(record: string, name: string): TerminalRecord {
  const [header, command] = first.exec(record) ?? [];
  if (header === undefined || command === undefined) {
    throw cannot(`read "${name}"`, 'its first line does not name a command', { hint: 'record it with script -c COMMAND FILE' });
  }
  return { command, text: record.slice(header.length).replace(last, '\n') };
}
