// The files that a project was compiled to, under the names that cargo gives them.
import { filesOfResult } from '../../actions/action.ts';
import { writtenFolder } from '../../actions/place.ts';
import type { BuiltUnit } from './built-unit.ts';
import type { CompiledProject, Output } from '../compiled.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Project } from '../project.ts';
import { isScriptRun } from '../plan/unit-graph.ts';

/** Linked files of the units that were asked for, under the names that cargo gives them; in a folder for each target where there are several. */
export function outputsOf(project: Project, roots: readonly number[], built: ReadonlyMap<number, BuiltUnit>): CompiledProject {
  const outputs = new Map<string, Output>();
  const asked = roots.flatMap((root) => built.get(root) ?? []).filter(({ planned }) => !isScriptRun(planned.unit));
  const several = new Set(asked.map(({ planned }) => planned.triple)).size > 1;
  for (const { planned, result } of asked) {
    for (const artifact of filesOfResult(result)) {
      const name = outputName(planned, artifact.path);
      if (name === undefined) continue;
      outputs.set(several ? `${planned.triple}/${name}` : name, { ...artifact, role: roleOf(planned, artifact.path) });
    }
  }
  return { project, outputs };
}

function roleOf({ unit: { target } }: PlannedUnit, path: string): Output['role'] {
  if (path.startsWith(`${writtenFolder}/`)) return 'written';
  if (!target.kind.includes('bin')) return 'library';
  return /\.(?:dwp|pdb)$/.test(path) ? 'debug-information' : 'program';
}

/** What a person calls an artifact; undefined for what is read by compilers and debuggers, or was asked for by --emit: cargo leaves it in deps. */
function outputName({ hash, unit: { target }, filename }: PlannedUnit, path: string): string | undefined {
  if (path.startsWith(`${writtenFolder}/`)) return path;
  if (/\.(?:d|rmeta|s|ll|bc|o|mir|dwo)$/.test(path)) return undefined;
  const plain = path.replace(`-${hash}`, '');
  const crate = target.name.replaceAll('-', '_');
  // A program is called as its target, dashes and all; its file is called as its crate.
  const isProgram = target.kind.includes('bin') && plain.startsWith(crate);
  return isProgram ? (filename ?? target.name) + plain.slice(crate.length) : plain;
}
