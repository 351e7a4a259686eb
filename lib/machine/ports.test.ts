// Ports for a machine's monitor, some of which are used by other programs.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { MachineDescription } from './machine.ts';
import { checkPorts, freePort, portsOf } from './ports.ts';

const base: MachineDescription = { firmware: 'uefi', memoryBytes: 2 ** 30, cpus: 1, imageInterface: 'nvme' };
const host = '127.0.0.1';

/** A server at a port that the system chooses. */
async function occupied(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address and a port');
  return { port: address.port, server };
}

async function failure(machine: MachineDescription): Promise<string> {
  const error: unknown = await checkPorts(machine).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw new Error(`no failure: ${String(error)}`);
  return `${error.exitCode} ${error.message} | ${error.hint}`;
}

test('the ports of a machine are those of gdb, of VNC, and the ones that lead into the guest', () => {
  const network = { kind: 'user', forwards: [{ hostPort: 2222, guestPort: 22 }] } as const;
  const machine: MachineDescription = {
    ...base,
    network,
    gdb: { port: 1234, wait: false },
    display: { kind: 'vnc', host: '::1', number: 7 },
  };
  assert.equal(
    portsOf(machine).map(({ host, port }) => `${host} ${port}`),
    ['127.0.0.1 1234', '::1 5907', '127.0.0.1 2222'],
  );
  assert.equal(portsOf({ ...base, network: { kind: 'tap', device: 'tap0' }, display: { kind: 'hidden' } }), []);
});

test('a port that another program uses is a failure that names the port and the flag', async () => {
  const { port, server } = await occupied();
  try {
    const sentence = `69 Cannot listen at 127.0.0.1:${port} for gdb: another program uses that port | --gdb PORT selects another port`;
    assert.is(await failure({ ...base, gdb: { port, wait: false } }), sentence);
  } finally {
    server.close();
  }
  await checkPorts({ ...base, gdb: { port, wait: false } });
});

test('an address that is not of this host is a failure', async () => {
  const display = { kind: 'vnc', host: '192.0.2.1', number: 0 } as const;
  assert.match(await failure({ ...base, display }), /^69 Cannot listen at 192\.0\.2\.1:5900 for VNC: it is not an address of this host/);
});

test('the first free port is after those that are used', async () => {
  const { port, server } = await occupied();
  try {
    assert.is(await freePort(host, port, 1), undefined);
    assert.ok(((await freePort(host, port, 100)) ?? 0) > port);
  } finally {
    server.close();
  }
});

test.run();
