// What a build comes to: the files that projects were compiled to, under the names that cargo gives them, and the answer that the same
// build with nothing new gives, computed from one that ran.
import { filesOfResult } from '../../actions/action.ts';
import { writtenFolder } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import { digestBytes, digestRecord } from '../../core/digest.ts';
import type { Json } from '../../core/digest.ts';
import { pathOf } from '../compiled.ts';
import type { CompiledProject, CompileOptions, Output } from '../compiled.ts';
import type { Plan } from '../plan/plan.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isScriptRun } from '../plan/unit-graph.ts';
import type { Project } from '../project.ts';
import type { BuildAnswer, TargetLibrary, Told } from './remembered-build.ts';
import { targetIdentity } from '../toolchain/identity.ts';
import { docTestOf, otherOutputName, testProgramOf } from './test-program.ts';

/** What is told of a build with nothing new: of what was asked for and of the person's own packages as hits, of all others together. */
export async function answerOf(
  { units, roots }: Plan,
  projects: readonly CompiledProject[],
  told: ReadonlyMap<string, readonly Told[]>,
  { shorten, cache, watchUnits }: CompileOptions,
): Promise<BuildAnswer> {
  const asked = new Set(roots.flatMap((root) => root.units));
  const shownUnits = units.filter(({ place, unit }, node) => asked.has(node) || !(place.foreign || unit.isStd));
  const labels = [...new Set(shownUnits.map(({ label }) => label))];
  const names = roots.map(({ project }) => project.name); // cargo's own warnings are told of a project
  const hits = [...names, ...labels]
    .flatMap((label) => told.get(label) ?? [])
    .map((event) => (event.kind === 'unit-finished' ? asHit(event) : event));
  const others = units.filter((unit) => !shownUnits.includes(unit) && unit.unit.mode !== 'doctest').map(({ hash }) => hash);
  return {
    units: unitCount({ units }),
    told: [...hits, { kind: 'units-skipped', units: others.length, savedMs: await recordedMs(others, cache) }],
    outputs: projects.map(({ outputs }) => outputs),
    docTests: projects.map(({ docTests = [] }) => docTests),
    shown: Object.fromEntries(shownUnits.map(({ owner }) => [owner.dir, shorten(owner.dir)])),
    targets: await targetLibraries(units, cache),
    unitLines: await watchUnits?.lines(),
  };
}

/** The units of a plan without those that rustdoc tests. */
export function unitCount({ units }: Pick<Plan, 'units'>): number {
  return units.filter(({ unit }) => unit.mode !== 'doctest').length;
}

/** The standard libraries of other targets that units are compiled with. */
async function targetLibraries(units: readonly PlannedUnit[], { root }: Cache): Promise<readonly TargetLibrary[]> {
  const foreign = units.filter(({ triple, toolchain, rustSrc }) => triple !== toolchain.host && rustSrc === undefined);
  const named = new Map(foreign.map(({ triple, toolchain }) => [`${toolchain.rustc} ${triple}`, { triple, toolchain }]));
  return Promise.all(
    [...named.values()].map(async ({ triple, toolchain }) => ({
      rustc: toolchain.rustc,
      triple,
      digest: (await targetIdentity(toolchain, triple, root)) ?? null,
    })),
  );
}

function asHit({ savedMs, durationMs, ...event }: Extract<Told, { kind: 'unit-finished' }>): Told {
  return { ...event, outcome: 'hit', durationMs: 0, savedMs: savedMs ?? durationMs };
}

