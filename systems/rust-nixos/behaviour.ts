// The required behaviour of every init: services, and rows that check it. The same rows pass with each
// backend. They run in the guest's shell as root after the boot. Then the machine is powered off and its
// console is read. `probe` is systems/rust-nixos/programs/probe, at /usr/bin/probe.
import type { Service, ServiceSet } from '../../lib/system/services.ts';
import { baseServices } from './services.ts';

/** A command for a POSIX shell, and its output (without spaces at its ends) or a pattern for it. */
export interface BehaviourRow {
  readonly name: string;
  readonly run: string;
  readonly expect: string | RegExp;
}

/** A pattern for a line of the serial console: during the boot, or after `poweroff`. */
export interface ConsoleRow {
  readonly name: string;
  readonly when: 'boot' | 'power-off';
  readonly expect: RegExp;
}

const probe = (...words: string[]): Service['command'] => ['/usr/bin/probe', ...words];
/** All services except the witness need it, so that it is stopped last and can report the order. */
const watched = { needs: ['witness'] } as const;

const services: ServiceSet['services'] = {
  // The order of the description differs from the order of the starts.
  fourth: { command: probe('serve', 'fourth'), needs: ['third', 'witness'] },
  third: {
    command: probe('serve', 'third', '/run/probe/third.ready'),
    needs: ['second', 'witness'],
    // The file may also be created by another user. A service that is only "started" may write its first line
    // after its dependents.
    ready: { file: '/run/probe/third.ready' },
    user: 'probe',
    group: 'probers',
    directory: '/run/probe',
    environment: { GREETING: 'hello, "world"; 100 % of $HOME', EMPTY: '' },
  },
  second: { command: probe('serve', 'second', '/run/probe/second.ready'), needs: ['first'], ready: { file: '/run/probe/second.ready' } },
  first: { command: probe('once', 'first'), ...watched, ready: 'exits' },
  crasher: {
    command: probe('crash', 'crasher', '2'),
    ...watched,
    restart: { when: 'on-failure', limit: 3, withinSec: 60, delaySec: 0.2 },
  },
  broken: { command: probe('refuse', 'broken'), ...watched, restart: { when: 'on-failure', limit: 2, withinSec: 60, delaySec: 0.2 } },
  refuser: { command: probe('refuse', 'refuser'), ...watched, ready: 'exits' },
  orphan: { command: probe('serve', 'orphan'), needs: ['refuser'] },
  online: { command: probe('once', 'online'), ...watched, needsNetwork: true, ready: 'exits' },
  witness: { command: probe('witness') },
};

/** Arguments for QEMU: a second network card, which has the static address. */
export const behaviourMachine: readonly string[] = ['-netdev', 'user,id=net1,net=10.9.8.0/24', '-device', 'virtio-net-pci,netdev=net1'];

/** The base services with those of the suite. */
export const behaviourServices: ServiceSet = {
  ...baseServices,
  users: { ...baseServices.users, probe: { uid: 790, groups: ['probers', 'adm'] } },
  groups: { probers: 791 },
  temporaryFiles: {
    ...baseServices.temporaryFiles,
    'run/probe': { kind: 'folder', mode: 0o2775, group: 'probers' },
    'run/probe/log': { kind: 'file', mode: 0o666 },
    'run/probe/own': { kind: 'file', mode: 0o640, user: 'probe', group: 'probers', text: 'a text\nof two lines\n' },
    'run/probe/link': { kind: 'link', target: 'own' },
  },
  interfaces: {
    ...baseServices.interfaces,
    eth1: { kind: 'static', address: '10.9.8.7/24', routes: [{ destination: '10.77.0.0/16', gateway: '10.9.8.1' }] },
  },
  services,
};

const logOf = (...names: string[]): string => `grep -E '^(start|ready|stop) (${names.join('|')})$' /run/probe/log`;

