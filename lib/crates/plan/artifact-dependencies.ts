// Artifact dependencies (nightly): programs and libraries of other packages that a compilation or a build script is given as files, by variables
// of cargo's. The unit graph has them as dependencies on what no crate links to.
import { filesOfResult } from '../../actions/action.ts';
import type { FileArtifact } from '../../actions/action.ts';
import type { Digest } from '../../core/digest.ts';
import { places } from '../unit/places.ts';
import type { BuiltUnit, PlannedUnit } from './planned-unit.ts';
import { isBuildScript, isScriptRun } from './unit-graph.ts';

type Env = Readonly<Record<string, string>>;

type Kind = 'bin' | 'cdylib' | 'staticlib';

/** Variables that name the files, and the files by their places. */
export function artifactsFor(
  planned: PlannedUnit,
  built: ReadonlyMap<number, BuiltUnit>,
): { readonly env: Env; readonly inputs: Readonly<Record<string, Digest>> } {
  const env: Record<string, string> = {};
  const inputs: Record<string, Digest> = {};
  for (const { index, name } of planned.dependencies) {
    const dependency = built.get(index);
    const kind = dependency && kindOf(dependency.planned);
    if (!dependency || !kind) continue;
    const { owner, hash, unit } = dependency.planned;
    const folder = `${places.deps}/artifact/${owner.name}-${hash}/${kind}`;
    const dependencyName = nameOf(planned, owner.name, name);
    const upper = dependencyName.toUpperCase().replaceAll('-', '_');
    const type = kind.toUpperCase();
    for (const { path, digest } of filesOfResult(dependency.result).filter((artifact) => isFileOf(kind, artifact))) {
      const place = `${folder}/${path}`;
      inputs[place] = digest;
      env[`CARGO_${type}_DIR_${upper}`] = folder;
      env[`CARGO_${type}_FILE_${upper}_${unit.target.name}`] = place;
      if (unit.target.name === dependencyName) env[`CARGO_${type}_FILE_${upper}`] = place;
    }
  }
  return { env, inputs };
}

/** What kind of artifact a dependency is; undefined for what is linked or run. */
function kindOf({ unit }: PlannedUnit): Kind | undefined {
  if (isScriptRun(unit) || isBuildScript(unit)) return undefined;
  if (unit.target.kind.includes('bin')) return 'bin';
  const [only, ...others] = unit.target.crateTypes;
  return others.length === 0 && (only === 'cdylib' || only === 'staticlib') ? only : undefined;
}

function isFileOf(kind: Kind, { path, executable }: FileArtifact): boolean {
  if (kind === 'staticlib') return /\.(?:a|lib)$/.test(path);
  if (kind === 'cdylib') return /\.(?:so|dylib|dll|wasm)$/.test(path);
  return executable && !/\.(?:d|dwp|dwo|pdb)$/.test(path);
}

/** What the manifest calls the dependency. The unit graph has that name where it differs from the package's, else the name of the crate. */
function nameOf({ owner }: PlannedUnit, packageName: string, externName: string): string {
  const named = owner.artifacts.filter(({ name }) => name === packageName);
  const found =
    named.find((entry) => entry.as.replaceAll('-', '_') === externName) ?? named.find((entry) => entry.as === packageName) ?? named[0];
  return found?.as ?? packageName;
}
