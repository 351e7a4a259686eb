#!/usr/bin/env zx
// Draws a picture of a terminal from records of real runs. docs/terminal.svg, the picture of README, is drawn from fixtures/terminal.
import { readFile, writeFile } from 'node:fs/promises';
import '../lib/cli/compile-cache.ts';

const { cannotBecause } = await import('../lib/core/errors.ts');
const { screenLines } = await import('../lib/dev/picture/screen.ts');
const { terminalRecord } = await import('../lib/dev/picture/terminal-record.ts');
const { excerpt, terminalSvg } = await import('../lib/dev/picture/terminal-svg.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/picture.ts',
    words: 'RECORD...',
    about: [
      'Draws a terminal with the commands and the output of the records as an SVG file.',
      '',
      'A record is written by script of util-linux. Lines that are too long are cut, and lines in the middle of a long output are left out.',
    ].join('\n'),
    count: [1, 10],
    flags: {
      out: { type: 'string', value: 'FILE', help: 'the picture (default: docs/terminal.svg)' },
      columns: { type: 'string', value: 'N', help: 'characters of a line (default: 100)' },
      lines: { type: 'string', value: 'N', help: 'at most so many lines of each output (default: 12)' },
    },
    examples: [
      "script -qc 'npx zx tasks/build.ts redox' fixtures/terminal/build.record",
      'npx zx tasks/picture.ts fixtures/terminal/build.record fixtures/terminal/boot.record',
    ],
  },
  async ({ args, path, print }) => {
    const out = args.text('out') ?? 'docs/terminal.svg';
    const commands = [];
    for (const file of args.words) {
      const record = await readFile(path(file), 'utf8').catch((error: unknown) => {
        throw cannotBecause(`read "${file}"`, error);
      });
      const { command, text } = terminalRecord(record, file);
      commands.push({ command, lines: excerpt(screenLines(text), args.count('lines', 6) ?? 12) });
    }
    await writeFile(path(out), terminalSvg(commands, args.count('columns', 20) ?? 100)).catch((error: unknown) => {
      throw cannotBecause(`write "${out}"`, error);
    });
    print(out);
  },
);
