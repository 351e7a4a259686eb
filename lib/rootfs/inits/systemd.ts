// Renders services as systemd's units, tmpfiles.d, networkd's networks and the links that `systemctl enable`
// would create. For systemd 254 and later (RestartMode=). Formats: systemd.service(5), systemd.unit(5),
// tmpfiles.d(5), systemd.network(5), modules-load.d(5).
import { accountOf } from '../accounts.ts';
import type { FileFacts } from '../../system/image-facts.ts';
import { defaultModes, givenVariables, hostFiles, octal, refused, refuseTaken } from '../services/service-backend.ts';
import type { Rendering, ServiceBackend } from '../services/service-backend.ts';
import type { Account, CheckedServices, FullService, Interface, Route, TemporaryFile } from '../../system/services.ts';

export const systemdBackend: ServiceBackend = { name: 'systemd', render };

const units = 'etc/systemd/system';
const installed = '/usr/lib/systemd/system';

function render(set: CheckedServices): Rendering {
  refuseTaken(
    'systemd',
    set.services,
    /^(?:systemd-|initrd-|(?:dbus|udev|kmod|getty|emergency|rescue|user|autovt|console-getty|modprobe|quotaon)$)/,
  );
  const interfaces = Object.entries(set.interfaces);
  // Without name servers in the description, the file is that of resolved, which gets them from networkd's
  // DHCP client.
  const resolved = set.dns.nameservers.length === 0 && interfaces.some(([, { kind }]) => kind === 'dhcp');
  const files: FileFacts = {
    ...hostFiles(set),
    ...enabled(`${installed}/multi-user.target`, 'default.target'),
    ...consoleFiles(set.console),
    ...(set.kernelModules.length === 0
      ? {}
      : { 'etc/modules-load.d/services.conf': { text: set.kernelModules.map((name) => `${name}\n`).join('') } }),
    ...(Object.keys(set.temporaryFiles).length === 0 ? {} : { 'etc/tmpfiles.d/services.conf': { text: tmpfilesText(set.temporaryFiles) } }),
    ...Object.fromEntries(
      interfaces.map(([name, link]) => [`etc/systemd/network/10-${name}.network`, { text: networkText(name, link, set.dns) }]),
    ),
    ...(interfaces.length === 0 ? {} : networkdFiles),
    ...(resolved ? resolvedFiles(set.dns.search) : {}),
    ...failureFiles,
    ...Object.fromEntries(
      set.services.flatMap((service) => [
        [`${units}/${service.name}.service`, { text: unitText(service, accountOf(set, service.user)) }],
        [`${units}/multi-user.target.wants/${service.name}.service`, { link: `../${service.name}.service` }],
      ]),
    ),
  };
  const kmod = set.kernelModules.length === 0 ? [] : ['kmod'];
  return { files, packages: [...kmod, ...(resolved ? ['systemd-resolved'] : [])] };
}

function enabled(unit: string, link: string): FileFacts {
  return { [`${units}/${link}`]: { link: unit } };
}

/** Keeps the kernel's names of interfaces, which the description uses. */
const networkdFiles: FileFacts = {
  'etc/systemd/network/99-default.link': { link: '/dev/null' },
  ...enabled(`${installed}/systemd-networkd.service`, 'multi-user.target.wants/systemd-networkd.service'),
  ...enabled(`${installed}/systemd-networkd.socket`, 'sockets.target.wants/systemd-networkd.socket'),
  ...enabled(`${installed}/systemd-networkd-wait-online.service`, 'network-online.target.wants/systemd-networkd-wait-online.service'),
};

function resolvedFiles(search: readonly string[]): FileFacts {
  return {
    'etc/resolv.conf': { link: '../run/systemd/resolve/resolv.conf' },
    ...enabled(`${installed}/systemd-resolved.service`, 'sysinit.target.wants/systemd-resolved.service'),
    ...(search.length === 0 ? {} : { 'etc/systemd/resolved.conf.d/services.conf': { text: `[Resolve]\nDomains=${search.join(' ')}\n` } }),
  };
}

function consoleFiles({ device, baud, terminal, autologin }: CheckedServices['console']): FileFacts {
  const unit = `serial-getty@${device}.service`;
  const user = autologin === undefined ? '' : `--autologin ${autologin} `;
  const drop = `[Service]\nEnvironment=TERM=${terminal}\nExecStart=\nExecStart=-/sbin/agetty ${user}-L ${baud} %I ${terminal}\n`;
  return {
    ...enabled(`${installed}/serial-getty@.service`, `getty.target.wants/${unit}`),
    [`${units}/${unit}.d/console.conf`]: { text: drop },
    ...(autologin === undefined ? {} : anyConsole(autologin)),
  };
}

/** systemd opens further consoles of the kernel's command line, such as hvc0, with units of the same template. */
function anyConsole(autologin: string): FileFacts {
  const start = `ExecStart=-/sbin/agetty --autologin ${autologin} --noclear --keep-baud 115200,57600,38400,9600 - $TERM`;
  return { [`${units}/serial-getty@.service.d/autologin.conf`]: { text: `[Service]\nExecStart=\n${start}\n` } };
}

/**
 * A unit that has finally failed is reported on the console and recorded by name. A unit that was not started
 * because another one failed is not "failed".
 */
