// --message-format json of tasks/crates.ts: prints cargo's lines on standard output while units are compiled. Loaded when it is asked for
// (lib/cli/optional-parts.ts). Procedural macros and the output folders of build scripts are written below the folder of outputs, because
// rust-analyzer loads them; other files that a line names may not be there.
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { filesOfResult } from '../../actions/action.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Report } from '../../core/events.ts';
import { materialize } from '../../crates/compiled.ts';
import type { UnitWatch } from '../../crates/compiled.ts';
import type { BuiltUnit } from '../../crates/plan/planned-unit.ts';
import { isBuildScript, isProcMacro, isScriptRun } from '../../crates/plan/unit-graph.ts';
import { outputPath } from '../../crates/run/build-answer.ts';
import { buildFinished, compilerArtifact, compilerMessages, scriptExecuted } from '../../crates/run/cargo-messages.ts';
import type { ArtifactFiles } from '../../crates/run/cargo-messages.ts';
import type { Task } from '../task.ts';

export interface CargoMessages {
  readonly watch: UnitWatch;
  /** What the build reports to: without the messages that are printed as lines. */
  readonly quiet: (report: Report) => Report;
  /** Prints the last line, after all others. */
  finish(success: boolean): Promise<void>;
}

/** `out`: the folder of outputs. `ansi`: texts keep their colours. */
export function cargoMessages({ print }: Pick<Task, 'print'>, out: string, cache: Cache, ansi: boolean): CargoMessages {
  let printed = Promise.resolve();
  const then = (work: () => Promise<void> | void): void => {
    printed = printed.then(work);
  };
  const done = async (built: BuiltUnit, fresh: boolean): Promise<void> => {
    const { planned, result } = built;
    if (isScriptRun(planned.unit)) {
      print(scriptExecuted(built, await writeOutDir(built, out, cache)));
      return;
    }
    for (const line of compilerMessages(planned, result.stderr, ansi)) print(line);
    print(compilerArtifact(planned, await artifactFiles(built, out, cache), fresh));
  };
  return {
    watch: {
      done: (built, fresh) => then(() => done(built, fresh)),
      failed: (unit, stderr) =>
        then(() => {
          if (!isScriptRun(unit.unit)) for (const line of compilerMessages(unit, stderr, ansi)) print(line);
        }),
    },
    quiet: (report) => (event) => {
      if (event.kind !== 'diagnostic') report(event);
    },
    async finish(success) {
      await printed;
      print(buildFinished(success));
    },
  };
}

/** The folder has cargo's name for it. */
async function writeOutDir({ planned, result }: BuiltUnit, out: string, cache: Cache): Promise<string> {
  const folder = join(out, 'build', `${planned.owner.name}-${planned.hash}`, 'out');
  await mkdir(folder, { recursive: true });
  for (const file of filesOfResult(result)) {
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await materialize(file, path, cache);
  }
  return folder;
}

async function artifactFiles(built: BuiltUnit, out: string, cache: Cache): Promise<ArtifactFiles> {
  const { planned, result } = built;
  const { unit, owner, hash } = planned;
  const files = filesOfResult(result).filter(({ path }) => !/\.(?:d|dwo|o)$/.test(path) && !path.startsWith('written/'));
  if (isBuildScript(unit)) {
    return { filenames: [join(out, 'build', `${owner.name}-${hash}`, unit.target.name)], executable: null };
  }
  const paths: string[] = [];
  let executable: string | null = null;
  for (const file of files) {
    const uplifted = planned.primary ? outputPath(planned, file.path) : undefined;
    const path = join(out, uplifted ?? join('deps', basename(file.path)));
    paths.push(path);
    const isProgram = !/\.(?:so|rlib|rmeta|a|dwp)$/.test(file.path);
    if (isProgram && file.executable && unit.mode !== 'check') executable = path;
    if (isProcMacro(unit) && !unit.tested && file.path.endsWith('.so')) {
      await mkdir(dirname(path), { recursive: true });
      await materialize(file, path, cache);
    }
  }
  return { filenames: paths, executable };
}
