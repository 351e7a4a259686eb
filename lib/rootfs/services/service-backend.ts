// The interface of an init system for a description of services: it renders the description as files in its
// own format. A feature that it does not support is refused with the field's name, and nothing is ignored.
// This module also has the files that are the same for every init.
import { cannot } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import type { FileFacts } from '../../system/image-facts.ts';
import type { Account, CheckedServices } from '../../system/services.ts';

export interface ServiceBackend {
  readonly name: string;
  /** Throws a Failure that names the field which this init does not support. */
  readonly render: (services: CheckedServices) => Rendering;
}

export interface Rendering {
  readonly files: FileFacts;
  /** Packages that the rendered files need in addition to the init itself. */
  readonly packages: readonly string[];
}

/**
 * Returns the files that are the same for every backend. /usr/sbin/services lists services, and those that
 * failed.
 */
export function hostFiles({ hostName, dns }: CheckedServices): FileFacts {
  return {
    'etc/hostname': { text: `${hostName}\n` },
    'etc/hosts': { text: `127.0.0.1 localhost\n127.0.1.1 ${hostName}\n` },
    ...(dns.nameservers.length === 0 ? {} : { 'etc/resolv.conf': { text: resolverText(dns) } }),
  };
}

/** Returns the text of resolv.conf(5). */
function resolverText({ nameservers, search }: CheckedServices['dns']): string {
  const domains = search.length === 0 ? '' : `search ${search.join(' ')}\n`;
  return domains + nameservers.map((address) => `nameserver ${address}\n`).join('');
}

export function refused(backend: string, field: string, why: string, hint?: string): Failure {
  return cannot(`render the services for ${backend}`, `${field}: ${why}`, { hint });
}

/** Refuses a service with a name that the init already uses, because the service would replace it. */
export function refuseTaken(backend: string, services: CheckedServices['services'], taken: RegExp): void {
  for (const { name } of services) {
    if (taken.test(name)) throw refused(backend, `services.${name}`, `${backend} has something of this name`, 'choose another name');
  }
}

/** Returns one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_/.:=+,@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Modes of files for which the description has none. */
export const defaultModes = { folder: 0o755, file: 0o644, link: 0o777 } as const;

/** Returns the environment that every service has in addition to its own. */
export function givenVariables(user: string, { home, shell }: Account): Readonly<Record<string, string>> {
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, USER: user, LOGNAME: user, HOME: home, SHELL: shell };
}
