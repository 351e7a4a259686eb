// The result of a build: the files of projects under the names that cargo gives them. Also the answer of the
// same build with nothing new, which is computed from a build that ran.
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

/**
 * Returns the answer of the same build with nothing new. Requested units and units of the user's own packages
 * are reported as hits. All others are reported as one sum.
 */
export async function answerOf(
  { units, roots }: Plan,
  projects: readonly CompiledProject[],
  told: ReadonlyMap<string, readonly Told[]>,
  { shorten, cache, watchUnits }: CompileOptions,
): Promise<BuildAnswer> {
  const asked = new Set(roots.flatMap((root) => root.units));
  const shownUnits = units.filter(({ place, unit }, node) => asked.has(node) || !(place.foreign || unit.isStd));
  const labels = [...new Set(shownUnits.map(({ label }) => label))];
  // cargo's own warnings are reported under the name of a project
  const names = roots.map(({ project }) => project.name);
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

/** Returns the number of units of a plan, without those that rustdoc tests. */
export function unitCount({ units }: Pick<Plan, 'units'>): number {
  return units.filter(({ unit }) => unit.mode !== 'doctest').length;
}

/** Returns the standard libraries of other triples that units are compiled with. */
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

/**
 * Returns the linked files of the requested units under the names that cargo gives them. With several
 * triples, each has its own folder.
 */
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
    // The programs whose paths a test gets in its environment.
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

/** Returns the path of a unit's file in the folder of outputs. Undefined if the file is not published. */
export function outputPath(planned: PlannedUnit, path: string): string | undefined {
  const name = outputName(planned, path, '');
  return name === undefined ? undefined : pathOf(name, roleOf(planned, path));
}

/** Whether the unit is neither a library nor a program of its package. */
function isOther({ unit: { target, tested } }: PlannedUnit): boolean {
  return tested || target.kind.includes('example');
}

/**
 * Returns the name of an artifact in the folder of outputs. Undefined for files that only compilers and
 * debuggers read, and for files of --emit, which cargo leaves in `deps`.
 */
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
  // A program has the name of its target, with dashes. Its file has the name of the crate.
  const isProgram = target.kind.includes('bin') && plain.startsWith(crate);
  return isProgram ? (filename ?? target.name) + plain.slice(crate.length) : plain;
}

/**
 * Returns the sum of the recorded times of units in milliseconds. `hashes` are the hashes of the units in the
 * plan. A unit without a recorded time counts as 0. The sum is stored for the same set of units, so that a
 * build with nothing to do does not read hundreds of records.
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
