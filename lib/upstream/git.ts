// git, for repositories of other projects: how it is run, which revision a branch or a tag has now, and the commits between two revisions. git reads no
// configuration of the user or the host, runs no hooks, starts no transport but the listed ones, and asks for nothing. Mirrors are git's own
// url.<base>.insteadOf.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, Failure, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { networkEnv, retried } from './download.ts';
import type { DownloadHost } from './download.ts';
import { refWords, revisionShape } from './lock.ts';
import type { GitSource } from './lock.ts';

export interface GitOptions {
  readonly cwd: string;
  readonly host: DownloadHost;
  readonly signal: AbortSignal;
  /** Variables besides those of `gitEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onStderr?: (chunk: string) => void;
}

/** Configuration of every call (git-config(1)). A transfer below 1000 bytes a second for a minute ends. */
const configuration: readonly (readonly [key: string, value: string])[] = [
  ['protocol.allow', 'never'],
  ...['https', 'http', 'ssh', 'git', 'file'].map((name) => [`protocol.${name}.allow`, 'always'] as const),
  ['core.hooksPath', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['core.autocrlf', 'false'],
  ['core.symlinks', 'true'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
];

/** Returns the whole environment of git. It also serves programs that call git. */
export function gitEnv({ env, mirrors }: DownloadHost): Readonly<Record<string, string>> {
  const entries = [...configuration, ...mirrors.map(({ from, to }) => [`url.${to}.insteadOf`, from] as const)];
  const numbered = entries.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    PATH: pathOf(env),
    LC_ALL: 'C',
    ...networkEnv(env),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(numbered),
  };
}

/** Runs git. A non-zero exit status is a result. */
export async function git(words: readonly string[], { cwd, host, signal, env, onStderr }: GitOptions): Promise<RunResult> {
  const program = await tool('git', pathOf(host.env));
  const result = await run([program, ...words], { cwd, env: { ...gitEnv(host), ...env }, signal, ...(onStderr && { onStderr }) });
  signal.throwIfAborted();
  return result;
}

/** Runs git and returns its standard output. Throws a Failure with git's own text for a non-zero exit status. */
export async function gitOutput(what: string, words: readonly string[], options: GitOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await git(words, options);
  if (exitCode === 0) return stdout;
  throw gitFailure(what, stderr);
}

/** Refuses addresses that git would take for an option or for a program to start. Throws a Failure. */
export function checkUrl(what: string, url: string): void {
  if (/^(?:https?|ssh|git|file):\/\/[^\s]+$/.test(url) || /^[\w.-]+@[\w.-]+:[^\s:]+$/.test(url)) return;
  throw cannot(what, `"${url}" is not an address of a git repository`, { hint: 'https, http, ssh, git and file addresses are supported' });
}

const unreachable = new RegExp(
  [
    "could not resolve|couldn't connect|connection (?:refused|reset|timed out)|timed out|network is unreachable",
    'early eof|rpc failed|unexpected disconnect|hung up|error: 5\\d\\d|error: 429',
  ].join('|'),
  'i',
);
const absent = /repository .*not found|does not exist|does not appear to be a git repository|error: 404/i;

/** A host without a network. Another try would only take time. */
const offline = /could not resolve|network is unreachable/i;

/** Whether a failure may pass, so that another try makes sense. */
export function mayPass(error: unknown): boolean {
  const detail = error instanceof Failure && error.blame === 'host' ? (error.detail ?? '') : '';
  return unreachable.test(detail) && !offline.test(detail);
}

/** Returns the Failure for git's standard error. */
export function gitFailure(what: string, stderr: string): Failure {
  const detail = stderr.trim();
  const line = detail.split('\n').findLast((one) => /^(?:fatal|error|remote): /.test(one)) ?? 'git failed';
  const why = line.replace(/^(?:fatal|error|remote): /, '');
  if (absent.test(detail))
    return cannot(what, `there is no such repository (${why})`, { detail, hint: 'a copy of it can be named with --mirror FROM=TO' });
  if (unreachable.test(detail)) {
    const hint = 'check the network, or name a copy with --mirror FROM=TO; fetched sources are kept';
    return cannot(what, `its server cannot be reached (${why})`, { blame: 'host', detail, hint });
  }
  return cannot(what, why, { detail, blame: 'host' });
}

/** Returns the revision. Throws a Failure that names the nearest branch or tag for one that does not exist. */
export async function resolveRevision(name: string, source: GitSource, host: DownloadHost, context: Context): Promise<string> {
  const what = `resolve the ${refWords(source)} of ${name}, ${source.git}`;
  checkUrl(what, source.git);
  if (source.rev !== undefined) {
    if (revisionShape.test(source.rev)) return source.rev;
    throw cannot(what, `"${source.rev}" is not a full revision of 40 hexadecimal digits`);
  }
  const references = await retried(name, () => remoteReferences(what, source.git, host, context.signal), { mayPass }, context);
  for (const reference of referencesOf(source)) {
    const revision = references.get(reference);
    if (revision !== undefined) return revision;
  }
  const prefix = source.tag === undefined ? 'refs/heads/' : 'refs/tags/';
  const names = [...references.keys()].flatMap((one) => (one.startsWith(prefix) ? [one.slice(prefix.length)] : []));
  const wanted = source.tag ?? source.branch;
  const near = wanted === undefined ? undefined : nearest(wanted, names);
  throw cannot(what, 'the repository does not have it', { hint: near === undefined ? undefined : `did you mean ${near}?` });
}

/** Returns the names of a source on the server, the best first. The suffix ^{} is the commit of an annotated tag. */
function referencesOf({ branch, tag }: GitSource): readonly string[] {
  if (tag !== undefined) return [`refs/tags/${tag}^{}`, `refs/tags/${tag}`];
  return [branch === undefined ? 'HEAD' : `refs/heads/${branch}`];
}

async function remoteReferences(what: string, url: string, host: DownloadHost, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { exitCode, stdout, stderr } = await git(['ls-remote', '--', url], { cwd: '/', host, signal });
  if (exitCode !== 0) throw gitFailure(what, stderr);
  return new Map(
    stdout.split('\n').flatMap((line): [string, string][] => {
      const [revision, reference] = line.split('\t');
      return revision !== undefined && reference !== undefined && revisionShape.test(revision) ? [[reference, revision]] : [];
    }),
  );
}

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
