// Renders services for our own PID 1 (systems/rust-nixos/programs/init): one table, a statement a line. Its format is in the README beside that program.
import type { FileFacts } from '../../system/image-facts.ts';
import { defaultModes, hostFiles, octal } from '../services/service-backend.ts';
import type { ServiceBackend } from '../services/service-backend.ts';
import type { CheckedServices, FullService, Interface, TemporaryFile } from '../../system/services.ts';

export const tableBackend: ServiceBackend = {
  name: 'the Rust init',
  render: (services) => ({ files: { ...hostFiles(services), ...commands, 'etc/init.table': { text: tableText(services) } }, packages: [] }),
};

/** The program is one; the name by which it is called says what it does. */
const commands: FileFacts = Object.fromEntries(
  ['poweroff', 'reboot', 'halt', 'services'].map((name) => [`usr/sbin/${name}`, { link: 'init' }]),
);

/** The text of /etc/init.table. */
export function tableText(set: CheckedServices): string {
  const { device, baud, terminal, autologin } = set.console;
  const rows: (readonly string[])[] = [
    ['hostname', set.hostName],
    ['getty', device, '/sbin/agetty', ...(autologin === undefined ? [] : ['--autologin', autologin]), '-L', String(baud), device, terminal],
    ...set.kernelModules.map((name) => ['module', name]),
    ...Object.entries(set.temporaryFiles).map(([path, file]) => temporaryRow(path, file)),
    ...Object.entries(set.interfaces).flatMap(([name, link]) => interfaceRows(name, link)),
    ...set.dns.nameservers.map((address) => ['nameserver', address]),
    ...(set.dns.search.length === 0 ? [] : [['search', ...set.dns.search]]),
    ...set.services.flatMap((service) => serviceRows(service).map((row) => ['service', service.name, ...row])),
  ];
  return rows.map((row) => `${row.map(tableWord).join(' ')}\n`).join('');
}

function temporaryRow(path: string, file: TemporaryFile): readonly string[] {
  const letter = { folder: 'd', file: 'f', link: 'L' }[file.kind];
  const more = file.kind === 'link' ? [file.target] : file.kind === 'file' && file.text !== undefined ? [file.text] : [];
  return ['tmpfile', letter, `/${path}`, octal(file.mode ?? defaultModes[file.kind]), file.user ?? 'root', file.group ?? 'root', ...more];
}

function interfaceRows(name: string, link: Interface): readonly (readonly string[])[] {
  const routes = (link.routes ?? []).map(({ destination, gateway }) => ['route', destination, gateway, name]);
  return [['interface', name, ...(link.kind === 'dhcp' ? ['dhcp'] : ['static', link.address])], ...routes];
}

function serviceRows(service: FullService): readonly (readonly string[])[] {
  const { ready, restart } = service;
  return [
    ['command', ...service.command],
    ['user', service.user],
    ...(service.group === undefined ? [] : [['group', service.group]]),
    ['directory', service.directory],
    ...Object.entries(service.environment).map(([name, value]) => ['env', `${name}=${value}`]),
    ...(service.needs.length === 0 ? [] : [['needs', ...service.needs]]),
    ...(service.needsNetwork ? [['network']] : []),
    typeof ready === 'object' ? ['ready', 'file', ready.file] : ['ready', ready],
    ['ready-within', String(service.readyWithinSec)],
    restart === 'never'
      ? ['restart', 'never']
      : ['restart', restart.when, String(restart.limit), String(restart.withinSec), String(restart.delaySec)],
    ['stop-within', String(service.stopWithinSec)],
    ['log', service.log],
  ];
}

/** A word of the table: in quotes where it holds a blank, a quote or a backslash, is empty, or would begin a comment. */
function tableWord(word: string): string {
  if (word !== '' && !/[\s"\\#]/.test(word)) return word;
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}
