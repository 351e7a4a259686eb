// Changes to the form of a console: other line ends, colours, prefixes of recorders, indentation. None of
// them may change a verdict.

export interface Mutation {
  readonly name: string;
  /** `text` is Latin-1, so that each byte is a character. */
  readonly change: (text: string) => string;
}

const before = (prefix: string) => (text: string) => text.replaceAll(/^(?=.)/gm, prefix);

export const mutations: readonly Mutation[] = [
  { name: 'CR LF', change: (text) => text.replaceAll(/(?<!\r)\n/g, '\r\n') },
  { name: 'CR CR LF', change: (text) => text.replaceAll(/(?<!\r)\n/g, '\r\r\n') },
  { name: 'colours', change: (text) => before('\x1b[0m\x1b[32m')(text).replaceAll(/(?=\r?\n)/g, '\x1b[0m') },
  { name: 'empty lines between', change: (text) => text.replaceAll('\n', '\n\n') },
  { name: 'padded', change: (text) => text.replaceAll(/(?<=.)(?=\r?\n)/g, ' '.repeat(7)) },
  { name: 'indented', change: before('    ') },
  { name: 'quoted', change: before('> ') },
  { name: 'dates of a CI', change: before('2024-03-01T12:00:00.1234567Z ') },
  { name: 'a time', change: before('[12:00:00] ') },
  { name: 'a date and a level', change: before('2024-03-01 12:00:00,123 INFO ') },
  { name: 'a container', change: before('vm-1  | ') },
  { name: 'a journal', change: before('Mar  1 12:00:00 host console: ') },
  { name: 'a test driver', change: before('machine # ') },
  { name: 'a serial log', change: before('serial: ') },
];
