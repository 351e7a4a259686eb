// Checks a description of services for unknown names, cycles, invalid numbers and invalid paths. A mistake is
// a Failure that names the field. A correct description is returned with every default and sorted. This
// module knows no backend: each backend itself reports features that it does not support.
import { cannot, nearest } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import type { CheckedServices, FullService, Interface, Service, ServiceSet, TemporaryFile, User } from '../../system/services.ts';

const accountName = /^[a-z_][a-z0-9_-]{0,30}$/;
const serviceName = /^[A-Za-z][A-Za-z0-9_-]*$/;
const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const interfaceName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
const domain = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const variable = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Every backend sets these variables from the user's account. */
const givenVariables = ['PATH', 'USER', 'LOGNAME', 'HOME', 'SHELL'];

export function badField(field: string, why: string, hint?: string): Failure {
  return cannot('use the description of services', `${field}: ${why}`, { hint });
}

/** Throws a Failure for the first wrong field. */
export function checkServices(set: ServiceSet): CheckedServices {
  must(hostName.test(set.hostName), 'hostName', `"${set.hostName}" is not a host's name`);
  must(/^[A-Za-z0-9]+$/.test(set.console.device), 'console.device', `"${set.console.device}" is not a device's name`);
  must(isWhole(set.console.baud, 1), 'console.baud', `${set.console.baud} is not a speed`);
  must(/^[A-Za-z0-9-]+$/.test(set.console.terminal), 'console.terminal', `"${set.console.terminal}" is not a terminal's name`);
  const groups = [...set.baseAccounts.groups, ...Object.keys(set.groups ?? {}), ...Object.keys(set.users)];
  const users = [...Object.keys(set.baseAccounts.users), ...Object.keys(set.users)];
  const { autologin } = set.console;
  must(autologin === undefined || users.includes(autologin), 'console.autologin', `there is no user "${autologin}"`);
  for (const [name, id] of Object.entries(set.groups ?? {})) {
    checkAccount(`groups.${name}`, name, id);
  }
  for (const [name, user] of Object.entries(set.users)) checkUser(`users.${name}`, name, user, groups);
  noneTwice(set);
  for (const [index, name] of (set.kernelModules ?? []).entries()) {
    must(/^[A-Za-z0-9_-]+$/.test(name), `kernelModules[${index}]`, `"${name}" is not a module's name`);
  }
  for (const [path, file] of Object.entries(set.temporaryFiles ?? {}))
    checkTemporary(`temporaryFiles["${path}"]`, path, file, users, groups);
  for (const [name, link] of Object.entries(set.interfaces ?? {})) checkInterface(`interfaces.${name}`, name, link);
  for (const [index, address] of (set.dns?.nameservers ?? []).entries()) {
    must(isAddress(address), `dns.nameservers[${index}]`, `"${address}" is not an IPv4 address`);
  }
  for (const [index, name] of (set.dns?.search ?? []).entries())
    must(domain.test(name), `dns.search[${index}]`, `"${name}" is not a domain`);
  const folders = Object.entries(set.temporaryFiles ?? {}).flatMap(([path, { kind }]) => (kind === 'folder' ? [`/${path}`] : []));
  for (const [name, service] of Object.entries(set.services)) {
    checkService(`services.${name}`, name, service, {
      users,
      groups,
      services: Object.keys(set.services),
      folders: ['/var/log', ...folders],
    });
  }
  const levels = levelsOf(set.services);
  return {
    ...set,
    groups: set.groups ?? {},
    kernelModules: set.kernelModules ?? [],
    temporaryFiles: set.temporaryFiles ?? {},
    interfaces: set.interfaces ?? {},
    dns: { nameservers: set.dns?.nameservers ?? [], search: set.dns?.search ?? [] },
    services: Object.entries(set.services)
      .map(([name, service]) => full(name, service, levels.get(name) ?? 0))
      .sort((a, b) => a.level - b.level),
  };
}

