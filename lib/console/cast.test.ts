// Recordings in asciicast version 2: a player shows exactly what the console printed.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { randomNumbers } from '../core/random-numbers.ts';
import { CastEvents, castFile, castHeader } from './cast.ts';

type CastEvent = readonly [seconds: number, kind: string, text: string];

const eventsIn = (text: string): readonly CastEvent[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

test('the header has the version, the size of the terminal and the title', () => {
  assert.equal(JSON.parse(castHeader({ width: 80, height: 24, title: 'a "boot"' })), {
    version: 2,
    width: 80,
    height: 24,
    title: 'a "boot"',
  });
  assert.is(castHeader({ width: 100, height: 30 }), '{"version":2,"width":100,"height":30}\n');
});

test('an event has its time in seconds, and times never go back', () => {
  const cast = new CastEvents();
  const text = cast.bytes(0, Buffer.from('a\r\n')) + cast.bytes(1234.5678, Buffer.from('\x1b[1mb')) + cast.bytes(1000, Buffer.from('c'));
  assert.is(text, '[0,"o","a\\r\\n"]\n[1.234568,"o","\\u001b[1mb"]\n[1.234568,"o","c"]\n');
});

test('a character that arrives in pieces is in the event of its last piece', () => {
  const cast = new CastEvents();
  const [first, second, third] = [...Buffer.from('€')].map((byte, index) => cast.bytes(index * 1000, Uint8Array.of(byte)));
  assert.equal([first, second, third], ['', '', '[2,"o","€"]\n']);
  assert.is(cast.end(), '');
});

/** Bytes of text with characters of one to four bytes, with bytes that are not UTF-8 between them. */
function console(random: () => number): Buffer {
  const parts = ['a', '\r\n', '\x1b[31m', 'ä', '€', '𝄞', '\ufeff', '\0', '"\\'].map((text) => Buffer.from(text));
  const broken = [[0xff], [0xe2, 0x82], [0xf0, 0x9d], [0xc3], [0x80]].map((bytes) => Buffer.from(bytes));
  const all = [...parts, ...parts, ...broken];
  return Buffer.concat(
    Array.from({ length: 1 + Math.floor(random() * 60) }, () => all[Math.floor(random() * all.length)] ?? Buffer.alloc(0)),
  );
}

test('the output of all events together is the text of the console, however it is cut into pieces', () => {
  for (let seed = 0; seed < 500; seed++) {
    const random = randomNumbers(seed);
    const bytes = console(random);
    const cast = new CastEvents();
    let lines = '';
    let atMs = 0;
    for (let from = 0; from < bytes.length;) {
      const size = 1 + Math.floor(random() * 6);
      atMs += random() * 50;
      lines += cast.bytes(atMs, bytes.subarray(from, from + size));
      from += size;
    }
    const events = eventsIn(lines + cast.end());
    assert.is(events.map(([, , text]) => text).join(''), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), `seed ${seed}`);
    assert.ok(
      events.every(([seconds, kind], index) => kind === 'o' && seconds >= (events[index - 1]?.[0] ?? 0)),
      `seed ${seed}`,
    );
  }
});

test('a file is written event by event; one that cannot be written is a failure with its path', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cast-'));
  try {
    const path = join(root, 'new folder', 'boot.cast');
    const cast = await castFile(path, { width: 80, height: 24 });
    cast.bytes(0, Buffer.from('one'));
    assert.is((await readFile(path, 'utf8')).split('\n')[1], '[0,"o","one"]');
    cast.bytes(5, Uint8Array.of(0xe2));
    cast.close();
    assert.is((await readFile(path, 'utf8')).split('\n')[2], '[0.005,"o","\ufffd"]');
    for (const [name, why] of [
      [root, 'it is a folder'],
      [join(path, 'below a file'), 'a part of the path is not a folder'],
      ['/proc/none/boot.cast', 'it does not exist'],
    ] as const) {
      const error: unknown = await castFile(name, { width: 80, height: 24 }).catch((reason: unknown) => reason);
      assert.match(String(error), `Cannot write the recording "${name}": ${why}`);
    }
  } finally {
    await rm(root, { recursive: true });
  }
});

test.run();
