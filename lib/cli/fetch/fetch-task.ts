// The work of tasks/fetch.ts: fetches the sources of one system or cookbook, from upstream's repositories or
// from mirrors of the command line.
import { relative } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import type { Outcome } from '../../core/events.ts';
import { upstreamLockPath, upstreamSources } from '../../sources/upstream-sources.ts';
import { systemWord } from '../../system/find-page.ts';
import { loadSystem } from '../../system/load.ts';
import type { LoadedSystem } from '../../system/load.ts';
import { mirrorOf } from '../../upstream/download.ts';
import type { Mirror } from '../../upstream/download.ts';
import { fetchUpstream } from '../../upstream/fetch.ts';
import type { FetchedUpstream, UpstreamUpdate } from '../../upstream/fetch.ts';
import type { NamedSource } from '../../upstream/lock.ts';
import type { Flag } from '../command-line.ts';
import { optionalPart } from '../optional-parts.ts';
import { cacheDirOf, repository } from '../task.ts';
import type { Task } from '../task.ts';

export const fetchFlags = {
  update: { type: 'boolean', help: 'use the versions that archives and branches have now, and write a new sources.lock' },
  cookbook: {
    type: 'string',
    value: 'DIR',
    help: 'fetch the sources of the recipes of this cookbook; DIR/sources.lock has their revisions',
  },
  'dry-run': { type: 'boolean', help: 'print the downloads, and download nothing' },
  mirror: {
    type: 'string',
    value: 'FROM=TO',
    multiple: true,
    help: 'replace the prefix FROM of addresses by TO (the longest wins); crates-io=URL names an index of crates',
  },
  cache: { type: 'string', value: 'DIR', help: 'where archives and unpacked sources are kept' },
  json: { type: 'boolean', help: 'print the fetched sources as one JSON object, as the last line' },
  quiet: { type: 'boolean', help: 'no progress' },
} as const satisfies Record<string, Flag>;

/** The interface of lib/cli/fetch/fetch-archives-task.ts. */
interface ArchivesPart {
  fetchArchivesTask(task: Task, system: LoadedSystem): Promise<Outcome>;
}

/** The interface of lib/cli/fetch/fetch-cookbook.ts. */
interface CookbookPart {
  sourcesOfCookbook(folder: string): Promise<Omit<WantedSources, 'title'>>;
}

interface WantedSources {
  /** Their owner, as in a message. */
  readonly title: string;
  readonly sources: readonly NamedSource[];
  readonly lockPath: string;
  /** Mirrors in addition to those of the command line. */
  readonly mirrors: readonly Mirror[];
}

export async function fetchTask(task: Task, root: string): Promise<Outcome> {
  const { args } = task;
  const system = await loadSystem(root, systemWord(args.words[0] ?? '', task));
  if (!(system.sources ?? system.reference) || args.text('cookbook') !== undefined) return await fetchUpstreamTask(task, system);
  const { fetchArchivesTask } = await optionalPart<ArchivesPart>(repository, 'debian-sources', `fetch the sources of ${system.name}`, [
    'fetchArchivesTask',
  ]);
  return await fetchArchivesTask(task, system);
}

/** Number of commits of an update that are printed. The JSON has more. */
const printedCommits = 20;

async function fetchUpstreamTask(task: Task, system: LoadedSystem): Promise<Outcome> {
  const { args, host, print, report, signal } = task;
  const { title, sources, lockPath, mirrors: own } = await wantedSources(task, system);
  if (sources.length === 0) throw cannot(`fetch the sources of ${title}`, 'it names none that can be fetched', { blame: 'usage' });
  const cacheDir = cacheDirOf(task);
  // If two rules have the same prefix, the rule of the command line wins.
  const mirrors = [...args.list('mirror').map(mirrorOf), ...own];
  const request = {
    ...{ sources, lockPath, cacheDir, only: args.words.slice(1), update: args.has('update'), dryRun: args.has('dry-run') },
    host: { env: host.env, mirrors },
    sysroot: async () => (await chooseToolchain({ env: host.env, cacheDir, needsRustSrc: false }, { signal, report })).toolchain.sysroot,
  };
  const fetched = await fetchUpstream(request, { signal, report });
  if (!args.has('json')) for (const line of summary(fetched, task, lockPath)) print(line);
  return { json: jsonOf(system.name, fetched, lockPath) };
}

/** Returns the sources of a system, or with --cookbook those of a cookbook's recipes. */
async function wantedSources({ args, path }: Task, system: LoadedSystem): Promise<WantedSources> {
  const folder = args.text('cookbook');
  if (folder === undefined) {
    const lockPath = upstreamLockPath(system.folder, system.name);
    return { title: system.name, sources: upstreamSources(system, system.folder), lockPath, mirrors: [] };
  }
  const { sourcesOfCookbook } = await optionalPart<CookbookPart>(repository, 'cookbook-sources', 'fetch the sources of a cookbook', [
    'sourcesOfCookbook',
  ]);
  return { title: `the cookbook "${folder}"`, ...(await sourcesOfCookbook(path(folder))) };
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
  const unknown = commits === undefined ? ['    the server does not send the commits between them'] : [];
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
