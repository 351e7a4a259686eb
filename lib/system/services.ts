// The programs that run on a Linux system in addition to its kernel, as one description that is independent
// of the init: services, users, temporary files, network. A backend (service-backend.ts) renders it.
// check-services.ts checks it.

export interface ServiceSet {
  readonly hostName: string;
  readonly console: SerialConsole;
  /** Accounts that the base image already has. Every other account is created. */
  readonly baseAccounts: { readonly users: Readonly<Record<string, Account>>; readonly groups: readonly string[] };
  /** Users by name. "root" may be listed although the image has it: the account gets this password and shell. */
  readonly users: Readonly<Record<string, User>>;
  /** Name -> number. In addition, every user has a group of the same name and number. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Names of modules that are loaded at boot, in this order. */
  readonly kernelModules?: readonly string[];
  /** Path without a leading slash -> entry that is created at each boot, in this order. */
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
  /** The user who is logged in without a password. */
  readonly autologin?: string;
}

/** The part of an account that services use. */
export interface Account {
  readonly group: string;
  readonly home: string;
  readonly shell: string;
}

export interface User {
  readonly uid: number;
  /** In the form of crypt(3). Absent: no login with a password is possible. */
  readonly passwordHash?: string;
  /** Default "/nonexistent", which no backend creates. */
  readonly home?: string;
  /** Default "/usr/sbin/nologin". */
  readonly shell?: string;
  /** Groups in addition to the user's own. */
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
  /** Absent: those of a DHCP server. */
  readonly nameservers?: readonly string[];
  readonly search?: readonly string[];
}

export interface Service {
  /** The program's absolute path, and its arguments. No shell interprets them. */
  readonly command: readonly [program: string, ...words: string[]];
  /** Default "root". */
  readonly user?: string;
  /** Default: the user's own. */
  readonly group?: string;
  /** Default "/". */
  readonly directory?: string;
  /** Variables in addition to PATH, USER, LOGNAME, HOME and SHELL. No variables are inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * The service starts when each of these is ready. It does not start if one of them failed, and it stops
   * before them.
   */
  readonly needs?: readonly string[];
  /** The service starts when every interface has its address. */
  readonly needsNetwork?: true;
  /**
   * When dependents may start: when the program was executed (default), when a file appears (it is removed
   * before each start), or when the program has ended with status 0.
   */
  readonly ready?: 'started' | 'exits' | { readonly file: string };
  /** A service that is not ready by then counts as crashed. Whole seconds, default 30. */
  readonly readyWithinSec?: number;
  /** Default "never". */
  readonly restart?: 'never' | Restart;
  /** Time between SIGTERM to its process group and SIGKILL, in whole seconds. Default 10. */
  readonly stopWithinSec?: number;
  /** The file to which its output is appended. Default "/var/log/NAME.log". */
  readonly log?: string;
}

/**
 * At most `limit` restarts within `withinSec` (whole seconds). One more is a failure. `delaySec` may be a
 * fraction.
 */
export interface Restart {
  /** 'on-failure': a status other than 0, a signal, or not ready in time. 'always': any end. */
  readonly when: 'on-failure' | 'always';
  readonly limit: number;
  readonly withinSec: number;
  readonly delaySec: number;
}

/** A service with all defaults filled in. */
export interface FullService extends Required<Omit<Service, 'group' | 'needsNetwork'>> {
  readonly name: string;
  readonly group: string | undefined;
  readonly needsNetwork: boolean;
  /** Length of the longest chain of dependencies below it: 0 for a service without dependencies. */
  readonly level: number;
}

/** A description that was checked. */
export interface CheckedServices extends Required<Omit<ServiceSet, 'services' | 'dns'>> {
  readonly dns: Required<Dns>;
  /** Each service after its dependencies, otherwise in the order of the description. */
  readonly services: readonly FullService[];
}
