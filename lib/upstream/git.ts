// Runs git for repositories of other projects. git reads no configuration of the user or the host, runs no hooks, starts no transport but the listed
// ones, and asks for nothing. Mirrors are git's own url.<base>.insteadOf.
import { cannot, Failure } from '../core/errors.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import type { Mirror } from './mirror.ts';

/** What downloads need from the host. */
export interface DownloadHost {
  readonly env: Readonly<Record<string, string>>;
  readonly mirrors: readonly Mirror[];
}

export interface GitOptions {
  readonly cwd: string;
  readonly host: DownloadHost;
  readonly signal: AbortSignal;
  /** Variables besides those of `gitEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onStderr?: (chunk: string) => void;
}

/** Variables of the host that decide how it reaches the network. */
const networkVariables = [
  ...['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'CURL_CA_BUNDLE', 'SSH_AUTH_SOCK'],
];

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

/** Returns the variables of the host for the network, and no others. */
export function networkEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(networkVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** Returns the whole environment of git. It also serves programs that call git. */
export function gitEnv({ env, mirrors }: DownloadHost): Readonly<Record<string, string>> {
  const entries = [...configuration, ...mirrors.map(({ from, to }) => [`url.${to}.insteadOf`, from] as const)];
  const numbered = entries.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return {
    PATH: env['PATH'] ?? '/usr/bin:/bin',
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
  const program = await tool('git', host.env['PATH'] ?? '');
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
    const hint = 'check the network, or name a copy with --mirror FROM=TO; what was fetched is kept';
    return cannot(what, `its server cannot be reached (${why})`, { blame: 'host', detail, hint });
  }
  return cannot(what, why, { detail, blame: 'host' });
}
