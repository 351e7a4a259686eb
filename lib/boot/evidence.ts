// Diagnostics of a failed machine in addition to its console: a screenshot, the registers of its processors,
// and the symbols for the addresses that its kernel printed. All of it is optional. Data that cannot be read
// is left out.
import { writeFile } from 'node:fs/promises';
import type { Judgement } from '../console/verdict.ts';
import { cannot, Failure, matched } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import { searchPath } from '../core/tools.ts';
import type { RunningMachine } from '../machine/machine.ts';

export interface Evidence {
  /** Path of the screenshot. Undefined without a screen. */
  readonly screenshot?: string;
  /** The file with the whole dump. `processors` has one line for each processor. */
  readonly registersFile?: string;
  readonly processors: readonly string[];
  /** "0xffffffff80001234  kernel::main at src/main.rs:12", in the order in which the addresses were printed. */
  readonly addresses: readonly string[];
}

export interface EvidenceRequest {
  readonly machine: RunningMachine;
  readonly judgement: Judgement;
  /** The transcript. Other files are written next to it. */
  readonly log: string;
  readonly display: boolean;
  /** The kernel's ELF file (--symbols). */
  readonly symbols: string | undefined;
  readonly path: string;
}

/** A stack trace has fewer addresses than this. More of them are a memory dump. */
const mostAddresses = 64;
const controlTimeoutMs = 5000;

/** Collects the diagnostics of a machine that has just been judged and may have ended. */
export async function evidenceOf(request: EvidenceRequest, context: Context): Promise<Evidence> {
  const { machine, judgement, log, display, symbols } = request;
  const { verdict, lastLines } = judgement;
  if (verdict.kind === 'booted') return { processors: [], addresses: [] };
  const screenshot = `${log}.png`;
  const picture = display ? await inTime(machine.control?.screenshot(screenshot, 'png').then(() => screenshot)) : undefined;
  const hangs = verdict.kind === 'stalled' || (verdict.kind === 'failed' && verdict.failure === 'hang');
  const dump = hangs ? await inTime(machine.control?.registers()) : undefined;
  const registersFile = `${log}.registers`;
  if (dump !== undefined) await writeFile(registersFile, dump);
  const processors = dump === undefined ? [] : pointersOf(dump);
  const texts = [...lastLines, ...processors];
  const addresses = symbols === undefined ? [] : await named(symbols, addressesIn(texts), request.path, context);
  return { ...(picture === undefined ? {} : { screenshot }), ...(dump === undefined ? {} : { registersFile }), processors, addresses };
}

/** Returns undefined if the machine has ended or its monitor does not answer in time. */
async function inTime<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), controlTimeoutMs);
  });
  try {
    return await Promise.race([asked, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the instruction pointer of each processor, from QEMU's "info registers -a". */
export function pointersOf(dump: string): readonly string[] {
  return dump.split(/^CPU#/m).flatMap((text) => {
    const [cpu, pointer] = [/^(\d+)/.exec(text)?.[1], /\bR?IP=([0-9a-f]+)/.exec(text)?.[1] ?? /\bEIP=([0-9a-f]+)/.exec(text)?.[1]];
    if (cpu === undefined || pointer === undefined) return [];
    return [`CPU ${cpu} is at 0x${pointer}${/HLT=1/.test(text) ? ', halted' : ''}`];
  });
}

/** Returns numbers of 8 to 16 hexadecimal digits without duplicates, as "0x..." in lower case. */
export function addressesIn(lines: readonly string[]): readonly string[] {
  const found = lines.flatMap((line) =>
    [...line.matchAll(/(?<![0-9a-zA-Z])(?:0x)?([0-9a-fA-F]{8,16})(?![0-9a-zA-Z])/g)].map((match) => matched(match, 1)),
  );
  return [...new Set(found.map((digits) => `0x${digits.toLowerCase()}`))].slice(0, mostAddresses);
}

/**
 * Returns the symbols of the ELF file for the addresses in lines: "0xffffffff80001234  kernel::main at
 * src/main.rs:12".
 */
export async function namedAddresses(elf: string, lines: readonly string[], path: string, context: Context): Promise<readonly string[]> {
  return await named(elf, addressesIn(lines), path, context);
}

/** Returns the result of `resolved`. An error is reported and does not affect the verdict. */
async function named(elf: string, addresses: readonly string[], path: string, context: Context): Promise<readonly string[]> {
  try {
    return await resolved(elf, addresses, path, context);
  } catch (error) {
    if (!(error instanceof Failure) || context.signal.aborted) throw error;
    context.report({ kind: 'note', text: error.hint === undefined ? error.message : `${error.message} (${error.hint})` });
    return [];
  }
}

/** Returns the addresses for which the ELF file has a symbol. */
async function resolved(elf: string, addresses: readonly string[], path: string, { signal }: Context): Promise<readonly string[]> {
  if (addresses.length === 0) return [];
  const what = `name the addresses of "${elf}"`;
  const program = (await findProgram('addr2line', searchPath(path))) ?? (await findProgram('llvm-addr2line', searchPath(path)));
  if (!program) throw cannot(what, 'there is no addr2line', { blame: 'host', hint: 'install the package binutils' });
  const argv = [program, '--exe', elf, '--functions', '--demangle', '--pretty-print', '--addresses', ...addresses];
  const { exitCode, stdout, stderr } = await run(argv, { cwd: '/', env: { LC_ALL: 'C' }, signal });
  if (exitCode !== 0) throw cannot(what, stderr.trim().split('\n').at(-1) ?? `addr2line ended with status ${exitCode}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => /^(0x[0-9a-f]+): (.*)$/.exec(line.trim()))
    .filter((match) => match !== null && !match[2]?.startsWith('??'))
    .map((match) => `${match?.[1]}  ${match?.[2]}`);
}
