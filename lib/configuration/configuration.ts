// A configuration of a root file system, in the dialect of Redox's installer (config/**/*.toml) with two additional tables, `network` and `aliases`. Each
// value is checked once. Does not read packages or images.
import { isIPv4 } from 'node:net';
import { present } from '../core/errors.ts';
import type { Fields } from '../core/fields.ts';

export interface Configuration {
  readonly general: General;
  /** Names of packages -> the last file that names the package. */
  readonly packages: ReadonlyMap<string, string>;
  /** Later rows of a path replace earlier ones, unless they append. */
  readonly files: readonly ConfiguredFile[];
  readonly users: ReadonlyMap<string, User>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly network: Network | undefined;
  /** Name in /usr/bin -> target of the link. */
  readonly aliases: ReadonlyMap<string, string>;
}

export interface General {
  /** Size of the whole image. */
  readonly filesystemMiB?: number | undefined;
  readonly efiPartitionMiB?: number | undefined;
}

export interface ConfiguredFile {
  /** Without the leading slash. */
  readonly path: string;
  readonly content: { readonly kind: 'text' | 'append' | 'link'; readonly text: string } | { readonly kind: 'folder' };
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface User {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Full name; the default is the name of the user. */
  readonly name?: string | undefined;
  readonly home?: string | undefined;
  readonly shell?: string | undefined;
  /** With '' the user logs in without a password; if it is absent, the user cannot log in. */
  readonly password?: string | undefined;
  /** An argon2 hash in its text form, in place of `password`. */
  readonly passwordHash?: string | undefined;
}

export interface Group {
  readonly gid?: number | undefined;
  readonly members?: readonly string[] | undefined;
}

/** IPv4 addresses. With dhcp they are valid until dhcpd has an answer. */
export interface Network {
  readonly mode: 'dhcp' | 'static';
  readonly address: string | undefined;
  readonly subnet: string | undefined;
  readonly router: string | undefined;
  readonly dns: string | undefined;
}

/** A configuration as one file contains it, before its includes are merged. */
export interface ConfigurationFile extends Configuration {
  readonly include: readonly string[];
  /** Packages that this file removes from the earlier files. */
  readonly ignored: readonly string[];
}

const mostMiB = 1024 * 1024;
const mostId = 0xffff_ffff - 1;
/** Values of newer installers for the origin of a package. Only "ignore" has an effect here. */
const packageRules = ['source', 'binary', 'local', 'recipe', 'ignore'];

/** Reads one file's document. Throws a Failure with the path of the field for an unknown field or a wrong value. */
export function configurationOf(document: Fields): ConfigurationFile {
  const include = document.texts('include') ?? [];
  const general = document.table('general');
  const packages = packagesOf(document);
  const files = document.tables('files').map(fileOf);
  const users = document.named('users').map(([name, fields]) => [named(document, 'users', name), userOf(fields)] as const);
  const groups = document.named('groups').map(([name, fields]) => [named(document, 'groups', name), groupOf(fields)] as const);
  const network = document.table('network');
  const configuration = {
    include,
    general: general ? generalOf(general) : {},
    ...packages,
    files,
    users: new Map(users),
    groups: new Map(groups),
    network: network && networkOf(network),
    aliases: aliasesOf(document),
  };
  document.done();
  return configuration;
}

function generalOf(fields: Fields): General {
  const filesystemMiB = fields.count('filesystem_size', mostMiB, 1);
  const efiPartitionMiB = fields.count('efi_partition_size', mostMiB, 1);
  // They control prompts and binary packages of the installer.
  fields.flag('prompt');
  fields.flag('repo_binary');
  if (fields.flag('live_disk') === true) throw fields.bad('live_disk', 'build.ts --live builds a live image of any configuration');
  if (fields.flag('skip_partitions') === true) throw fields.bad('skip_partitions', 'an image without partitions cannot be started');
  if (fields.text('encrypt_disk') !== undefined)
    throw fields.bad('encrypt_disk', 'a password for the disk does not belong in a configuration; build.ts --encrypt asks for it');
  fields.done();
  return { filesystemMiB, efiPartitionMiB };
}

function packagesOf(document: Fields): Pick<ConfigurationFile, 'packages' | 'ignored'> {
  const packages = new Map<string, string>();
  const ignored: string[] = [];
  const table = document.table('packages');
  for (const name of table?.names() ?? []) {
    const rule = table?.value(name);
    if (typeof rule !== 'string') table?.table(name)?.done();
    else if (!packageRules.includes(rule)) throw table?.bad(name, `"${rule}" is not a rule; the rules are ${packageRules.join(', ')}`);
    if (rule === 'ignore') ignored.push(name);
    else packages.set(name, document.file);
  }
  return { packages, ignored };
}

function fileOf(fields: Fields): ConfiguredFile {
  const path = fields.text('path');
  if (path === undefined) throw fields.bad('path', 'a file needs one');
  const parts = path.split('/');
  if (!path.startsWith('/') || path.length < 2 || parts.slice(1).some((part) => part === '' || part === '.' || part === '..')) {
    throw fields.bad('path', `"${path}" is not a plain absolute path`);
  }
  const data = fields.text('data');
  const kinds = (['symlink', 'directory', 'append'] as const).filter((kind) => fields.flag(kind) === true);
  const [kind, another] = kinds;
  if (another !== undefined) throw fields.bad(another, `a file cannot be ${kinds.join(' and ')} at once`);
  // Files of the configuration always replace those of packages, which is the effect of postinstall.
  fields.flag('postinstall');
  if (fields.flag('recursive_chown') === true) throw fields.bad('recursive_chown', 'give each file its uid and gid');
  if (kind === 'directory' ? (data ?? '') !== '' : data === undefined) {
    throw fields.bad('data', kind === 'directory' ? 'a directory has no data' : 'a file needs it');
  }
  if (kind === 'symlink' && data === '') throw fields.bad('data', 'a link needs a target');
  const [mode, uid, gid] = [fields.count('mode', 0o7777), fields.count('uid', mostId), fields.count('gid', mostId)];
  fields.done();
  const text = data ?? '';
  const content = kind === 'directory' ? { kind: 'folder' as const } : { kind: kindOf(kind), text };
  return { path: path.slice(1), content, mode, uid, gid };
}

function kindOf(flag: 'symlink' | 'append' | undefined): 'text' | 'append' | 'link' {
  return flag === 'symlink' ? 'link' : flag === undefined ? 'text' : 'append';
}

function userOf(fields: Fields): User {
  const user = {
    uid: fields.count('uid', mostId),
    gid: fields.count('gid', mostId),
    name: plainText(fields, 'name'),
    home: plainText(fields, 'home'),
    shell: plainText(fields, 'shell'),
    password: fields.text('password'),
    passwordHash: fields.text('password_hash'),
  };
  fields.done();
  if (user.home !== undefined && !/^\/(?:[^/]+(?:\/[^/]+)*)?$/.test(user.home))
    throw fields.bad('home', `"${user.home}" is not an absolute path`);
  if (user.password !== undefined && user.passwordHash !== undefined) throw fields.bad('password_hash', 'there is a password too');
  if (user.passwordHash !== undefined && !/^\$argon2(?:id|i|d)\$[^;\s]+$/.test(user.passwordHash)) {
    throw fields.bad('password_hash', 'it is not an argon2 hash', 'such a text begins with $argon2id$');
  }
  return withoutAbsent(user);
}

function groupOf(fields: Fields): Group {
  const group = { gid: fields.count('gid', mostId), members: fields.texts('members') };
  fields.done();
  return withoutAbsent(group);
}

function networkOf(fields: Fields): Network {
  const mode = fields.text('mode') ?? 'dhcp';
  const address = (name: string): string | undefined => {
    const text = fields.text(name);
    if (text !== undefined && !isIPv4(text)) throw fields.bad(name, `"${text}" is not an IPv4 address`);
    return text;
  };
  const network = { address: address('address'), subnet: address('subnet'), router: address('router'), dns: address('dns') };
  fields.done();
  if (mode !== 'static' && mode !== 'dhcp') throw fields.bad('mode', `"${mode}" is neither static nor dhcp`);
  if (mode === 'dhcp') return { mode, ...network };
  if (network.address === undefined) throw fields.bad('address', 'a static network needs it');
  return { mode, ...network, subnet: network.subnet ?? '255.255.255.0' };
}

function aliasesOf(document: Fields): ReadonlyMap<string, string> {
  const table = document.table('aliases');
  if (!table) return new Map();
  const rows = table.names().map((name) => {
    const target = present(table.text(name), name);
    if (!/^[^/\0\s]+$/.test(name)) throw table.bad(name, 'it is not a name of a program');
    if (!/^[^\0\s]+$/.test(target)) throw table.bad(name, `"${target}" is not a program`);
    return [name, target] as const;
  });
  return new Map(rows);
}

/** Returns a field of /etc/passwd, in which semicolons and line ends are separators. */
function plainText(fields: Fields, name: string): string | undefined {
  const text = fields.text(name);
  if (text !== undefined && /[;\n\0]/.test(text)) throw fields.bad(name, 'it holds a semicolon or an end of line');
  return text;
}

function named(document: Fields, table: 'users' | 'groups', name: string): string {
  if (!/^[A-Za-z_][\w.-]*$/.test(name)) throw document.bad(table, `"${name}" is not a name of a user or group`);
  return name;
}

function withoutAbsent<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
