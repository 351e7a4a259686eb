// The picture as text, and that the one of README is drawn from its records.
import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { screenLines } from './screen.ts';
import { terminalRecord } from './terminal-record.ts';
import { excerpt, terminalSvg } from './terminal-svg.ts';

const line = (text: string) => screenLines(text)[0] ?? [];

test('columns, colours and special characters', () => {
  const svg = terminalSvg([{ command: 'a <b> "c"', lines: screenLines('\x1b[32mok\x1b[39m & \x1b[2m1 s\x1b[22m\n\n\x1b[1mlast\n') }], 40);
  const spans = [...svg.matchAll(/<text y="(\d+)">(.*)<\/text>/g)].map(([, y, spans]) => `${y} ${spans}`);
  assert.equal(spans, [
    '64 <tspan x="18" fill-opacity="0.6">$ </tspan><tspan x="34.8" font-weight="bold">a &lt;b&gt; &quot;c&quot;</tspan>',
    '84 <tspan x="18" fill="#7ec97e">ok</tspan><tspan x="34.8"> &amp; </tspan><tspan x="60" fill-opacity="0.6">1 s</tspan>',
    '124 <tspan x="18" font-weight="bold">last</tspan>',
  ]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="372" height="148" /);
});

test('a line that is longer than the terminal is cut', () => {
  const drawn = (text: string): string => terminalSvg([{ command: 'c', lines: [line(text)] }], 5);
  assert.match(drawn('12345'), />12345</);
  assert.match(drawn('123456'), />1234<\/tspan><tspan x="51\.6" fill-opacity="0\.6">…</);
  assert.match(
    drawn('12\x1b[1m3456'),
    />12<\/tspan><tspan x="34\.8" font-weight="bold">34<\/tspan><tspan x="51\.6" fill-opacity="0\.6">…</,
  );
});

test('lines in the middle of a long output are left out, and counted', () => {
  const lines = Array.from({ length: 20 }, (_, index) => line(`${index}`));
  const seen = excerpt(lines, 8).map((shown) => shown.map(({ text }) => text).join(''));
  assert.equal(seen, ['0', '1', '2', '3', '[... 13 lines ...]', '17', '18', '19']);
  assert.is(excerpt(lines, 20), lines);
});

test('docs/terminal.svg is drawn from fixtures/terminal', async () => {
  const read = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const commands = [];
  for (const name of ['build', 'boot']) {
    const { command, text } = terminalRecord(await read(`fixtures/terminal/${name}.record`), name);
    commands.push({ command, lines: excerpt(screenLines(text), 12) });
  }
  assert.is(await read('docs/terminal.svg'), terminalSvg(commands, 100), 'draw it with tasks/picture.ts');
});

test.run();
