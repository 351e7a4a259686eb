// Renders services for PID 1 in Rust (systems/rust-nixos/programs/init): one table with one statement per
// line. The README next to that program describes the format.
import type { FileFacts } from '../../system/image-facts.ts';
import { defaultModes, hostFiles, octal } from '../services/service-backend.ts';
import type { ServiceBackend } from '../services/service-backend.ts';
import type { CheckedServices, FullService, Interface, TemporaryFile } from '../../system/services.ts';

export const tableBackend: ServiceBackend = {
  name: 'the Rust init',
  render: (services) => ({ files: { ...hostFiles(services), ...commands, 'etc/init.table': { text: tableText(services) } }, packages: [] }),
};

/** All commands are the same program. The name of the link selects the command. */
const commands: FileFacts = Object.fromEntries(
  ['poweroff', 'reboot', 'halt', 'services'].map((name) => [`usr/sbin/${name}`, { link: 'init' }]),
);

/** Returns the text of /etc/init.table. */
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

/**
 * Returns a word of the table. It is quoted if it contains a space, a quote or a backslash, is empty, or
 * would begin a comment.
 */
function tableWord(word: string): string {
  if (word !== '' && !/[\s"\\#]/.test(word)) return word;
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`;
}
