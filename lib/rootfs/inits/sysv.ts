// Renders services for Debian's sysvinit: LSB init scripts with the links that insserv would create, inittab,
// ifupdown's interfaces, /etc/modules. Formats: inittab(5), interfaces(5), modules(5), the LSB's comment
// conventions for init scripts.
import { accountOf } from '../accounts.ts';
import type { FileFacts } from '../../system/image-facts.ts';
import { defaultModes, hostFiles, octal, refused, refuseTaken, shellWord } from '../services/service-backend.ts';
import type { Rendering, ServiceBackend } from '../services/service-backend.ts';
import type { CheckedServices, FullService, Interface, TemporaryFile } from '../../system/services.ts';
import { scriptFiles, serviceFacts } from './sysv-scripts.ts';

export const sysvBackend: ServiceBackend = { name: 'sysvinit', render };

const multiUser = [2, 3, 4, 5] as const;
const downLevels = [0, 1, 6] as const;
/** Start links begin with this number: after those of Debian's packages, which insserv numbers from 1. */
const firstStart = 50;
const mostLevels = 40;
/**
 * Names in /etc/init.d that belong to initscripts, sysv-rc, ifupdown, udev, kmod, procps and dbus, and to
 * this renderer.
 */
const debianScripts =
  /^(?:rcS?|README|service-files|boot\w*|brightness|halt|reboot|hwclock|killprocs|kmod|networking|procps|rmnologin|sendsigs|single|u?mount\S*|udev|dbus)$/;

function render(set: CheckedServices): Rendering {
  const interfaces = Object.entries(set.interfaces);
  const dhcp = interfaces.filter(([, { kind }]) => kind === 'dhcp').map(([name]) => name);
  refuse(set, dhcp);
  const levels = Math.max(0, ...set.services.map(({ level }) => level));
  const files: FileFacts = {
    ...hostFiles(set),
    'etc/inittab': { text: inittabText(set.console) },
    // Links are followed in the order of their numbers and not in the order of insserv's own files, which do
    // not contain these scripts.
    'etc/init.d/.legacy-bootordering': { text: '' },
    ...(set.kernelModules.length === 0 ? {} : { 'etc/modules': { text: set.kernelModules.map((name) => `${name}\n`).join('') } }),
    ...temporaryFiles(set.temporaryFiles),
    ...(interfaces.length === 0
      ? {}
      : { 'etc/network/interfaces': { text: interfacesText(interfaces) }, 'etc/systemd/network/99-default.link': { link: '/dev/null' } }),
    ...scriptFiles,
    ...Object.fromEntries(
      set.services.flatMap((service): [string, FileFacts[string]][] => [
        [
          `etc/services/${service.name}`,
          { text: serviceFacts(service, accountOf(set, service.user), set.users[service.user]?.groups ?? []) },
        ],
        [`etc/init.d/${service.name}`, { text: initScript(service), mode: 0o755 }],
        ...links(service, levels).map((path): [string, FileFacts[string]] => [path, { link: `../init.d/${service.name}` }]),
      ]),
    ),
  };
  const kmod = set.kernelModules.length === 0 ? [] : ['kmod'];
  const ifupdown = interfaces.length === 0 ? [] : ['ifupdown'];
  return { files, packages: [...kmod, ...ifupdown, ...(dhcp.length === 0 ? [] : ['udhcpc'])] };
}

/** Refuses descriptions for which udhcpc's script or the numbers of links are not sufficient. */
function refuse(set: CheckedServices, dhcp: readonly string[]): void {
  refuseTaken('sysvinit', set.services, debianScripts);
  const field = set.dns.nameservers.length > 0 ? 'dns.nameservers' : set.dns.search.length > 0 ? 'dns.search' : undefined;
  if (field !== undefined && dhcp.length > 0) {
    throw refused(
      'sysvinit',
      field,
      `the DHCP client of interfaces.${dhcp[0]} writes /etc/resolv.conf again with each lease`,
      'give the interface a static address, or leave DNS to DHCP',
    );
  }
  for (const { name, level } of set.services) {
    if (level >= mostLevels) throw refused('sysvinit', `services.${name}.needs`, `it is more than ${mostLevels} services deep`);
  }
}

/**
 * Numbers below 01 stop before the scripts of Debian's packages. They have four digits, because the deepest
 * services stop first.
 */