/** Linked files of the units that were asked for, under the names that cargo gives them; in a folder for each target where there are several. */
export function outputsOf(
  project: Project,
  roots: readonly number[],
  built: ReadonlyMap<number, BuiltUnit>,
  docTests: readonly PlannedUnit[] = [],
): CompiledProject {
  const outputs = new Map<string, Output>();
  const isProgramOf = ({ planned }: BuiltUnit, user: PlannedUnit): boolean =>
    planned.unit.target.kind.includes('bin') && planned.owner.id === user.owner.id;
  const asked = roots.flatMap((root) => {
    const unit = built.get(root);
    if (!unit || isScriptRun(unit.planned.unit)) return [];
    // The programs that a test is told of.
    const programs = unit.planned.unit.tested ? unit.planned.dependencies.flatMap(({ index }) => built.get(index) ?? []) : [];
    return [unit, ...programs.filter((one) => isProgramOf(one, unit.planned))];
  });
  const owners = Map.groupBy(
    asked.filter(({ planned }) => isOther(planned)),
    ({ planned }) => `${planned.triple} ${otherOutputName(planned, '')}`,
  );
  const several = new Set(asked.map(({ planned }) => planned.triple)).size > 1;
  for (const { planned, result } of asked) {
    for (const artifact of filesOfResult(result)) {
      const others = isOther(planned) ? owners.get(`${planned.triple} ${otherOutputName(planned, '')}`) : undefined;
      const isShared = new Set(others?.map((one) => one.planned.owner.id)).size > 1;
      const name = outputName(planned, artifact.path, isShared ? `${planned.owner.name}.` : '');
      if (name === undefined) continue;
      const role = roleOf(planned, artifact.path);
      const test = role === 'test' ? { test: testProgramOf(planned, artifact, built) } : {};
      outputs.set(several ? `${planned.triple}/${name}` : name, { ...artifact, role, ...test });
    }
  }
  return { project, outputs, ...(docTests.length > 0 ? { docTests: docTests.map((unit) => docTestOf(unit, built)) } : {}) };
}

function roleOf({ unit: { target, tested } }: PlannedUnit, path: string): Output['role'] {
  if (path.startsWith(`${writtenFolder}/`)) return 'written';
  if (tested) return 'test';
  if (target.kind.includes('example')) return 'example';
  if (!target.kind.includes('bin')) return 'library';
  return /\.(?:dwp|pdb)$/.test(path) ? 'debug-information' : 'program';
}

/** The path below the folder of outputs of a file of a unit; undefined where it is handed out to nobody. */
export function outputPath(planned: PlannedUnit, path: string): string | undefined {
  const name = outputName(planned, path, '');
  return name === undefined ? undefined : pathOf(name, roleOf(planned, path));
}

/** Whether the unit is neither a library nor a program of its package. */
function isOther({ unit: { target, tested } }: PlannedUnit): boolean {
  return tested || target.kind.includes('example');
}

/** What a person calls an artifact; undefined for what is read by compilers and debuggers, or was asked for by --emit: cargo leaves it in deps. */
function outputName(planned: PlannedUnit, path: string, owner: string): string | undefined {
  const { hash, filename } = planned;
  const { target, tested } = planned.unit;
  if (path.startsWith(`${writtenFolder}/`)) return path;
  if (/\.(?:d|rmeta|s|ll|bc|o|mir|dwo)$/.test(path)) return undefined;
  const plain = path.replace(`-${hash}`, '');
  const crate = target.name.replaceAll('-', '_');
  if (isOther(planned)) {
    if (/\.(?:dwp|pdb)$/.test(path)) return undefined;
    if (!tested && !target.crateTypes.includes('bin')) return `examples/${plain}`;
    return plain.startsWith(crate) ? otherOutputName(planned, owner) + plain.slice(crate.length) : undefined;
  }
  // A program is called as its target, dashes and all; its file is called as its crate.
  const isProgram = target.kind.includes('bin') && plain.startsWith(crate);
  return isProgram ? (filename ?? target.name) + plain.slice(crate.length) : plain;
}

/**
 * Milliseconds, added up over the units (of each its hash, as in the plan); one that was never timed counts nothing. The sum is remembered for
 * the same units, because a build with nothing to do should not read a record for each of hundreds.
 */
export async function recordedMs(hashes: readonly string[], cache: Cache): Promise<number> {
  if (hashes.length === 0) return 0;
  const durations = await cache.records<number>('durations', (value): value is number & Json => typeof value === 'number');
  const all = digestRecord(['sum', ...hashes]);
  const known = await durations.get(all);
  if (known !== undefined) return known;
  const each = await Promise.all(hashes.map((hash) => durations.get(digestBytes(hash))));
  const sum = each.reduce<number>((total, durationMs) => total + (durationMs ?? 0), 0);
  await durations.put(all, sum);
  return sum;
}
