// Builds the command line of bubblewrap that isolates an action, as a pure function. In the sandbox, every
// action on every machine sees the same places. Sources and inputs are read-only, /tmp is empty, root has no
// capabilities, and there is no network and no home folder. With --no-sandbox the host's own paths replace
// the places, and rustc gets options to write the places into its outputs.
import { cannot, partBefore } from '../../core/errors.ts';
import { remembered } from '../../core/remembered.ts';
import type { Witnessed } from '../../core/remembered.ts';
import { isTable, isText } from '../../core/stored-values.ts';
import { findProgram, run } from '../../core/sh.ts';
import { kernelState } from './kernel-state.ts';
import { explainRefusal } from './kernel-state.ts';

/** The files that an action may see. `readOnly` and `writable` map a place to a path of the host. */
export interface View {
  readonly readOnly: Readonly<Record<string, string>>;
  readonly writable: Readonly<Record<string, string>>;
  /** Also shows the host's network, its resolver and its certificates. */
  readonly network?: boolean;
}

/**
 * Arguments of bubblewrap for user namespaces, the strongest isolation first. The host decides which of them
 * work.
 */
const isolations = {
  /** A new user namespace in which no other one can be created. bubblewrap has the option since version 0.8. */
  'no-nested-namespaces': ['--unshare-user', '--disable-userns'],
  'user-namespace': ['--unshare-user'],
  /** The host has no user namespaces, so this works only for root or with a set-uid bubblewrap. */
  'host-user': [],
} as const;

export type Isolation = keyof typeof isolations;

export interface Bubblewrap {
  readonly kind: 'bubblewrap';
  readonly program: string;
  /** The strongest isolation that works on this host. */
  readonly isolation: Isolation;
}

export type Sandbox = Bubblewrap | { readonly kind: 'none' };

/** Folders of the host that compilers, linkers and scripts need. bubblewrap skips those that do not exist. */
export const hostPlaces: readonly string[] = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/nix/store',
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/sys/kernel/mm/transparent_hugepage/enabled', // without it rustc's allocator does not ask for huge pages
];

/** Files for looking up names and certificates of hosts. They are shown only together with the network. */
const networkPlaces = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/ssl', '/etc/pki', '/etc/ca-certificates'];

/** Returns the command line that runs `argv` in the sandbox. */
export function bubblewrapArgv(
  { program, isolation }: Pick<Bubblewrap, 'program' | 'isolation'>,
  argv: readonly string[],
  cwd: string,
  view: View,
  env: Env = {},
): readonly string[] {
  // A folder is mounted before the mounts inside it, whether it is writable or not.
  const binds = [
    ...Object.entries(view.readOnly).map(([place, path]) => ['--ro-bind', path, place] as const),
    ...Object.entries(view.writable).map(([place, path]) => ['--bind', path, place] as const),
  ];
  const order = binds.sort(([, , a], [, , b]) => a.length - b.length);
  return [
    program,
    '--unshare-all',
    ...isolations[isolation],
    // Otherwise root would keep all capabilities in the sandbox and could remount every read-only folder
    // writable.
    '--cap-drop',
    'ALL',
    ...(view.network ? ['--share-net'] : []),
    '--as-pid-1',
    '--die-with-parent',
    '--new-session',
    ...[...hostPlaces, ...(view.network ? networkPlaces : [])].flatMap((place) => ['--ro-bind-try', place, place]),
    '--proc',
    '/proc',
    // Root can write settings of the kernel without any capability. The setting core_pattern makes the host
    // run a program.
    '--ro-bind',
    '/proc/sys',
    '/proc/sys',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    ...order.flat(),
    ...Object.entries(env).flatMap(([name, value]) => (isForLoader(name) ? ['--setenv', name, value] : [])),
    // The root folder consists of parents of mounts. Files that were written there would be lost without an
    // error.
    '--remount-ro',
    '/',
    '--chdir',
    cwd,
    '--',
    ...argv,
  ];
}

type Env = Readonly<Record<string, string>>;

/**
 * Returns the environment with which bubblewrap itself is started. Variables that the host's dynamic linker
 * or C library would read are left out. The project chooses their values (a script's LD_PRELOAD for rustc),
 * and they would load its files outside of the sandbox. `bubblewrapArgv` sets them inside.
 */
export function outsideEnv(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isForLoader(name)));
}

/** Variables of ld.so(8), and variables that name files which the C library reads. */
function isForLoader(name: string): boolean {
  return /^(?:LD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|GETCONF_DIR|MALLOC_(?!CONF$).*|TZDIR)$/.test(name);
}

/**
 * Replaces places by paths of the host in one text (an argument, a variable, a directive), the longest place
 * first.
 */
export function toHostPaths(text: string, view: View): string {
  return replaceAll(text, Object.entries({ ...view.readOnly, ...view.writable }));
}