const failureFiles: FileFacts = {
  [`${units}/service-failed@.service`]: {
    text: [
      '[Unit]',
      'Description=Report that %i failed',
      'DefaultDependencies=no',
      '',
      '[Service]',
      'Type=oneshot',
      `ExecStart=/bin/sh -c 'echo %i >>/run/services.failed; echo "<3>service %i failed: $\${MONITOR_SERVICE_RESULT:-dependency}" >/dev/kmsg'`,
      '',
    ].join('\n'),
  },
  'usr/sbin/services': {
    mode: 0o755,
    text: [
      '#!/bin/sh',
      '# Lists the services of the description with their states, or the names of those that failed.',
      'case "$1" in',
      'failed)',
      '  [ -e /run/services.failed ] || exit 0',
      '  sort -u /run/services.failed | while read -r name; do systemctl is-active --quiet "$name.service" || echo "$name"; done',
      '  ;;',
      'list)',
      '  for unit in /etc/systemd/system/multi-user.target.wants/*.service; do',
      '    [ -f "${unit%/*}/../${unit##*/}" ] || continue',
      '    name=${unit##*/}',
      '    state=$(systemctl show -P SubState "$name")',
      '    echo "${name%.service} $state $(systemctl show -P MainPID "$name")"',
      '  done',
      '  ;;',
      '*) echo "usage: services list | services failed" >&2; exit 2 ;;',
      'esac',
      '',
    ].join('\n'),
  },
};

/** Returns the text of a service's unit. systemd itself would leave out a home or shell that is a placeholder. */
export function unitText(service: FullService, account: Account): string {
  const { name, ready, restart, needsNetwork } = service;
  const needs = service.needs.map((need) => `${need}.service`);
  const online = needsNetwork ? ['network-online.target'] : [];
  const limits = restart === 'never' ? [] : [`StartLimitBurst=${restart.limit + 1}`, `StartLimitIntervalSec=${restart.withinSec}`];
  const after = [...needs, ...online];
  const file = typeof ready === 'object' ? ready.file : undefined;
  return [
    '[Unit]',
    `Description=${name}`,
    ...(needs.length === 0 ? [] : [`Requires=${needs.join(' ')}`]),
    ...(online.length === 0 ? [] : [`Wants=${online.join(' ')}`]),
    ...(after.length === 0 ? [] : [`After=${after.join(' ')}`]),
    'OnFailure=service-failed@%N.service',
    ...limits,
    '',
    '[Service]',
    ...(ready === 'exits' ? ['Type=oneshot', 'RemainAfterExit=yes'] : ['Type=exec']),
    ...(file === undefined ? [] : [`ExecStartPre=+/bin/rm -f ${file}`]),
    `ExecStart=${service.command.map(commandWord).join(' ')}`,
    ...(file === undefined ? [] : [`ExecStartPost=/bin/sh -c 'until [ -e ${file} ]; do kill -0 $$MAINPID || exit 1; sleep 0.1; done'`]),
    `User=${service.user}`,
    ...(service.group === undefined ? [] : [`Group=${service.group}`]),
    `WorkingDirectory=${service.directory}`,
    ...Object.entries({ ...givenVariables(service.user, account), ...service.environment }).map(
      ([variable, value]) => `Environment=${quoted(`${variable}=${value}`)}`,
    ),
    `TimeoutStartSec=${service.readyWithinSec}`,
    `TimeoutStopSec=${service.stopWithinSec}`,
    ...(restart === 'never' ? ['Restart=no'] : [`Restart=${restart.when}`, 'RestartMode=direct', `RestartSec=${restart.delaySec}`]),
    `StandardOutput=append:${service.log}`,
    'StandardError=inherit',
    '',
  ].join('\n');
}

/** Returns a word of a command line: systemd removes quotes, then expands "%" and "$". */
function commandWord(word: string): string {
  const plain = word !== '' && /^[A-Za-z0-9_/.:=+,@-]+$/.test(word);
  return plain ? word : quoted(word).replaceAll('$', '$$$$');
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

/**
 * Returns the text of tmpfiles.d/services.conf. A link's target must not begin with a space, because tmpfiles
 * removes it.
 */
function tmpfilesText(files: CheckedServices['temporaryFiles']): string {
  return Object.entries(files)
    .map(([path, file]) => `${temporaryRow(path, file)}\n`)
    .join('');
}

function temporaryRow(path: string, file: TemporaryFile): string {
  const argument = file.kind === 'link' ? file.target : file.kind === 'file' ? (file.text ?? '') : '';
  if (/^\s/.test(argument))
    throw refused('systemd', `temporaryFiles["${path}"]`, 'tmpfiles.d does not support a text that begins with a space');
  const letter = { folder: 'd', file: 'f', link: 'L+' }[file.kind];
  const mode = file.kind === 'link' ? '-' : octal(file.mode ?? defaultModes[file.kind]);
  const escaped = argument.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('%', '%%');
  return [letter, `/${path}`, mode, file.user ?? 'root', file.group ?? 'root', '-', escaped === '' ? '-' : escaped].join(' ');
}

/** Returns the text of an interface's .network file. */
export function networkText(name: string, link: Interface, dns: CheckedServices['dns']): string {
  const useDns = dns.nameservers.length === 0 ? 'yes' : 'no';
  const useDomains = dns.search.length === 0 && useDns === 'yes' ? 'yes' : 'no';
  return [
    '[Match]',
    `Name=${name}`,
    '',
    '[Network]',
    ...(link.kind === 'dhcp' ? ['DHCP=ipv4'] : [`Address=${link.address}`]),
    'LinkLocalAddressing=no',
    'IPv6AcceptRA=no',
    ...(link.kind === 'dhcp' ? ['', '[DHCPv4]', `UseDNS=${useDns}`, `UseDomains=${useDomains}`, 'UseHostname=no'] : []),
    ...(link.routes ?? []).flatMap(routeLines),
    '',
  ].join('\n');
}

function routeLines({ destination, gateway }: Route): readonly string[] {
  return ['', '[Route]', ...(destination === 'default' ? [] : [`Destination=${destination}`]), `Gateway=${gateway}`];
}
