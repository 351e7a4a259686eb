// What runs on a Linux system beside its kernel, as one description that no init knows: services, users, temporary files, network. A backend
// (service-backend.ts) renders it; check-services.ts says what is wrong with it.

export interface ServiceSet {
  readonly hostName: string;
  readonly console: SerialConsole;
  /** Users and groups that the image has without us; all others are made. */
  readonly baseAccounts: { readonly users: Readonly<Record<string, Account>>; readonly groups: readonly string[] };
  /** By name. "root" may be here although the image has it: it gets this password and shell. */
  readonly users: Readonly<Record<string, User>>;
  /** Name -> number. Users have a group of their own name and number besides. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Loaded at boot, in this order, by name. */
  readonly kernelModules?: readonly string[];
  /** Path without a leading slash -> what is made there at each boot. In this order. */
  readonly temporaryFiles?: Readonly<Record<string, TemporaryFile>>;
  /** By the kernel's name ("eth0"). */
  readonly interfaces?: Readonly<Record<string, Interface>>;
  readonly dns?: Dns;
  readonly services: Readonly<Record<string, Service>>;
}

/** A login prompt on a serial line. */
export interface SerialConsole {
  readonly device: string;
  readonly baud: number;
  readonly terminal: string;
  /** The user who is logged in there without a password. */
  readonly autologin?: string;
}

/** What a service's user brings. */
export interface Account {
  readonly group: string;
  readonly home: string;
  readonly shell: string;
}

export interface User {
  readonly uid: number;
  /** As crypt(3) has it; without one, nobody logs in by password. */
  readonly passwordHash?: string;
  /** Default "/nonexistent", which no backend makes. */
  readonly home?: string;
  /** Default "/usr/sbin/nologin". */
  readonly shell?: string;
  /** Groups besides the user's own. */
  readonly groups?: readonly string[];
}

export type TemporaryFile = { readonly mode?: number; readonly user?: string; readonly group?: string } & (
  | { readonly kind: 'folder' }
  /** An existing file keeps its text. */
  | { readonly kind: 'file'; readonly text?: string }
  | { readonly kind: 'link'; readonly target: string }
);

/** IPv4. */
export type Interface =
  | { readonly kind: 'dhcp'; readonly routes?: readonly Route[] }
  /** "10.0.0.2/24" */
  | { readonly kind: 'static'; readonly address: string; readonly routes?: readonly Route[] };

export interface Route {
  /** "default", or "10.1.0.0/16" */
  readonly destination: string;
  readonly gateway: string;
}

export interface Dns {
  /** Without any, those that a DHCP server names. */
  readonly nameservers?: readonly string[];
  readonly search?: readonly string[];
}

export interface Service {
  /** The program's absolute path, and its arguments. No shell reads them. */
  readonly command: readonly [program: string, ...words: string[]];
  /** Default "root". */
  readonly user?: string;
  /** Default: the user's own. */
  readonly group?: string;
  /** Default "/". */
  readonly directory?: string;
  /** Beside PATH, USER, LOGNAME, HOME and SHELL; nothing is inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Started when each of these is ready, not at all when one of them failed, and stopped before them. */
  readonly needs?: readonly string[];
  /** Started when every interface has its address. */
  readonly needsNetwork?: true;
  /**
   * When what needs it may start: when its program was executed (default), when a file appears (removed before each start), or when it
   * has ended with status 0.
   */
  readonly ready?: 'started' | 'exits' | { readonly file: string };
  /** Not ready by then is a crash. Whole seconds, default 30. */
  readonly readyWithinSec?: number;
  /** Default "never". */
  readonly restart?: 'never' | Restart;
  /** SIGTERM to its process group, and SIGKILL after so many whole seconds. Default 10. */
  readonly stopWithinSec?: number;
  /** Where its output goes, at the end. Default "/var/log/NAME.log". */
  readonly log?: string;
}

/** At most `limit` times within `withinSec` (whole seconds); one more is a failure. `delaySec` may be a fraction. */
export interface Restart {
  /** A status other than 0, a signal, or not ready in time; or any end. */
  readonly when: 'on-failure' | 'always';
  readonly limit: number;
  readonly withinSec: number;
  readonly delaySec: number;
}

/** A service with every default in its place. */
export interface FullService extends Required<Omit<Service, 'group' | 'needsNetwork'>> {
  readonly name: string;
  readonly group: string | undefined;
  readonly needsNetwork: boolean;
  /** How many services, one needing the next, lie below it: 0 needs none. */
  readonly level: number;
}

/** A description that was checked. */
export interface CheckedServices extends Required<Omit<ServiceSet, 'services' | 'dns'>> {
  readonly dns: Required<Dns>;
  /** Each after what it needs, otherwise as described. */
  readonly services: readonly FullService[];
}
