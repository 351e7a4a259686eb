// The commits between a locked revision and its successor, for the report of an update. Fetches only commits since the older one.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../core/events.ts';
import { git } from './git.ts';
import type { DownloadHost, GitOptions } from './git.ts';
import type { GitSource } from './source.ts';

export interface Commit {
  readonly rev: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly subject: string;
}

export interface History {
  /** Commits of the newer revision that the older one does not have, the newest first; undefined if the server does not give them. */
  readonly commits: readonly Commit[] | undefined;
  /** Whether the newer revision descends from the older one. */
  readonly descends: boolean | undefined;
}

export interface HistoryRequest {
  readonly source: GitSource;
  readonly from: string;
  readonly to: string;
  readonly cacheDir: string;
  readonly host: DownloadHost;
}

/** Commits that are reported at most. */
const mostCommits = 1000;

/** Returns the history between two revisions. A server that does not give it is no failure. */
export async function historyBetween({ source, from, to, cacheDir, host }: HistoryRequest, { signal }: Context): Promise<History> {
  const folder = join(cacheDir, 'upstream', `history-${from.slice(0, 12)}-${to.slice(0, 12)}.partial-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const options: GitOptions = { cwd: folder, host, signal };
  const unknown = { commits: undefined, descends: undefined };
  const ok = async (words: readonly string[]): Promise<boolean> => (await git(words, options)).exitCode === 0;
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head'];
  try {
    await git(['init', '--quiet', '--bare', '--template=', '.'], options);
    if (!(await ok([...fetch, '--depth=1', '--', source.git, from]))) return unknown;
    const { stdout: seconds } = await git(['show', '--no-patch', '--format=%ct', from], options);
    // A commit of the same second as the older revision may be its parent, which is left out below.
    if (!(await ok([...fetch, `--shallow-since=@${Number(seconds) - 1}`, '--', source.git, to]))) return unknown;
    const { exitCode } = await git(['merge-base', '--is-ancestor', from, to], options);
    const words = ['log', '-z', `--max-count=${mostCommits}`, '--format=%H%x09%cs%x09%s', `${from}..${to}`, '--'];
    const { stdout } = await git(words, options);
    const commits = stdout.split('\0').flatMap((row): Commit[] => {
      const [rev, date, ...subject] = row.split('\t');
      return rev !== undefined && date !== undefined ? [{ rev, date, subject: subject.join('\t') }] : [];
    });
    return { commits, descends: exitCode === 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
