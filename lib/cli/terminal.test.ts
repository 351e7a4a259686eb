// Connects a terminal to a console. Both are replaced by streams.
import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { joinTerminal } from './terminal.ts';

/** A serial console whose other end the test controls. */
function serialPair(): { serial: Duplex; typed: () => string; say: (text: string) => void; close: () => void } {
  let heard = '';
  const serial = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      heard += String(chunk);
      done();
    },
  });
  return {
    serial,
    typed: () => heard,
    say: (text) => {
      serial.push(text);
    },
    close: () => {
      serial.destroy();
    },
  };
}

function terminal(): { stdin: PassThrough & { isTTY: boolean; setRawMode: (raw: boolean) => void }; stdout: PassThrough; raw: boolean[] } {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => {
      raw.push(on);
    },
  });
  return { stdin, stdout: new PassThrough(), raw };
}

const never = new AbortController().signal;

test('keys are sent unchanged, including ^C; bytes are printed; Ctrl-] leaves, and the terminal is restored', async () => {
  const { serial, typed, say } = serialPair();
  const person = terminal();
  const joined = joinTerminal(serial, person, never);
  say('login: ');
  const [shown] = await once(person.stdout, 'data');
  assert.is(String(shown), 'login: ');
  person.stdin.write('root\r\x03');
  person.stdin.write('ls\x1dnot this');
  await joined;
  assert.is(typed(), 'root\r\x03ls');
  assert.equal(person.raw, [true, false]);
});

test('a console that closes, or an abort, ends it', async () => {
  const { serial, close } = serialPair();
  const person = terminal();
  const joined = joinTerminal(serial, person, never);
  close();
  await joined;
  const abort = new AbortController();
  const again = joinTerminal(serialPair().serial, person, abort.signal);
  abort.abort();
  await again;
  assert.equal(person.raw, [true, false, true, false]);
});

test.run();
