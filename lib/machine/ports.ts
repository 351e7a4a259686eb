// TCP ports of this host for the servers of a machine's monitor. They are checked before the monitor starts,
// because its own message about an occupied port does not name the flag to change.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { cannot, errnoOf } from '../core/errors.ts';
import { firstVncPort } from './machine.ts';
import type { MachineDescription } from './machine.ts';

interface WantedPort {
  readonly host: string;
  readonly port: number;
  readonly purpose: string;
  readonly hint: string;
}

/** Returns the ports on which QEMU will listen. */
export function portsOf({ display, gdb, network }: MachineDescription): readonly WantedPort[] {
  const [loopback, forwards] = ['127.0.0.1', network?.kind === 'user' ? network.forwards : []];
  return [
    ...(gdb ? [{ host: loopback, port: gdb.port, purpose: 'gdb', hint: '--gdb PORT selects another port' }] : []),
    ...(display?.kind === 'vnc'
      ? [{ host: display.host, port: firstVncPort + display.number, purpose: 'VNC', hint: '--vnc N uses port 5900 + N' }]
      : []),
    ...forwards.map(({ hostPort }) => ({
      ...{ host: loopback, port: hostPort, purpose: 'the guest' },
      hint: '--forward HOST:GUEST selects another port',
    })),
  ];
}

/** Throws a Failure (host) if one of the ports cannot be used. */
export async function checkPorts(machine: MachineDescription): Promise<void> {
  for (const { host, port, purpose, hint } of portsOf(machine)) {
    const code = await refusal(host, port);
    if (code === undefined) continue;
    throw cannot(`listen at ${host}:${port} for ${purpose}`, reasons[code] ?? code, { blame: 'host', hint });
  }
}

/** Returns the first free port of `count` ports from `first` on, or undefined if all are in use. */
export async function freePort(host: string, first: number, count: number): Promise<number | undefined> {
  for (let port = first; port < first + count; port++) if ((await refusal(host, port)) === undefined) return port;
  return undefined;
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses that port',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'it is not an address of this host',
  ENOTFOUND: 'there is no such host name',
};

/** Returns the error code if the port cannot be used, otherwise undefined. */
async function refusal(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
