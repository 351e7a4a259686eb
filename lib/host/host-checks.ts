// What a host must have to build and boot, and what it would be good to have, each looked at without changing anything. What a warm answer needs
// is remembered, so that a check of a host that has everything costs some stat calls. Installing is host-install.ts.
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
  /** Without it a system can be neither built nor booted; otherwise its lack is a warning. */
  readonly needed: boolean;
  /** What was found, or what is lacking. */
  readonly detail: string;
  /** How to get it, when no package has it. */
  readonly hint?: string | undefined;
  /** What has it, where that is a package of the distribution. */
  readonly packages?: Packages;
}

export interface CheckedHost {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** "24.21.0". */
  readonly nodeVersion: string;
  /** BLOOMERY_RUST_SRC, absolute. */
  readonly rustSrc?: string | undefined;
  /** The work that it is for; absent: everything, of which the usual is needed. */
  readonly work?: readonly NeedName[] | undefined;
}

/** Node runs TypeScript files as they are from here on. */
const leastNode = [22, 18] as const;

/** By what a library's package for developers is known. */
const headers: Readonly<Record<string, string>> = { libpam: '/usr/include/security/pam_appl.h', oniguruma: '/usr/include/oniguruma.h' };

/** Looks at the host. Rows are in a fixed order; nothing throws but what stops the whole run. */
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

/** Rows that stop a build or a boot. */
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

/** A cc that also finds the C library's start-up object: on Debian gcc comes without it unless libc6-dev is there too. */
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
  return startUp.startsWith('/') ? cc : undefined; // cc gives the bare name back when it finds no such file
}

async function firmware(path: string): Promise<string | undefined> {
  const qemu = await findProgram('qemu-system-x86_64', searchPath(path));
  return uefiFlash(qemu ?? '/').then(
    ({ code }) => code,
    () => undefined,
  );
}

/** A toolchain, and one with the standard library's source, as the builds would choose them, where the work needs them. */
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

/** bubblewrap really starts something here. An answer that it does is remembered as builds remember it. */
async function sandboxCheck({ env, cacheDir }: CheckedHost, { signal }: Context): Promise<Check> {
  const look = async (): Promise<string> => {
    await requireSandbox(true, pathOf(env), signal, cacheDir);
    return 'bubblewrap can start programs';
  };
  const { hint, ...check } = await asCheck('sandbox', undefined, look);
  // The row of bubblewrap has the package.
  return (await findProgram('bwrap', pathOf(env))) === undefined ? check : { ...check, hint };
}

/** Whether the device is there and may be opened. A machine that is booted probes whether it works (facts: it may exist and not work). */
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
