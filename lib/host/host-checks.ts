// Checks for the tools that a host needs or should have to build and boot. Checks change nothing. Results
// that a warm build needs are stored, so that the check of a complete host costs only some calls of stat.
// host-install.ts installs tools.
import { access, constants, stat } from 'node:fs/promises';
import { requireSandbox } from '../actions/sandbox/sandbox.ts';
import { errnoOf, Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
import { isText } from '../core/stored-values.ts';
import { findProgram, run } from '../core/sh.ts';
import { searchPath, toolPackages } from '../core/tools.ts';
import type { Packages } from '../core/tools.ts';
import { chooseToolchain, toolchainHint } from '../crates/toolchain/choice.ts';
import type { ToolchainRequest } from '../crates/toolchain/choice.ts';
import { hasBareLinker } from '../crates/toolchain/toolchain.ts';
import { uefiFlash } from '../machine/firmware.ts';
import { needsNamed, purposeOf, toolsOf, usualNeeds } from './needs.ts';
import type { Need, NeedName } from './needs.ts';
import { pathOf } from '../core/paths.ts';

export interface Check {
  readonly name: string;
  readonly found: boolean;
  /** Whether systems cannot be built or booted without it. Otherwise its absence is a warning. */
  readonly needed: boolean;
  /** What was found, or what is missing. */
  readonly detail: string;
  /** How to obtain it, if no package contains it. */
  readonly hint?: string | undefined;
  /** The package of the distribution that contains it. */
  readonly packages?: Packages;
}

export interface CheckedHost {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** For example "24.21.0". */
  readonly nodeVersion: string;
  /** The absolute path in BLOOMERY_RUST_SRC. */
  readonly rustSrc?: string | undefined;
  /** The work that is checked. If absent, all work is checked, and only the usual needs are errors. */
  readonly work?: readonly NeedName[] | undefined;
}

/** The first version of Node that runs TypeScript files directly. */
const leastNode = [22, 18] as const;

/** A header by which the development package of a library is recognized. */
const headers: Readonly<Record<string, string>> = { libpam: '/usr/include/security/pam_appl.h', oniguruma: '/usr/include/oniguruma.h' };

/** Checks the host. Rows are in a fixed order. Only an error that stops the whole run is thrown. */
export async function checkHost(host: CheckedHost, context: Context): Promise<readonly Check[]> {
  const { work } = host;
  const { needed, useful } = toolsOf(work ?? usualNeeds);
  const rows = needsNamed(work ?? usualNeeds);
  const tools = Object.entries(toolPackages).filter(([name]) => work === undefined || needed.has(name) || useful.has(name));
  const groups = await Promise.all([
    [nodeCheck(host.nodeVersion)],
    Promise.all(tools.map(async ([name, packages]) => ({ ...(await toolCheck(name, packages, host, context)), needed: needed.has(name) }))),
    rustChecks(host, rows, context),
    rows.some(({ sandbox }) => sandbox) ? [await sandboxCheck(host, context)] : [],
    work === undefined || work.includes('boot') ? [await kvmCheck()] : [],
  ]);
  return groups.flat();
}

/** Returns the rows that prevent a build or a boot. */
export function lacking(checks: readonly Check[]): readonly Check[] {
  return checks.filter(({ found, needed }) => !found && needed);
}

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const found = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  return {
    name: 'node',
    found,
    needed: true,
    detail: version,
    hint: `Node ${leastNode.join('.')} or newer is needed; npm ci brings one, npx uses it`,
  };
}

async function toolCheck(name: string, packages: Packages, host: CheckedHost, context: Context): Promise<Omit<Check, 'needed'>> {
  const path = pathOf(host.env);
  const place = await (name in headers
    ? header(name)
    : name === 'OVMF'
      ? firmware(path)
      : name === 'cc'
        ? linker(host, context)
        : findProgram(name, searchPath(path)));
  return { name, found: place !== undefined, detail: place ?? `package ${packages.debian}, to ${purposeOf(name)}`, packages };
}

async function header(name: string): Promise<string | undefined> {
  const path = headers[name] ?? '';
  return await stat(path).then(
    () => path,
    () => undefined,
  );
}