/** Replaces paths of the host by places in the output of a command that ran without a sandbox. */
export function toPlaces(text: string, view: View): string {
  return replaceAll(
    text,
    Object.entries({ ...view.readOnly, ...view.writable }).map(([place, path]) => [path, place]),
  );
}

/**
 * Returns the options `--remap-path-prefix` for rustc, so that artifacts that were compiled without a sandbox
 * contain places too. rustc takes the last option that matches.
 */
export function remapArgs(view: View): readonly string[] {
  const pairs = Object.entries({ ...view.readOnly, ...view.writable }).sort(([, a], [, b]) => a.length - b.length);
  return pairs.map(([place, path]) => `--remap-path-prefix=${path}=${place}`);
}

/** The answer of a host on which no sandbox works. `remedy` is what to do about it, if that is known. */
interface NoBubblewrap {
  readonly kind: 'broken';
  readonly why: string;
  readonly remedy: string | undefined;
}

/**
 * Returns the strongest isolation by bubblewrap that works on this host, or the reason why none works. `path`
 * is a value of PATH.
 */
export async function probeBubblewrap(path: string, signal: AbortSignal): Promise<Bubblewrap | NoBubblewrap> {
  const program = await findProgram('bwrap', path);
  if (!program) return { kind: 'broken', why: 'bubblewrap is not installed', remedy: 'npx zx tasks/doctor.ts --install gets bubblewrap' };
  let words = '';
  for (const isolation of Object.keys(isolations) as readonly Isolation[]) {
    const argv = bubblewrapArgv({ program, isolation }, ['/bin/sh', '-c', ':'], '/', { readOnly: {}, writable: {} });
    const result = await run(argv, { cwd: '/', env: {}, signal, timeoutMs: 10_000 });
    if (result.exitCode === 0) return { kind: 'bubblewrap', program, isolation };
    // The first attempt may fail because of an option, and the last one because only root may use it.
    if (isolation === 'user-namespace') words = partBefore(partBefore(result.stderr.trim(), '\n'), ' See <');
  }
  return { kind: 'broken', ...explainRefusal(words, kernelState()) };
}

/**
 * Returns the sandbox of a build: bubblewrap, or none if the user passed --no-sandbox (`wanted` is false).
 * Throws a Failure of the host if bubblewrap is wanted and does not work. Third-party code never runs
 * unconfined because a program is missing. With a cache directory, the answer of a successful probe is kept
 * there while the program and the kernel are the same.
 */
export async function requireSandbox(wanted: boolean, path: string, signal: AbortSignal, cacheDir?: string): Promise<Sandbox> {
  if (!wanted) return { kind: 'none' };
  const program = cacheDir === undefined ? undefined : await findProgram('bwrap', path);
  if (cacheDir === undefined || program === undefined) return await workingBubblewrap(path, signal);
  const question = { program, kernel: kernelState() };
  const probed = async (): Promise<Witnessed<Bubblewrap>> => ({ value: await workingBubblewrap(path, signal), witnesses: [program] });
  return await remembered(cacheDir, 'isolation', question, probed, isBubblewrap);
}

export function isBubblewrap(value: unknown): value is Bubblewrap {
  if (!isTable(value)) return false;
  const { kind, program, isolation } = value;
  return kind === 'bubblewrap' && isText(program) && isText(isolation) && Object.hasOwn(isolations, isolation);
}

async function workingBubblewrap(path: string, signal: AbortSignal): Promise<Bubblewrap> {
  const probe = await probeBubblewrap(path, signal);
  if (probe.kind === 'bubblewrap') return probe;
  throw cannot('build in a sandbox', probe.why, {
    blame: 'host',
    hint: `${probe.remedy === undefined ? '' : `${probe.remedy}; `}--no-sandbox runs build scripts and macros with all rights of yours`,
  });
}

/** Throws unless the place is absolute and has no "." or "..", so that text replacement and mounts agree. */
export function checkPlace(place: string): void {
  if (!/^\/[^\0\n]*[^/\0\n]$/.test(place) || place.split('/').some((part) => part === '..' || part === '.')) {
    throw cannot(`mount "${place}"`, 'it is not a plain absolute path');
  }
}

function replaceAll(text: string, pairs: readonly (readonly [string, string])[]): string {
  const ordered = [...pairs].sort(([a], [b]) => b.length - a.length);
  let out = '';
  let at = 0;
  while (at < text.length) {
    const hit = ordered.find(
      ([from]) => text.startsWith(from, at) && !/[\w.-]/.test(text.charAt(at + from.length)) && startsWord(text, at),
    );
    out += hit ? hit[1] : text[at];
    at += hit ? hit[0].length : 1;
  }
  return out;
}

/**
 * Whether a path begins at `at`. After a letter it is the rest of a longer path, unless the letter belongs to
 * a flag: -L/lib, -T/link.ld.
 */
function startsWord(text: string, at: number): boolean {
  return !/[\w.-]/.test(text.charAt(at - 1)) || /(?:^|[^\w.-])-[A-Za-z]$/.test(text.slice(Math.max(0, at - 3), at));
}
