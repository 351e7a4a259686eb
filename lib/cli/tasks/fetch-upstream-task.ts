// What tasks/fetch.ts does for a system whose sources are upstream's repositories, and for the sources of a cookbook.
import { relative } from 'node:path';
import { openCookbook } from '../../cookbook/cookbook.ts';
import { cookbookLockPath, cookbookMirrors, recipeSources } from '../../cookbook/upstream-recipes.ts';
import { cannot } from '../../core/errors.ts';
import type { Json } from '../../core/digest.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import { upstreamLockPath, upstreamSources } from '../../sources/upstream-sources.ts';
import type { System } from '../../system/system.ts';
import { fetchUpstream } from '../../upstream/fetch.ts';
import type { FetchedUpstream, UpstreamUpdate } from '../../upstream/fetch.ts';
import { mirrorOf } from '../../upstream/mirror.ts';
import { cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

/** Commits of an update that are printed. The JSON has more. */
const printedCommits = 20;

export async function fetchUpstreamTask(task: Task, system: System, root: string): Promise<Outcome> {
  const { args, host, path, print, report, signal } = task;
  const folder = args.text('cookbook');
  const cookbook = folder === undefined ? undefined : await openCookbook(path(folder));
  const sources = cookbook ? await recipeSources(cookbook) : upstreamSources(system, root);
  if (sources.length === 0) {
    const of = cookbook ? `the cookbook "${folder}"` : system.name;
    throw cannot(`fetch the sources of ${of}`, 'it names none that can be fetched', { blame: 'usage' });
  }
  const lockPath = cookbook ? cookbookLockPath(cookbook) : upstreamLockPath(root, system.name);
  const cacheDir = cacheDirOf(task);
  // If two rules have the same prefix, the rule of the command line wins.
  const mirrors = [...args.list('mirror').map(mirrorOf), ...(cookbook ? await cookbookMirrors(cookbook) : [])];
  const request = {
    ...{ sources, lockPath, cacheDir, only: args.words.slice(1), update: args.has('update'), dryRun: args.has('dry-run') },
    host: { env: host.env, mirrors },
    sysroot: async () => (await chooseToolchain({ env: host.env, cacheDir, needsRustSrc: false }, { signal, report })).toolchain.sysroot,
  };
  const fetched = await fetchUpstream(request, { signal, report });
  if (!args.has('json')) for (const line of summary(fetched, task, lockPath)) print(line);
  return { json: jsonOf(system.name, fetched, lockPath) };
}

function summary({ sources, updates, wroteLock }: FetchedUpstream, { args, host }: Task, lockPath: string): readonly string[] {
  const now = sources.filter(({ fetched }) => fetched).length;
  const lock = wroteLock ? `; wrote ${relative(host.cwd, lockPath)}` : '';
  const done = args.has('dry-run') ? 'nothing was downloaded' : `${now} of them fetched now${lock}`;
  return [...updates.flatMap(updateLines), `${sources.length} sources, ${done}`];
}

function updateLines({ name, from, to, history }: UpstreamUpdate): readonly string[] {
  const { commits, descends } = history;
  const rewritten = descends === false ? ' (its history was rewritten)' : '';
  const rows = (commits ?? []).slice(0, printedCommits).map(({ rev, date, subject }) => `    ${rev.slice(0, 12)} ${date} ${subject}`);
  const more = (commits?.length ?? 0) > printedCommits ? [`    and ${(commits?.length ?? 0) - printedCommits} more`] : [];
  const unknown = commits === undefined ? ['    the server does not give the commits between'] : [];
  return [`${name}: ${from.slice(0, 12)} -> ${to.slice(0, 12)}${rewritten}`, ...rows, ...more, ...unknown];
}

function jsonOf(system: string, { sources, updates, wroteLock }: FetchedUpstream, lockPath: string): Json {
  return {
    system,
    lock: lockPath,
    wroteLock,
    sources: sources.map(({ locked, folder, fetched }) => ({ ...locked, folder: folder ?? null, fetched })),
    updates: updates.map(({ name, from, to, history }) => ({
      ...{ name, from, to, descends: history.descends ?? null },
      commits: history.commits?.map(({ rev, date, subject }) => ({ rev, date, subject })) ?? null,
    })),
  };
}