function full(name: string, service: Service, level: number): FullService {
  return {
    user: 'root',
    directory: '/',
    environment: {},
    needs: [],
    ready: 'started',
    readyWithinSec: 30,
    restart: 'never',
    stopWithinSec: 10,
    log: `/var/log/${name}.log`,
    ...service,
    group: service.group,
    needsNetwork: service.needsNetwork === true,
    name,
    level,
  };
}

interface Known {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly services: readonly string[];
  readonly folders: readonly string[];
}

function checkService(at: string, name: string, service: Service, known: Known): void {
  must(serviceName.test(name), at, `"${name}" is not a service's name: a letter, then letters, digits, "-" and "_"`);
  must(isPath(service.command[0]), `${at}.command[0]`, `"${service.command[0]}" is not an absolute path`);
  for (const [index, word] of service.command.entries()) mustBePrintable(`${at}.command[${index}]`, word);
  if (service.user !== undefined) mustBeKnown(`${at}.user`, 'user', service.user, known.users);
  if (service.group !== undefined) mustBeKnown(`${at}.group`, 'group', service.group, known.groups);
  for (const field of ['directory', 'log'] as const) {
    const path = service[field] ?? '/var/log/x';
    must(isPath(path), `${at}.${field}`, `"${path}" is not an absolute path`);
  }
  const folder = (service.log ?? '/var/log/x').replace(/\/[^/]*$/, '');
  must(known.folders.includes(folder), `${at}.log`, `nothing creates the folder "${folder}"`, 'add it to temporaryFiles');
  for (const [variableName, value] of Object.entries(service.environment ?? {})) {
    const field = `${at}.environment.${variableName}`;
    must(variable.test(variableName), field, `"${variableName}" is not a variable's name`);
    must(!givenVariables.includes(variableName), field, `${variableName} is set from the user`);
    mustBePrintable(field, value);
  }
  for (const [index, need] of (service.needs ?? []).entries()) mustBeKnown(`${at}.needs[${index}]`, 'service', need, known.services);
  if (typeof service.ready === 'object')
    must(isPath(service.ready.file), `${at}.ready.file`, `"${service.ready.file}" is not an absolute path`);
  for (const field of ['readyWithinSec', 'stopWithinSec'] as const) {
    must(isWhole(service[field] ?? 1, 1), `${at}.${field}`, `${service[field]} is not a whole number of seconds`);
  }
  if (service.restart === undefined || service.restart === 'never') return;
  const { when, limit, withinSec, delaySec } = service.restart;
  must(isWhole(limit, 0), `${at}.restart.limit`, `${limit} is not a number of restarts`);
  must(isWhole(withinSec, 1), `${at}.restart.withinSec`, `${withinSec} is not a whole number of seconds`);
  must(delaySec >= 0 && delaySec <= 3600, `${at}.restart.delaySec`, `${delaySec} is not a time to wait`);
  must(when !== 'always' || service.ready !== 'exits', `${at}.restart.when`, 'what is ready when it exits would never be');
}

/** Returns the level of each service. Throws a Failure that shows the path from a service back to itself. */
function levelsOf(services: Readonly<Record<string, Service>>): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  const visit = (name: string, way: readonly string[]): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    const cycle = way.indexOf(name);
    if (cycle !== -1) throw badField(`services.${name}.needs`, `it needs itself: ${[...way.slice(cycle), name].join(' -> ')}`);
    const level = Math.max(0, ...(services[name]?.needs ?? []).map((need) => visit(need, [...way, name]) + 1));
    levels.set(name, level);
    return level;
  };
  for (const name of Object.keys(services)) visit(name, []);
  return levels;
}

function checkUser(at: string, name: string, user: User, groups: readonly string[]): void {
  checkAccount(at, name, user.uid);
  must(name !== 'root' || user.uid === 0, `${at}.uid`, 'root is 0');
  must(!/[:\n]/.test(user.passwordHash ?? ''), `${at}.passwordHash`, 'it holds a colon or the end of a line');
  for (const field of ['home', 'shell'] as const) {
    const path = user[field] ?? '/';
    must(isPath(path) && !path.includes(':'), `${at}.${field}`, `"${path}" is not an absolute path`);
  }
  for (const [index, group] of (user.groups ?? []).entries()) mustBeKnown(`${at}.groups[${index}]`, 'group', group, groups);
}

