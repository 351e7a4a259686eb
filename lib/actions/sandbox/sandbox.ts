// How an action is shut in: the command line of bubblewrap, as a pure function. Inside, every action of every machine sees the same
// places; sources and inputs are read-only, there is no network, no home and an empty /tmp, and root has no capabilities. With --no-sandbox the
// places are replaced by the host's own paths, and rustc is told to write the places in their stead.
import { cannot, partBefore } from '../../core/errors.ts';
import { remembered } from '../../core/remembered.ts';
import type { Witnessed } from '../../core/remembered.ts';
import { isTable, isText } from '../../core/stored-values.ts';
import { findProgram, run } from '../../core/sh.ts';
import { kernelState } from './kernel-state.ts';
import { explainRefusal } from './refusal.ts';

/** What an action may see. `readOnly` and `writable` map a place to a path of the host. */
export interface View {
  readonly readOnly: Readonly<Record<string, string>>;
  readonly writable: Readonly<Record<string, string>>;
  /** The host's network, its resolver and its certificates too. */
  readonly network?: boolean;
}

/** The words of bubblewrap about users, by what the host allows, strongest first. */
const isolations = {
  /** A user namespace of its own, below which no other can be created. bubblewrap has the option since version 0.8. */
  'no-nested-namespaces': ['--unshare-user', '--disable-userns'],
  'user-namespace': ['--unshare-user'],
  /** The host has no user namespaces, so only root (or a set-uid bubblewrap) gets here. */
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

/** Folders of the host that compilers, linkers and scripts need; those that do not exist are left out by bubblewrap itself. */
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
  '/sys/kernel/mm/transparent_hugepage/enabled', // without it rustc's allocator asks for no huge pages
];

/** What names and certificates of hosts are looked up in; shown only together with the network. */
const networkPlaces = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/ssl', '/etc/pki', '/etc/ca-certificates'];

/** The command line that runs `argv` in the sandbox. */
export function bubblewrapArgv(
  { program, isolation }: Pick<Bubblewrap, 'program' | 'isolation'>,
  argv: readonly string[],
  cwd: string,
  view: View,
  env: Env = {},
): readonly string[] {
  // A folder before what is mounted in it, whichever of the two is writable.
  const binds = [
    ...Object.entries(view.readOnly).map(([place, path]) => ['--ro-bind', path, place] as const),
    ...Object.entries(view.writable).map(([place, path]) => ['--bind', path, place] as const),
  ];
  const order = binds.sort(([, , a], [, , b]) => a.length - b.length);
  return [
    program,
    '--unshare-all',
    ...isolations[isolation],
    // Root would otherwise keep all capabilities inside, and could mount every read-only folder writable again.
    '--cap-drop',
    'ALL',
    ...(view.network ? ['--share-net'] : []),
    '--as-pid-1',
    '--die-with-parent',
    '--new-session',
    ...[...hostPlaces, ...(view.network ? networkPlaces : [])].flatMap((place) => ['--ro-bind-try', place, place]),
    '--proc',
    '/proc',
    // Settings of the kernel belong to root whatever the capabilities: core_pattern runs programs on the host.
    '--ro-bind',
    '/proc/sys',
    '/proc/sys',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    ...order.flat(),
    ...Object.entries(env).flatMap(([name, value]) => (isForLoader(name) ? ['--setenv', name, value] : [])),
    // The root itself is made of folders that only lead to mounts: what is written there would be lost without a word.
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
 * The variables that bubblewrap itself is started with: those of the command without what a loader or the C library on the host would heed. The
 * project chooses them (a script's LD_PRELOAD for rustc), and its files would be loaded outside of the sandbox. `bubblewrapArgv` sets them inside.
 */
export function outsideEnv(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isForLoader(name)));
}

/** ld.so(8), and what the C library reads files by. */
function isForLoader(name: string): boolean {
  return /^(?:LD_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|GETCONF_DIR|MALLOC_(?!CONF$).*|TZDIR)$/.test(name);
}

/** Replaces places by the host's paths, the longest place first, in one text (an argument, a variable, a directive). */
export function toHostPaths(text: string, view: View): string {
  return replaceAll(text, Object.entries({ ...view.readOnly, ...view.writable }));
}

/** The other way round, for what a command without a sandbox said. */
export function toPlaces(text: string, view: View): string {
  return replaceAll(
    text,
    Object.entries({ ...view.readOnly, ...view.writable }).map(([place, path]) => [path, place]),
  );
}

/** `--remap-path-prefix` for rustc, so that artifacts made without a sandbox name places too. rustc takes the last one that fits. */
export function remapArgs(view: View): readonly string[] {
  const pairs = Object.entries({ ...view.readOnly, ...view.writable }).sort(([, a], [, b]) => a.length - b.length);
  return pairs.map(([place, path]) => `--remap-path-prefix=${path}=${place}`);
}

/** The answer of a host without a sandbox. `remedy` is what to do about it, where that is known. */
interface NoBubblewrap {
  readonly kind: 'broken';
  readonly why: string;
  readonly remedy: string | undefined;
}

/** The strongest isolation by bubblewrap that works on this host, or the reason why none does. `path` is a PATH value. */
export async function probeBubblewrap(path: string, signal: AbortSignal): Promise<Bubblewrap | NoBubblewrap> {
  const program = await findProgram('bwrap', path);
  if (!program) return { kind: 'broken', why: 'bubblewrap is not installed', remedy: 'npx zx tasks/doctor.ts --install gets bubblewrap' };
  let words = '';
  for (const isolation of Object.keys(isolations) as readonly Isolation[]) {
    const argv = bubblewrapArgv({ program, isolation }, ['/bin/sh', '-c', ':'], '/', { readOnly: {}, writable: {} });
    const result = await run(argv, { cwd: '/', env: {}, signal, timeoutMs: 10_000 });
    if (result.exitCode === 0) return { kind: 'bubblewrap', program, isolation };
    // The first attempt may fail because of an option, and the last one because only root may do it.
    if (isolation === 'user-namespace') words = partBefore(partBefore(result.stderr.trim(), '\n'), ' See <');
  }
  return { kind: 'broken', ...explainRefusal(words, await kernelState()) };
}

/**
 * The sandbox of a build: bubblewrap, or none where the user gave --no-sandbox (`wanted` is false). Throws a Failure of the host where bubblewrap
 * is wanted and does not work: third-party code never runs unconfined because a program is missing. With a cache directory, the answer of a probe that
 * went well is kept there while the program and the kernel are the same.
 */
export async function requireSandbox(wanted: boolean, path: string, signal: AbortSignal, cacheDir?: string): Promise<Sandbox> {
  if (!wanted) return { kind: 'none' };
  const program = cacheDir === undefined ? undefined : await findProgram('bwrap', path);
  if (cacheDir === undefined || program === undefined) return await workingBubblewrap(path, signal);
  const question = { program, kernel: await kernelState() };
  const probed = async (): Promise<Witnessed<Bubblewrap>> => ({ value: await workingBubblewrap(path, signal), witnesses: [program] });
  return await remembered(cacheDir, 'isolation', question, probed, isBubblewrap);
}

function isBubblewrap(value: unknown): value is Bubblewrap {
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

/** A place must be absolute and plain, so that text replacement and mounts agree. */
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

/** Does a path begin at `at`? After a letter it is the rest of a longer one, unless the letter is a flag: -L/lib, -T/link.ld. */
function startsWord(text: string, at: number): boolean {
  return !/[\w.-]/.test(text.charAt(at - 1)) || /(?:^|[^\w.-])-[A-Za-z]$/.test(text.slice(Math.max(0, at - 3), at));
}
