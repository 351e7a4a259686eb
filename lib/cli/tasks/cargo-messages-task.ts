// --message-format json of tasks/crates.ts: prints cargo's lines on standard output while units are compiled,
// or the lines of a stored build. It is an optional part (lib/cli/optional-parts.ts). The module that formats
// the lines of a unit is loaded for the first unit, because most requests of editors need only the lines of a
// stored build.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import type { Report } from '../../core/events.ts';
import { materialize } from '../../crates/compiled.ts';
import type { UnitLines, UnitWatch } from '../../crates/compiled.ts';
import type { BuiltUnit, PlannedUnit } from '../../crates/plan/planned-unit.ts';
import type { Task } from '../task.ts';

export interface CargoMessages {
  readonly watch: UnitWatch;
  /** The receiver of events, without the messages that are printed as lines. */
  readonly quiet: (report: Report) => Report;
  /** Prints the last line, after all others. */
  finish(success: boolean): Promise<void>;
}

/** Returns the printer of cargo's lines. `out` is the folder of outputs. `ansi`: texts keep their colours. */
export function cargoMessages({ print }: Pick<Task, 'print'>, out: string, cache: Cache, ansi: boolean): CargoMessages {
  let printed = Promise.resolve();
  const errors: unknown[] = [];
  const then = (work: () => Promise<void>): void => {
    printed = printed.then(work).catch((error: unknown) => void errors.push(error));
  };
  /**
   * The lines of each unit in a build with nothing new. A unit may finish twice if a blob turns out to be
   * damaged.
   */
  const units = new Map<PlannedUnit, UnitLines>();
  const done = async (built: BuiltUnit, fresh: boolean): Promise<void> => {
    if (units.has(built.planned)) return;
    const { linesOfUnit } = await import('../../crates/run/unit-lines.ts');
    const now = linesOfUnit(built, { out, ansi, fresh });
    await writeFiles(now, out, cache);
    for (const line of now.lines) print(line);
    units.set(built.planned, fresh ? now : linesOfUnit(built, { out, ansi, fresh: true }));
  };
  return {
    watch: {
      question: { out, ansi },
      done: (built, fresh) => then(() => done(built, fresh)),
      failed: (unit, stderr) =>
        then(async () => {
          const { linesOfFailure } = await import('../../crates/run/unit-lines.ts');
          for (const line of linesOfFailure(unit, stderr, ansi)) print(line);
        }),
      async lines() {
        await printed;
        const [first] = errors.splice(0);
        if (first !== undefined) throw first;
        const all = [...units.values()];
        return {
          lines: all.flatMap(({ lines }) => lines),
          folders: all.flatMap(({ folders }) => folders),
          files: all.flatMap(({ files }) => files),
        };
      },
      async repeat(kept) {
        await writeFiles(kept, out, cache);
        for (const line of kept.lines) print(line);
      },
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

/** Returns cargo's last line. */
function buildFinished(success: boolean): string {
  return JSON.stringify({ reason: 'build-finished', success });
}

async function writeFiles({ folders, files }: UnitLines, out: string, cache: Cache): Promise<void> {
  for (const folder of folders) await mkdir(join(out, folder), { recursive: true });
  for (const file of files) {
    const path = join(out, file.path);
    await mkdir(dirname(path), { recursive: true });
    await materialize(file, path, cache);
  }
}
