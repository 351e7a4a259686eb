// The work of tasks/net.ts: runs or prints the steps that create or remove a network for machines.
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { findProgram, outputOf, run } from '../../core/sh.ts';
import { searchPath, tool } from '../../core/tools.ts';
import { networkDown, networkUp, stepLine } from '../../machine/network.ts';
import type { Firewall, NetworkStep, TapNetwork } from '../../machine/network.ts';
import type { Flag } from '../command-line.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';

export const netFlags = {
  device: { type: 'string', value: 'NAME', help: 'the TAP device (default bloomery0)' },
  address: { type: 'string', value: 'A.B.C.D/N', help: "the host's address in the network (default 10.77.0.1/24)" },
  firewall: { type: 'string', value: 'nft|iptables', help: 'the program that sets up NAT (default nft if it is installed)' },
  user: { type: 'string', value: 'NAME', help: 'the user who may open the device (default: you)' },
  'dry-run': { type: 'boolean', help: 'print the commands, and run none' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

const firewalls: readonly Firewall[] = ['nft', 'iptables'];

export async function changeNetwork(task: Task): Promise<Outcome> {
  const { args, print, host } = task;
  const [way] = args.words;
  if (way !== 'up' && way !== 'down') throw cannot(`do "${way}"`, 'it must be up or down', { blame: 'usage' });
  const network = networkOfFlags(task);
  const firewall = await firewallOf(task);
  const steps = (way === 'up' ? networkUp : networkDown)(network, firewall);
  const json = { way, device: network.device, address: network.address, firewall };
  if (args.has('dry-run')) {
    for (const step of steps) print(stepLine(step));
    return { json: { ...json, commands: steps.map(stepLine) } };
  }
  if (process.getuid?.() !== 0) {
    const hint = `sudo "$(command -v npx)" zx tasks/net.ts ${way} --user ${userInfo().username}, or --dry-run to see the commands`;
    throw cannot('change the network', 'only root may', { blame: 'host', hint });
  }
  const path = searchPath(pathOf(host.env));
  for (const step of steps) await take(step, path, task);
  print(way === 'up' ? `${network.device} is up with ${network.address}: --tap ${network.device}` : `${network.device} is gone`);
  return { json };
}

async function take(step: NetworkStep, path: string, { signal }: Task): Promise<void> {
  if ('file' in step) {
    await writeFile(step.file, step.content).catch((error: unknown) => {
      throw cannotBecause(`write "${step.file}"`, error);
    });
    return;
  }
  const { argv, stdin, unless, mayFail } = step;
  const options = { cwd: '/', env: { PATH: path, LC_ALL: 'C' }, signal, ...(stdin === undefined ? {} : { stdin }) };
  const program = async ([name = '', ...words]: readonly string[]): Promise<readonly string[]> => [await tool(name, path), ...words];
  if (unless && (await run(await program(unless), options)).exitCode === 0) return;
  const command = await program(argv);
  if (mayFail) await run(command, options);
  else await outputOf(`do "${argv.join(' ')}"`, command, options);
}

function networkOfFlags({ args }: Task): TapNetwork {
  const device = args.text('device') ?? 'bloomery0';
  const address = args.text('address') ?? '10.77.0.1/24';
  const user = args.text('user') ?? userInfo().username;
  // The limit is IFNAMSIZ of net/if.h, and the characters are those that ip(8) accepts.
  if (!/^[a-zA-Z][\w.-]{0,14}$/.test(device)) {
    throw cannot(`use --device "${device}"`, 'it must be a name of at most 15 letters and digits', { blame: 'usage' });
  }
  const [, parts = '', length = ''] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(address) ?? [];
  if (parts === '' || parts.split('.').some((part) => Number(part) > 255) || Number(length) < 8 || Number(length) > 30) {
    throw cannot(`use --address "${address}"`, 'it must be like 10.77.0.1/24', { blame: 'usage' });
  }
  if (!/^[\w.-]+$/.test(user)) throw cannot(`use --user "${user}"`, 'it must be the name of a user', { blame: 'usage' });
  return { device, address, user };
}

async function firewallOf({ args, host }: Task): Promise<Firewall> {
  const given = args.text('firewall');
  const path = searchPath(pathOf(host.env));
  const named = firewalls.find((name) => name === given);
  if (given !== undefined && !named) throw cannot(`use --firewall "${given}"`, 'it must be nft or iptables', { blame: 'usage' });
  if (named) return named;
  for (const name of firewalls) if (await findProgram(name, path)) return name;
  if (args.has('dry-run')) return 'nft';
  throw cannot('find "nft" or "iptables"', 'neither is installed', { blame: 'host', hint: 'install the package nftables' });
}