export const behaviourRows: readonly BehaviourRow[] = [
  {
    name: 'every service has come to its end or its rest',
    run: [
      'for i in $(seq 300); do',
      'services failed | grep -q broken && grep -q online /run/probe/log && grep -q fourth /run/probe/log',
      '&& [ "$(grep -c crasher /run/probe/log)" = 3 ] && break; sleep 0.2; done; echo $?',
    ].join(' '),
    expect: '0',
  },
  {
    name: 'services start in the order of their needs, each when the one before is ready',
    run: logOf('first', 'second', 'third', 'fourth'),
    expect: 'start first\nstart second\nready second\nstart third\nready third\nstart fourth',
  },
  { name: 'a crash is followed by restarts until it serves', run: logOf('crasher'), expect: 'start crasher\nstart crasher\nstart crasher' },
  { name: 'restarts end at their limit', run: logOf('broken'), expect: 'start broken\nstart broken\nstart broken' },
  { name: 'what needs a failed service is not started', run: `${logOf('refuser', 'orphan')}; true`, expect: 'start refuser' },
  { name: 'those that failed are known', run: 'services failed | sort', expect: 'broken\norphan\nrefuser' },
  {
    name: 'a service runs that has come through',
    run: 'services list | grep -E "^(crasher|fourth) " | cut -d" " -f1,2 | sort',
    expect: 'crasher running\nfourth running',
  },
  {
    name: 'a service has its user, group and further groups',
    run: "grep -E '^(uid|gid|groups) ' /var/log/third.log",
    expect: /^uid 790 790 790 790\ngid 791 791 791 791\ngroups 4 791$/,
  },
  {
    name: 'a service has its environment and folder',
    run: "grep -E '^(directory|env (EMPTY|GREETING|HOME|LOGNAME|SHELL|USER)=)' /var/log/third.log",
    expect: [
      'directory /run/probe',
      ...[
        'EMPTY=',
        'GREETING=hello, "world"; 100 % of $HOME',
        'HOME=/nonexistent',
        'LOGNAME=probe',
        'SHELL=/usr/sbin/nologin',
        'USER=probe',
      ].map((pair) => `env ${pair}`),
    ].join('\n'),
  },
  {
    name: 'temporary files have their kinds, modes and owners',
    run: "stat -c '%n %F %a %U %G' /run/probe /run/probe/own; readlink /run/probe/link; cat /run/probe/link",
    expect: '/run/probe directory 2775 root probers\n/run/probe/own regular file 640 probe probers\nown\na text\nof two lines',
  },
  { name: 'an address comes by DHCP', run: 'ip -4 -o addr show dev eth0', expect: /inet 10\.0\.2\.15\/24 / },
  {
    name: 'an address and a route are set as described',
    run: 'ip -4 -o addr show dev eth1; ip route',
    expect: /inet 10\.9\.8\.7\/24 [^]*10\.77\.0\.0\/16 via 10\.9\.8\.1/,
  },
  { name: 'the default route leads to the router', run: 'ip route | grep default', expect: /^default via 10\.0\.2\.2 dev eth0/ },
  { name: 'lo is up', run: 'ip -4 -o addr show dev lo', expect: /127\.0\.0\.1\/8/ },
  { name: 'the resolver knows the server that DHCP named', run: "grep -E '^nameserver' /etc/resolv.conf", expect: 'nameserver 10.0.2.3' },
  {
    name: 'the host has its name and resolves it',
    run: 'cat /proc/sys/kernel/hostname; /usr/bin/probe resolve "$(cat /proc/sys/kernel/hostname)"',
    expect: 'rust-nixos\n127.0.1.1',
  },
  { name: 'what waits for the network has come after it', run: logOf('online'), expect: 'start online' },
];

export const consoleRows: readonly ConsoleRow[] = [
  { name: 'a failing service is reported', when: 'boot', expect: /service broken failed/ },
  { name: 'so is one that cannot start for it', when: 'boot', expect: /service orphan failed/ },
  { name: 'services stop in the reverse order', when: 'power-off', expect: /behaviour: stopped .*\bfourth\b.*\bthird\b.*\bsecond\b/ },
];
