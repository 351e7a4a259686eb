// The protocol with a fake QEMU: greeting, events in between, refusals, and a QEMU that ends.
import * as assert from 'uvu/assert';
import { Duplex } from 'node:stream';
import { test } from 'uvu';
import { openQmp, qemuControl } from './control.ts';

/** Responds with the result of `answer` for each command and its number. */
function puppet(answer: (command: string, id: number) => string): Duplex {
  const socket: Duplex = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      const { execute, id } = JSON.parse(bytes.toString()) as { execute: string; id: number };
      const told = execute === 'qmp_capabilities' ? `{"return": {}, "id": ${id}}\r\n` : answer(execute, id);
      for (const letter of told) socket.push(letter);
      done();
    },
  });
  socket.push('{"QMP": {"version": {}, "capabilities": []}}\r\n');
  return socket;
}

test('a command returns its result, with events before it and however the bytes are split', async () => {
  const event = '{"event": "RESUME", "timestamp": {}}\r\n';
  const qmp = openQmp(puppet((command, id) => `${event}{"id": ${id}, "return": {"asked": "${command}"}}\r\n`));
  assert.equal(await qmp.execute('query-status'), { asked: 'query-status' });
  assert.equal(await qmp.execute('query-block'), { asked: 'query-block' });
});

test('answers find their commands in any order', async () => {
  let held = '';
  const qmp = openQmp(
    puppet((command, id) => {
      const told = `{"id": ${id}, "return": "of ${command}"}\r\n`;
      if (held !== '') return told + held;
      held = told;
      return '';
    }),
  );
  assert.equal(await Promise.all([qmp.execute('a'), qmp.execute('b')]), ['of a', 'of b']);
});

test("a refusal is reported with QEMU's message", async () => {
  const qmp = openQmp(puppet((_, id) => `{"id": ${id}, "error": {"class": "GenericError", "desc": "no such thing"}}\r\n`));
  const error: unknown = await qmp.execute('balloon').catch((reason: unknown) => reason);
  assert.is(String(error), 'Failure: Cannot have QEMU do "balloon": no such thing');
});

test('the end of a machine ends all waiting', async () => {
  const socket = puppet(() => '');
  const qmp = openQmp(socket);
  const asked = qmp.execute('stop').catch((reason: unknown) => reason);
  setImmediate(() => socket.destroy());
  assert.match(String(await asked), 'Cannot have QEMU do "stop": the machine has ended');
  assert.match(String(await qmp.execute('cont').catch((reason: unknown) => reason)), 'the machine has ended');
});

test('an answer of another form than the command has is reported', async () => {
  const control = qemuControl(openQmp(puppet((_, id) => `{"id": ${id}, "return": {"state": "running"}}\r\n`)), '/tmp');
  const error: unknown = await control.info().catch((reason: unknown) => reason);
  assert.is(String(error), 'Failure: Cannot understand QEMU\'s answer to "query-status": "status" is not a string');
});

test.run();
