// A network for machines that have their own address: a TAP device with NAT, as commands of iproute2 and
// nftables (or iptables). Pure: it returns the steps, and lib/cli/tasks/net-task.ts runs them.

export interface TapNetwork {
  /** The TAP device. */
  readonly device: string;
  /** The host's address in the network, with its prefix length: "10.77.0.1/24". */
  readonly address: string;
  /** The user who may attach a machine to it without being root. */
  readonly user: string;
}

/**
 * A command, or a file that is written. `unless`: if this command succeeds, there is nothing to do.
 * `mayFail`: the thing that the command removes may be absent.
 */
export type NetworkStep =
  | { readonly file: string; readonly content: string }
  | { readonly argv: readonly string[]; readonly stdin?: string; readonly unless?: readonly string[]; readonly mayFail?: true };

export type Firewall = 'nft' | 'iptables';

/** Returns the steps that create the network. Each step may be repeated. */
export function networkUp({ device, address, user }: TapNetwork, firewall: Firewall): readonly NetworkStep[] {
  return [
    {
      argv: ['ip', 'tuntap', 'add', 'dev', device, 'mode', 'tap', 'user', user],
      unless: ['ip', 'link', 'show', 'dev', device],
    },
    { argv: ['ip', 'address', 'replace', address, 'dev', device] },
    { argv: ['ip', 'link', 'set', 'dev', device, 'up'] },
    { file: '/proc/sys/net/ipv4/ip_forward', content: '1\n' },
    ...(firewall === 'nft' ? [nftUp(device, address)] : iptablesRules(device, address).map(iptablesUp)),
  ];
}

/**
 * Returns the steps that remove the network. Forwarding stays enabled, because other programs may need it by
 * now.
 */
export function networkDown({ device, address }: TapNetwork, firewall: Firewall): readonly NetworkStep[] {
  const rules: readonly NetworkStep[] =
    firewall === 'nft'
      ? [{ argv: ['nft', 'delete', 'table', 'ip', tableOf(device)], mayFail: true }]
      : iptablesRules(device, address).map((rule) => ({ argv: ['iptables', ...iptablesWords('-D', rule)], mayFail: true }));
  return [...rules, { argv: ['ip', 'link', 'delete', 'dev', device], mayFail: true }];
}

/** Returns the step as a shell command. */
export function stepLine(step: NetworkStep): string {
  if ('file' in step) return `echo ${step.content.trim()} >${step.file}`;
  const { argv, stdin, unless } = step;
  const command = argv.join(' ');
  if (stdin !== undefined) return `${command} <<'end'\n${stdin}end`;
  return unless ? `${unless.join(' ')} >/dev/null 2>&1 || ${command}` : command;
}

function tableOf(device: string): string {
  return `bloomery_${device.replaceAll(/[^a-zA-Z0-9]/g, '_')}`;
}

/** Creates a separate table in one transaction. Other rules are not changed. */
function nftUp(device: string, address: string): NetworkStep {
  const table = `table ip ${tableOf(device)}`;
  const lines = [
    table,
    `delete ${table}`,
    `${table} {`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat;',
    `    ip saddr ${networkOf(address)} oifname != "${device}" masquerade`,
    '  }',
    '}',
  ];
  return { argv: ['nft', '-f', '-'], stdin: `${lines.join('\n')}\n` };
}

interface IptablesRule {
  readonly table: 'nat' | 'filter';
  readonly words: readonly string[];
}

function iptablesRules(device: string, address: string): readonly IptablesRule[] {
  return [
    { table: 'nat', words: ['POSTROUTING', '-s', networkOf(address), '!', '-o', device, '-j', 'MASQUERADE'] },
    { table: 'filter', words: ['FORWARD', '-i', device, '-j', 'ACCEPT'] },
    { table: 'filter', words: ['FORWARD', '-o', device, '-j', 'ACCEPT'] },
  ];
}

function iptablesWords(action: string, { table, words }: IptablesRule): readonly string[] {
  return ['-t', table, action, ...words];
}

function iptablesUp(rule: IptablesRule): NetworkStep {
  return { argv: ['iptables', ...iptablesWords('-A', rule)], unless: ['iptables', ...iptablesWords('-C', rule)] };
}

/** Returns the network of an address: "10.77.0.1/24" is in 10.77.0.0/24. */
export function networkOf(address: string): string {
  const [host = '', length = '32'] = address.split('/');
  const bits = host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const base = Math.floor(bits / size) * size;
  const parts = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256);
  return `${parts.join('.')}/${length}`;
}
