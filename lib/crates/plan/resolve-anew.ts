// What cargo makes of a project when it is asked: the unit graph, the packages in it, the configuration; and what all of that was made from.
import { readFile } from 'node:fs/promises';
import type { Context } from '../../core/events.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { configuration, isLocked, metadata, stdMetadata, stdSources, targetsOf, unitGraph, updateLock } from '../cargo/cargo-queries.ts';
import { cargoHome, configFiles, mayName } from '../cargo/config-files.ts';
import { lintArgs, manifestFacts, workspaceRootOf } from '../cargo/package.ts';
import type { LintArgs, ManifestFacts, Metadata, Package } from '../cargo/package.ts';
import { lookedAt } from './resolution.ts';
import { isStaleLock, openPlanning } from './planning.ts';
import type { Cargo, Planning } from './planning.ts';
import { profileRoot } from './profile-root.ts';
import type { ProfileRoot } from './profile-root.ts';
import { triplesOf } from '../project.ts';
import type { Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import { isNightly } from '../toolchain/toolchain.ts';
import type { UnitGraph } from './unit-graph.ts';

export interface Resolution {
  readonly graph: UnitGraph;
  /** The packages that units of the graph belong to. */
  readonly packages: readonly Package[];
  readonly stdPackages: readonly Package[];
  /** Absolute. */
  readonly workspaceRoot: string;
  readonly config: CargoConfig;
  /** What the manifest of each package says and cargo's answers do not. */
  readonly manifests: readonly { readonly manifestPath: string; readonly lints: LintArgs; readonly facts: ManifestFacts }[];
  readonly profileRoot: ProfileRoot;
  /** The workspace's members that units belong to. */
  readonly members: readonly { readonly id: string }[];
  /** Whether no target was named to cargo: then flags are for the host's own units too. */
  readonly flagsForHost: boolean;
  /** What cargo warns of, in its own words. */
  readonly warnings: readonly { readonly warning: string }[];
}

interface Answer {
  readonly resolution: Resolution;
  readonly looked: readonly string[];
}

/** Asks cargo, and lets it update a lock file that does not fit unless the project is locked. */
export async function resolveAnew(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Answer> {
  try {
    return await ask(cargo, project, rustSrc, context);
  } catch (error) {
    if (project.locked || !isStaleLock(error)) throw error;
    await updateLock(await openPlanning(cargo, project, await configuration(cargo, project, context), context), context);
    context.report({ kind: 'note', text: `Cargo.lock of ${project.name} was updated, because it did not fit the manifests` });
    return await ask(cargo, project, rustSrc, context);
  }
}

/** `looked`: absolute paths of files, and of folders (closing slash) by the names in them, that the answer depends on. */
async function ask(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Answer> {
  // Starts no rustc, and says what the others have to be asked with, unless no file may say anything about that.
  const configured = configuration(cargo, project, context);
  configured.catch(() => undefined); // it is waited for below
  const planning = await openPlanning(cargo, project, mayDecide(project, cargo.hostEnv) ? await configured : {}, context);
  const asked = metadata(planning, [], context);
  // Nothing that cargo is asked waits for an answer of its, but for the standard library's packages and for a lock file that it has yet to write.
  const sources = rustSrc ? await stdSources(cargo, rustSrc, (await asked).metadata) : [];
  if (!(await isLocked(project.dir, cargo.hostEnv))) await asked;
  const answers = [
    asked,
    sources.length > 0 ? metadata(planning, sources, context) : asked,
    rustSrc ? stdMetadata(planning, rustSrc, sources, context) : undefined,
    graphOf(planning, asked, rustSrc, sources, context),
    configured,
  ] as const;
  await Promise.allSettled(answers); // of several refusals, always the same one is told
  const [{ metadata: plain }, { metadata: known }, std, { graph, warnings, flagsForHost }, config] = await Promise.all(answers);
  const used = new Set(graph.units.map(({ pkgId }) => pkgId));
  const usedOf = (from: Metadata | undefined): readonly Package[] => [...(from?.packages.values() ?? [])].filter(({ id }) => used.has(id));
  const [packages, stdPackages] = [usedOf(known), usedOf(std)];
  const { workspaceRoot } = known;
  const home = cargoHome(cargo.hostEnv);
  const manifests = await Promise.all(
    [...packages, ...stdPackages].map(async ({ manifestPath, dir, source }) => ({
      manifestPath,
      lints: await lintArgs(manifestPath, () => workspaceRootOf(dir, home)),
      facts: source === undefined ? await manifestFacts(manifestPath) : {},
    })),
  );
  const resolution: Resolution = {
    graph,
    packages,
    stdPackages,
    workspaceRoot,
    config,
    manifests,
    profileRoot: await profileRoot(project.profile, workspaceRoot, config),
    members: known.members.filter((id) => used.has(id)).map((id) => ({ id })),
    flagsForHost,
    warnings: warningsOf(warnings, isNightly(cargo.toolchain)).map((warning) => ({ warning })),
  };
  return { resolution, looked: await lookedAt([...plain.packages.values()], workspaceRoot, home) };
}

/** Whether a configuration file may say what cargo has to be asked with: its variables, targets, flags, unstable features. */
function mayDecide(project: Project, hostEnv: Cargo['hostEnv']): boolean {
  return configFiles(project, hostEnv).files.some(({ text }) => mayName(text, 'env', 'unstable', 'build', 'target', 'rustflags'));
}

/**
 * The unit graph. A nightly package may name a target that holds only where none is asked for (default-target): then none is.
 */
async function graphOf(
  planning: Planning,
  asked: ReturnType<typeof metadata>,
  rustSrc: RustSrc | undefined,
  sources: readonly string[],
  context: Context,
): Promise<Awaited<ReturnType<typeof unitGraph>> & { readonly flagsForHost: boolean }> {
  const targets = targetsOf(planning);
  const answer = unitGraph(planning, targets, rustSrc, sources, context);
  if (!isNightly(planning.cargo.toolchain) || targets.length === 0 || triplesOf(planning.project).length > 0) {
    return { ...(await answer), flagsForHost: false };
  }
  const [plain, { metadata: known }] = await Promise.all([answer, asked]);
  const own = [...known.packages.values()].filter(({ source }) => source === undefined);
  const texts = await Promise.all(own.map(({ manifestPath }) => readFile(manifestPath, 'utf8')));
  if (!texts.some((text) => text.includes('default-target'))) return { ...plain, flagsForHost: false };
  return { ...(await unitGraph(planning, [], rustSrc, sources, context)), flagsForHost: true };
}

/** The warnings among what cargo wrote on standard error, each with its further lines. */
export function warningsOf(stderr: string, nightly: boolean): readonly string[] {
  const parts = stderr.split(/^(?=warning: )/m).filter((part) => part.startsWith('warning: '));
  // A stable cargo does not look into [unstable]; the one that prints a unit graph does.
  const said = parts.filter((part) => nightly || !part.startsWith('warning: unused config key `unstable.'));
  return [...new Set(said.map((part) => part.trimEnd()))];
}