/**
 * Finds a cc that also finds the start-up object of the C library. On Debian, gcc alone lacks it, because it
 * is in libc6-dev.
 */
async function linker({ env, cacheDir }: CheckedHost, { signal }: Context): Promise<string | undefined> {
  const path = pathOf(env);
  const cc = await findProgram('cc', path);
  if (cc === undefined) return undefined;
  const startUp = await remembered<string>(
    cacheDir,
    'crt',
    { cc },
    async () => {
      const { stdout } = await run([cc, '-print-file-name=crt1.o'], { cwd: '/', env: { PATH: path }, signal });
      return { value: stdout.trim(), witnesses: [cc, stdout.trim(), '/usr/include/features.h'] };
    },
    isText,
  );
  return startUp.startsWith('/') ? cc : undefined; // cc prints the bare name if it finds no such file
}

async function firmware(path: string): Promise<string | undefined> {
  const qemu = await findProgram('qemu-system-x86_64', searchPath(path));
  return uefiFlash(qemu ?? '/').then(
    ({ code }) => code,
    () => undefined,
  );
}

/**
 * Checks for a toolchain, and for one with the source of the standard library, if the work needs them. They
 * are chosen as in builds.
 */
async function rustChecks(host: CheckedHost, rows: readonly Need[], context: Context): Promise<readonly Check[]> {
  const wanted = new Set(rows.map(({ rust }) => rust));
  if (!wanted.has('toolchain') && !wanted.has('source')) return [];
  const request = { env: host.env, cacheDir: host.cacheDir, rustSrc: host.rustSrc };
  const choice = (needsRustSrc: boolean) => async (): Promise<string> => (await chooseToolchain({ ...request, needsRustSrc }, context)).why;
  const toolchain = await asCheck('rust', toolchainHint, choice(false));
  if (!toolchain.found || !wanted.has('source')) return [toolchain];
  const source = await asCheck('rust-src', undefined, choice(true));
  return source.found ? [toolchain, source, await bareLinkerCheck(request, context)] : [toolchain, source];
}

async function bareLinkerCheck(request: Omit<ToolchainRequest, 'needsRustSrc'>, context: Context): Promise<Check> {
  const { toolchain } = await chooseToolchain({ ...request, needsRustSrc: true }, context);
  const found = hasBareLinker(toolchain);
  const detail = found ? `of ${toolchain.name}` : `${toolchain.name} has none, to link programs without an operating system`;
  return { name: 'rust-lld', found, needed: true, detail, hint: 'npx zx tasks/doctor.ts --install gets a toolchain that has it' };
}

/** Checks that bubblewrap can start a program here. A successful answer is stored, as in builds. */
async function sandboxCheck({ env, cacheDir }: CheckedHost, { signal }: Context): Promise<Check> {
  const look = async (): Promise<string> => {
    await requireSandbox(true, pathOf(env), signal, cacheDir);
    return 'bubblewrap can start programs';
  };
  const { hint, ...check } = await asCheck('sandbox', undefined, look);
  // The row of bubblewrap names the package.
  return (await findProgram('bwrap', pathOf(env))) === undefined ? check : { ...check, hint };
}

/**
 * Checks that the device exists and may be opened. Only the start of a machine probes whether it works,
 * because it may exist and not work.
 */
export async function kvmCheck(device = '/dev/kvm'): Promise<Check> {
  const lack = await access(device, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: unknown) => (errnoOf(error) === 'ENOENT' ? `no ${device}` : `${device} may not be opened by this user`),
  );
  const slow = 'machines are then emulated, which is several times slower';
  return {
    name: 'kvm',
    found: lack === undefined,
    needed: false,
    detail: lack ?? device,
    hint: lack === `no ${device}` ? slow : `${slow}; sudo usermod -aG kvm "$USER" permits it from the next login on`,
  };
}

async function asCheck(name: string, hint: string | undefined, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, found: true, needed: true, detail: await look() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { name, found: false, needed: true, detail: error.message, hint: hint ?? error.hint };
  }
}
