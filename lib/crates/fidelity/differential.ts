// The differential test: compares the calls of cargo for a project with those of Bloomery, unit by unit.
// Bloomery's calls are the actions that the compiler executes, which a hook observes. Every unit must have a
// counterpart with the same words. Build scripts and their dependencies really run on both sides. Files that
// are compiled for a target are empty on both sides, because only the calls are compared.
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Action } from '../../actions/action.ts';
import type { Job } from '../../actions/lookup.ts';
import { openCache } from '../../cache/cache.ts';
import type { Context } from '../../core/events.ts';
import { tool } from '../../core/tools.ts';
import { configuration, metadata, stdSources, targetsOf } from '../plan/resolve-anew.ts';
import { openPlanning } from '../plan/planning.ts';
import { compile } from '../compile.ts';
import type { CompileOptions } from '../compiled.ts';
import { makersOf, normalCall } from './differential-call.ts';
import type { NormalCall } from './differential-call.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Project } from '../project.ts';
import { places } from '../unit/places.ts';
import { recordCargo, sandboxStandIn } from './recorded-calls.ts';
import type { RecordedCall } from './recorded-calls.ts';
import { pathOf } from '../../core/paths.ts';

/**
 * One unit that differs. `only` are the words that only one side has. If only the order differs, it has the
 * first differing words.
 */
export interface Difference {
  readonly unit: string;
  readonly onlyCargo: readonly string[];
  readonly onlyOurs: readonly string[];
}

export interface Comparison {
  readonly units: number;
  readonly differences: readonly Difference[];
}

/**
 * The folder of a comparison. Everything in `dir` belongs to it, including empty files of libraries, and is
 * useless for others.
 */
export interface Scratch {
  readonly dir: string;
  readonly pid: number;
}

/**
 * Builds a project with Bloomery and with cargo, both only to record calls, and compares. A scratch folder
 * serves several comparisons.
 */
export async function compareWithCargo(
  project: Project,
  settings: Omit<CompileOptions, 'cache' | 'sandbox' | 'observe'>,
  { dir, pid }: Scratch,
  context: Context,
): Promise<Comparison> {
  const path = pathOf(settings.hostEnv);
  const standIn = await sandboxStandIn(join(dir, 'bin'), await tool('bwrap', path));
  const scratchDir = await mkdtemp(join(dir, 'cargo-'));
  const cache = await openCache(join(dir, 'cache'), pid, context.report);
  try {
    const options = { ...settings, cache, sandbox: true, hostEnv: { ...settings.hostEnv, PATH: `${standIn}:${path}` } };
    return await compareIn(project, options, scratchDir, context);
  } finally {
    await cache.close();
    await rm(scratchDir, { recursive: true, force: true });
  }
}

async function compareIn(project: Project, options: CompileOptions, scratchDir: string, context: Context): Promise<Comparison> {
  const seen: { unit: PlannedUnit; job: Job }[] = [];
  await compile([project], { ...options, observe: (unit, job) => seen.push({ unit, job }) }, context);
  const [first] = seen;
  if (!first) return { units: 0, differences: [] };
  const { toolchain, rustSrc } = first.unit;
  const { hostEnv, cache } = options;
  const cargo = { toolchain, hostEnv, cache };
  const planning = await openPlanning(cargo, project, await configuration(cargo, project, context), context);
  const sources = rustSrc ? await stdSources(cargo, rustSrc, (await metadata(planning, [], context)).metadata) : [];
  const targets = targetsOf(planning);
  const recording = await recordCargo(project, { toolchain, hostEnv, rustSrc, sources, targets, scratchDir }, context);
  // cargo runs no script that is overridden
  const ours = seen.filter(({ unit }) => !unit.scriptOutput).map(({ job }) => ourCall(job));
  const folders = {
    ...foldersOf(seen.map(({ job }) => job.action)),
    [dirname(toolchain.rustc)]: `${places.toolchain}/bin`, // where rustup has a link to the toolchain
    [recording.targetDir]: '/bloomery/target',
  };
  const words = (calls: readonly RecordedCall[], baseEnv: Readonly<Record<string, string>>): readonly NormalCall[] => {
    const makers = makersOf(calls);
    return calls.map((call) => normalCall(call, { folders, baseEnv, makers }));
  };
  // All of a stable cargo's calls have it where the standard library is compiled. Ours have it where they need it.
  const { RUSTC_BOOTSTRAP: bootstrap } = recording.baseEnv;
  const ourBase = { ...project.env, ...(bootstrap === undefined ? {} : { RUSTC_BOOTSTRAP: bootstrap }) };
  return compareCalls(words(recording.calls, recording.baseEnv), words(ours, ourBase));
}

/** Pairs calls of the same name, the most similar first, and returns the differences. */
export function compareCalls(cargos: readonly NormalCall[], ours: readonly NormalCall[]): Comparison {
  const differences: Difference[] = [];
  const names = new Set([...cargos, ...ours].map(({ name }) => name));
  for (const unit of names) {
    const left = cargos.filter(({ name }) => name === unit);
    const right = ours.filter(({ name }) => name === unit);
    while (left.length > 0 && right.length > 0) {
      const pairs = left.flatMap((cargo) => right.map((our) => ({ cargo, our, found: difference(unit, cargo, our) })));
      const best = pairs.reduce((a, b) => (weight(b.found) < weight(a.found) ? b : a));
      left.splice(left.indexOf(best.cargo), 1);
      right.splice(right.indexOf(best.our), 1);
      if (best.found) differences.push(best.found);
    }
    for (const call of left) differences.push({ unit: `${unit} (we do not build it)`, onlyCargo: call.lines, onlyOurs: [] });
    for (const call of right) differences.push({ unit: `${unit} (cargo does not build it)`, onlyCargo: [], onlyOurs: call.lines });
  }
  return { units: ours.length, differences };
}

function difference(unit: string, cargo: NormalCall, our: NormalCall): Difference | undefined {
  if (cargo.lines.join('\n') === our.lines.join('\n')) return undefined;
  const [onlyCargo, onlyOurs] = [without(cargo.lines, our.lines), without(our.lines, cargo.lines)];
  if (onlyCargo.length + onlyOurs.length > 0) return { unit, onlyCargo, onlyOurs };
  const at = cargo.lines.findIndex((line, index) => line !== our.lines[index]);
  return { unit, onlyCargo: [`first ${cargo.lines[at]}`], onlyOurs: [`first ${our.lines[at]}`] };
}

function weight(found: Difference | undefined): number {
  return found ? 1 + found.onlyCargo.length + found.onlyOurs.length : 0;
}

/** Returns the lines that occur more often in `lines` than in `others`. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function ourCall({ action: { record }, declaredEnv }: Job): RecordedCall {
  if (record.kind === 'recipe') throw new Error('cargo runs no recipes');
  return { kind: record.kind, argv: record.argv.slice(1), cwd: record.cwd, env: { ...record.env, ...declaredEnv } };
}

/** Returns the sandbox paths of the host's folders. Cargo may write one with "..", and the kernel does not. */
function foldersOf(actions: readonly Action[]): Readonly<Record<string, string>> {
  const mounts = actions.flatMap((action) => Object.entries(action.mounts));
  return Object.fromEntries(mounts.flatMap(([place, hostDir]) => [hostDir, resolve(hostDir)].map((folder) => [folder, place])));
}
