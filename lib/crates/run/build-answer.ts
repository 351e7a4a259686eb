// The answer that a build with nothing new gives, computed from a build that ran.
import type { Cache } from '../../cache/cache.ts';
import type { Event } from '../../core/events.ts';
import type { CompiledProject, CompileOptions } from '../compiled.ts';
import type { Plan } from '../plan/plan.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { BuildAnswer, TargetLibrary } from './remembered-build.ts';
import { recordedMs } from './saved-time.ts';
import { targetIdentity } from '../toolchain/identity.ts';

/** What is told of a build with nothing new: of what was asked for and of the person's own packages as hits, of all others together. */
export async function answerOf(
  { units, roots }: Plan,
  projects: readonly CompiledProject[],
  told: ReadonlyMap<string, readonly Event[]>,
  { shorten, cache }: CompileOptions,
): Promise<BuildAnswer> {
  const asked = new Set(roots.flatMap((root) => root.units));
  const shownUnits = units.filter(({ place, unit }, node) => asked.has(node) || !(place.foreign || unit.isStd));
  const labels = [...new Set(shownUnits.map(({ label }) => label))];
  const names = roots.map(({ project }) => project.name); // cargo's own warnings are told of a project
  const hits = [...names, ...labels]
    .flatMap((label) => told.get(label) ?? [])
    .map((event) => (event.kind === 'unit-finished' ? asHit(event) : event));
  const others = units.filter((unit) => !shownUnits.includes(unit)).map(({ hash }) => hash);
  return {
    units: units.length,
    told: [...hits, { kind: 'units-skipped', units: others.length, savedMs: await recordedMs(others, cache) }],
    outputs: projects.map(({ outputs }) => outputs),
    shown: Object.fromEntries(shownUnits.map(({ owner }) => [owner.dir, shorten(owner.dir)])),
    targets: await targetLibraries(units, cache),
  };
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

function asHit({ savedMs, durationMs, ...event }: Extract<Event, { kind: 'unit-finished' }>): Event {
  return { ...event, outcome: 'hit', durationMs: 0, savedMs: savedMs ?? durationMs };
}