function links({ name, level }: FullService, levels: number): readonly string[] {
  const stop = String(levels - level).padStart(2, '0');
  return [
    ...multiUser.map((runlevel) => `etc/rc${runlevel}.d/S${firstStart + level}${name}`),
    ...downLevels.map((runlevel) => `etc/rc${runlevel}.d/K00${stop}${name}`),
  ];
}

/** Returns the text of /etc/init.d/NAME. */
export function initScript({ name, needs, needsNetwork }: FullService): string {
  const facilities = ['$local_fs', '$remote_fs', ...(needsNetwork ? ['$network'] : []), ...needs].join(' ');
  return [
    '#!/bin/sh',
    '### BEGIN INIT INFO',
    `# Provides:          ${name}`,
    `# Required-Start:    ${facilities}`,
    `# Required-Stop:     ${facilities}`,
    `# Default-Start:     ${multiUser.join(' ')}`,
    `# Default-Stop:      ${downLevels.join(' ')}`,
    `# Short-Description: ${name}`,
    '### END INIT INFO',
    `exec /usr/lib/services/control ${name} "$1"`,
    '',
  ].join('\n');
}

export function inittabText({ device, baud, terminal, autologin }: CheckedServices['console']): string {
  const user = autologin === undefined ? '' : `--autologin ${autologin} `;
  return [
    'id:2:initdefault:',
    'si::sysinit:/etc/init.d/rcS',
    '~~:S:wait:/sbin/sulogin --force',
    ...[0, 1, 2, 3, 4, 5, 6].map((level) => `l${level}:${level}:wait:/etc/init.d/rc ${level}`),
    'z6:6:respawn:/sbin/sulogin --force',
    'ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now',
    `T0:2345:respawn:/sbin/agetty ${user}-L ${baud} ${device} ${terminal}`,
    '',
  ].join('\n');
}

function interfacesText(interfaces: readonly (readonly [string, Interface])[]): string {
  return ['auto lo\niface lo inet loopback\n', ...interfaces.map(([name, link]) => interfaceText(name, link))].join('\n');
}

/** Returns a stanza of /etc/network/interfaces. */
export function interfaceText(name: string, link: Interface): string {
  const routes = (link.routes ?? []).map(({ destination, gateway }) => `    up ip route replace ${destination} via ${gateway} dev ${name}`);
  const method = link.kind === 'dhcp' ? [`iface ${name} inet dhcp`] : [`iface ${name} inet static`, `    address ${link.address}`];
  return [`auto ${name}`, ...method, ...routes, ''].join('\n');
}

/** Returns an init script that runs before the services. */
function temporaryFiles(files: CheckedServices['temporaryFiles']): FileFacts {
  const rows = Object.entries(files).map(([path, file]) => temporaryCommands(`/${path}`, file));
  const text = [
    '#!/bin/sh',
    '### BEGIN INIT INFO',
    '# Provides:          service-files',
    '# Required-Start:    $local_fs $remote_fs',
    '# Required-Stop:',
    `# Default-Start:     ${multiUser.join(' ')}`,
    '# Default-Stop:',
    '# Short-Description: temporary files of the description',
    '### END INIT INFO',
    '[ "$1" = start ] || exit 0',
    ...rows,
    '',
  ].join('\n');
  return {
    'etc/init.d/service-files': { text, mode: 0o755 },
    ...Object.fromEntries(
      multiUser.map((runlevel) => [`etc/rc${runlevel}.d/S${firstStart - 1}service-files`, { link: '../init.d/service-files' }]),
    ),
  };
}

function temporaryCommands(path: string, file: TemporaryFile): string {
  const [place, owner] = [shellWord(path), `${file.user ?? 'root'}:${file.group ?? 'root'}`];
  const parent = `mkdir -p ${shellWord(path.replace(/\/[^/]+$/, '') || '/')}`;
  if (file.kind === 'link') return `${parent}; ln -sfn ${shellWord(file.target)} ${place}; chown -h ${owner} ${place}`;
  // The owner is set first, because a change of owner removes set-group-id.
  const own = `chown ${owner} ${place} && chmod ${octal(file.mode ?? defaultModes[file.kind])} ${place}`;
  const isThere =
    file.kind === 'folder' ? `[ -d ${place} ] || mkdir ${place}` : `[ -e ${place} ] || printf %s ${shellWord(file.text ?? '')} >${place}`;
  return `${parent}; [ -L ${place} ] || { { ${isThere}; } && ${own}; }`;
}