function checkAccount(at: string, name: string, id: number): void {
  must(accountName.test(name), at, `"${name}" is not a name of an account`);
  must(isWhole(id, 0) && id < 0xffff_fffe, at, `${id} is not a user's or group's number`);
}

function noneTwice(set: ServiceSet): void {
  const seen = new Map<number, string>();
  for (const [name, { uid }] of Object.entries(set.users)) {
    must(!seen.has(uid), `users.${name}.uid`, `"${seen.get(uid)}" has ${uid} too`);
    seen.set(uid, name);
  }
  for (const [name, gid] of Object.entries(set.groups ?? {})) {
    must(!(name in set.users), `groups.${name}`, 'the user of this name has it already');
    must(!seen.has(gid), `groups.${name}`, `"${seen.get(gid)}" has ${gid} too`);
    seen.set(gid, name);
  }
}

function checkTemporary(at: string, path: string, file: TemporaryFile, users: readonly string[], groups: readonly string[]): void {
  must(isPath(`/${path}`) && path !== '', at, 'it is not a path without a leading slash');
  must(isWhole(file.mode ?? 0, 0) && (file.mode ?? 0) <= 0o7777, `${at}.mode`, `${file.mode} is not a mode`);
  mustBeKnown(`${at}.user`, 'user', file.user ?? 'root', users);
  mustBeKnown(`${at}.group`, 'group', file.group ?? 'root', groups);
  if (file.kind === 'link') {
    must(file.target !== '', `${at}.target`, 'it is empty');
    mustBePrintable(`${at}.target`, file.target);
    must(file.mode === undefined, `${at}.mode`, 'a link has no mode');
  }
  if (file.kind === 'file') must(!/[\0-\x08\x0b-\x1f\x7f]/.test(file.text ?? ''), `${at}.text`, 'it holds a control character');
}

function checkInterface(at: string, name: string, link: Interface): void {
  must(interfaceName.test(name) && name !== 'lo', at, `"${name}" is not the name of an interface to set up`);
  if (link.kind === 'static')
    must(isNetwork(link.address), `${at}.address`, `"${link.address}" is not an IPv4 address with the length of its network`);
  for (const [index, { destination, gateway }] of (link.routes ?? []).entries()) {
    const field = `${at}.routes[${index}]`;
    must(
      destination === 'default' || isNetwork(destination),
      `${field}.destination`,
      `"${destination}" is neither "default" nor a network`,
    );
    must(isAddress(gateway), `${field}.gateway`, `"${gateway}" is not an IPv4 address`);
  }
}

function must(fits: boolean, field: string, why: string, hint?: string): void {
  if (!fits) throw badField(field, why, hint);
}

function mustBeKnown(field: string, what: string, name: string, known: readonly string[]): void {
  const meant = nearest(name, known);
  must(known.includes(name), field, `there is no ${what} "${name}"`, meant && `did you mean ${meant}?`);
}

/** Refuses other characters, which the formats of some backends cannot represent. */
function mustBePrintable(field: string, text: string): void {
  must(!/[\0-\x1f\x7f]/.test(text) && text.isWellFormed(), field, 'it holds a control character or is not well-formed');
}

/**
 * Whether a path is absolute, in its shortest form, and without characters that have a meaning in the format
 * of an init or in a shell.
 */
function isPath(path: string): boolean {
  if (path === '/') return true;
  return (
    path.startsWith('/') &&
    !/[^A-Za-z0-9_.+,:@/-]/.test(path) &&
    !path
      .slice(1)
      .split('/')
      .some((part) => ['', '.', '..'].includes(part))
  );
}

function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}

function isAddress(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function isNetwork(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  return rest.length === 0 && isAddress(address) && /^\d{1,2}$/.test(length) && Number(length) <= 32;
}
