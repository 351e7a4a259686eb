// The work of tasks/doctor.ts: chooses the work for which the host is checked, and prints the result.
import type { Json } from '../../core/digest.ts';
import type { Outcome } from '../../core/events.ts';
import { complaint, examine, hostFamily } from '../../host/doctor.ts';
import type { Check } from '../../host/host-checks.ts';
import { isNeedName, needs, readiness, usualNeeds, workOf } from '../../host/needs.ts';
import type { NeedName } from '../../host/needs.ts';
import { coloursFor } from '../../report/progress.ts';
import { checkLines, workLines } from '../../report/host-table.ts';
import type { TableFace } from '../../report/host-table.ts';
import type { Flag } from '../command-line.ts';
import { cacheDirOf, repository } from '../task.ts';
import type { Task } from '../task.ts';

export const doctorFlags = {
  for: {
    type: 'string',
    value: 'WORK|SYSTEM',
    multiple: true,
    help: `only what this work needs: a system, or ${Object.keys(needs).join(', ')}`,
  },
  install: {
    type: 'boolean',
    help: 'install what is missing with apt-get (as root or with sudo), and a Rust toolchain; otherwise print the command',
  },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default: BLOOMERY_CACHE, else ~/.cache/bloomery)' },
  'rust-src': { type: 'string', value: 'DIR|ARCHIVE', help: 'the source of the standard library (default: BLOOMERY_RUST_SRC)' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

/** The output of the tables: process.stdout, or a replacement of tests. */
type Output = Pick<Partial<NodeJS.WriteStream>, 'isTTY' | 'columns'>;

export async function doctor(task: Task, output: Output = process.stdout): Promise<Outcome> {
  const { args, host, path, print, report, signal } = task;
  const named = args.text('rust-src') ?? host.env['BLOOMERY_RUST_SRC'];
  const words = args.list('for');
  const work = words.length === 0 ? undefined : [...new Set((await Promise.all(words.map((word) => workFor(word, task)))).flat())];
  const root = process.getuid?.() === 0;
  const checks = await examine(
    {
      env: host.env,
      cacheDir: cacheDirOf(task),
      nodeVersion: process.versions.node,
      rustSrc: named ? path(named) : undefined,
      root,
      work,
    },
    args.has('install'),
    { report, signal },
  );
  const problem = complaint(checks, { family: await hostFamily(), root, work, tried: args.has('install') });
  const quietly = args.has('install') && !problem;
  const face = await faceOf(output, host.env);
  for (const check of checks.filter(({ found, needed }) => !quietly || (!found && (needed || work === undefined)))) {
    // The hint of the failure includes the hints of needed checks.
    checkLines(problem && check.needed ? { ...check, hint: undefined } : check, face).forEach(print);
  }
  if (work === undefined && !quietly) workLines(checks, face).forEach(print);
  const json = jsonOf(checks, work === undefined);
  if (problem) {
    if (args.has('json')) print(JSON.stringify(json));
    throw problem;
  }
  print(`This host can ${workOf(work ?? usualNeeds)} (${checks.length} checks).`);
  return { json };
}

/** Returns the checks. If all work was checked, also returns what each work lacks. */
function jsonOf(checks: readonly Check[], everything: boolean): Json {
  const failed = checks.flatMap(({ name, found }) => (found ? [] : [name]));
  return {
    checks: checks.map(({ name, found, needed, detail }) => ({ name, found, needed, detail })),
    ...(everything ? { work: readiness(failed).map(({ name, lacks }) => ({ name, title: needs[name].title, lacks })) } : {}),
  };
}

async function faceOf({ isTTY, columns }: Output, env: Task['host']['env']): Promise<TableFace> {
  const terminal = isTTY === true;
  return { colours: await coloursFor(terminal && !env['NO_COLOR']), width: terminal ? columns : undefined };
}

/** A row of the table of needs, or the needs of a system's usual image and machine. */
async function workFor(word: string, task: Task): Promise<readonly NeedName[]> {
  if (isNeedName(word)) return [word];
  const [{ systemWord }, { loadSystem }, { systemNeeds }] = await Promise.all([
    import('../../system/find-page.ts'),
    import('../../system/load.ts'),
    import('../system-needs.ts'),
  ]);
  return systemNeeds(await loadSystem(repository, systemWord(word, task)));
}
