// The work of tasks/doctor.ts: which work the host is looked at for, and what is printed.
import type { Outcome } from '../../core/events.ts';
import { complaint, examine, hostFamily } from '../../host/doctor.ts';
import { checkLine } from '../../host/host-checks.ts';
import type { Check } from '../../host/host-checks.ts';
import { checksOf, isNeedName, needs, usualNeeds, workOf } from '../../host/needs.ts';
import type { NeedName } from '../../host/needs.ts';
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
  install: { type: 'boolean', help: 'get what is missing, by apt-get (as root or with sudo), and a Rust; otherwise print the command' },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default: BLOOMERY_CACHE, else ~/.cache/bloomery)' },
  'rust-src': { type: 'string', value: 'DIR|ARCHIVE', help: 'the source of the standard library (default: BLOOMERY_RUST_SRC)' },
  json: { type: 'boolean', help: 'print the checks as one JSON object' },
} as const satisfies Record<string, Flag>;

export async function doctor(task: Task): Promise<Outcome> {
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
  for (const check of checks.filter(({ found, needed }) => !quietly || (!found && (needed || work === undefined)))) {
    // The hint of the failure has those of what is needed.
    print(checkLine(problem && check.needed ? { ...check, hint: undefined } : check));
  }
  if (work === undefined && !quietly) for (const line of workLines(checks)) print(line);
  if (problem) throw problem;
  print(`This host can ${workOf(work ?? usualNeeds)} (${checks.length} checks).`);
  return { json: { checks: checks.map(({ name, found, needed, detail }) => ({ name, found, needed, detail })) } };
}

/** The table by work: what the host is ready for, and what it lacks for the rest. */
function workLines(checks: readonly Check[]): readonly string[] {
  const absent = new Set(checks.flatMap(({ name, found }) => (found ? [] : [name])));
  const rows = Object.entries(needs).map(([name, { title }]) => {
    const lacks = isNeedName(name) ? checksOf(name).filter((check) => absent.has(check)) : [];
    return `${name.padEnd(14)}${title}${lacks.length === 0 ? '' : `: lacks ${lacks.join(', ')}`}`;
  });
  return ['', 'Work (--for):', ...rows];
}

/** A row of the table of needs, or what a system's usual image and machine need. */
async function workFor(word: string, task: Task): Promise<readonly NeedName[]> {
  if (isNeedName(word)) return [word];
  const [{ systemWord }, { loadSystem }, { systemNeeds }] = await Promise.all([
    import('../../system/find-page.ts'),
    import('../../system/load.ts'),
    import('../system-needs.ts'),
  ]);
  return systemNeeds(await loadSystem(repository, systemWord(word, task)));
}
