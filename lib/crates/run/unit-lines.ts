// The lines of --message-format json about one finished unit, with the files that they name. Procedural
// macros and the output folders of build scripts must exist, because rust-analyzer loads them. Other files
// that a line names need not exist. Only computes.
import { basename, join } from 'node:path';
import { filesOfResult } from '../../actions/action.ts';
import type { FileArtifact } from '../../actions/action.ts';
import type { UnitLines } from '../compiled.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isBuildScript, isProcMacro, isScriptRun } from '../plan/unit-graph.ts';
import { outputPath } from './build-answer.ts';
import { compilerArtifact, compilerMessages, scriptExecuted } from './cargo-messages.ts';
import type { ArtifactFiles } from './cargo-messages.ts';

export interface LinesRequest {
  /** The folder of outputs, as an absolute path. */
  readonly out: string;
  /** Texts keep their colours. */
  readonly ansi: boolean;
  /** Whether the result of the unit was in the cache. */
  readonly fresh: boolean;
}

/** Returns the lines of a finished unit. */
export function linesOfUnit(built: BuiltUnit, { out, ansi, fresh }: LinesRequest): UnitLines {
  const { planned, result } = built;
  if (isScriptRun(planned.unit)) {
    // The folder has the name that cargo gives it.
    const folder = join('build', `${planned.owner.name}-${planned.hash}`, 'out');
    const files = filesOfResult(result).map((file) => ({ ...file, path: join(folder, file.path) }));
    return { lines: [scriptExecuted(built, join(out, folder))], folders: [folder], files };
  }
  const { files, ...named } = artifactFiles(built, out);
  const lines = [...compilerMessages(planned, result.stderr, ansi), compilerArtifact(planned, named, fresh)];
  return { lines, folders: [], files };
}

/** Returns the lines of a unit that could not be compiled. */
export function linesOfFailure(planned: PlannedUnit, stderr: string, ansi: boolean): readonly string[] {
  return isScriptRun(planned.unit) ? [] : compilerMessages(planned, stderr, ansi);
}

function artifactFiles({ planned, result }: BuiltUnit, out: string): ArtifactFiles & Pick<UnitLines, 'files'> {
  const { unit, owner, hash } = planned;
  if (isBuildScript(unit)) {
    return { filenames: [join(out, 'build', `${owner.name}-${hash}`, unit.target.name)], executable: null, files: [] };
  }
  const isNamed = ({ path }: FileArtifact): boolean => !/\.(?:d|dwo|o)$/.test(path) && !path.startsWith('written/');
  const pathOf = ({ path }: FileArtifact): string =>
    (planned.primary ? outputPath(planned, path) : undefined) ?? join('deps', basename(path));
  const isStarted = ({ path, executable }: FileArtifact): boolean => executable && !/\.(?:so|rlib|rmeta|a|dwp)$/.test(path);
  const files = filesOfResult(result).filter(isNamed);
  const program = unit.mode === 'check' ? undefined : files.findLast(isStarted);
  const isMacro = isProcMacro(unit) && !unit.tested;
  return {
    filenames: files.map((file) => join(out, pathOf(file))),
    executable: program === undefined ? null : join(out, pathOf(program)),
    files: isMacro ? files.filter(({ path }) => path.endsWith('.so')).map((file) => ({ ...file, path: pathOf(file) })) : [],
  };
}
