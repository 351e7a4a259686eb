// What tasks/fetch.ts does: the sources of one system, from Debian's archive or from upstream's repositories, or from mirrors that the command line names.
import { relative } from 'node:path';
import { cannot } from '../core/errors.ts';
import { formatBytes } from '../core/sizes.ts';
import { hostMirror } from '../system/apt-root.ts';
import type { DebianMirror } from '../system/debian-mirror.ts';
import { fetchSources } from '../system/fetch.ts';
import { fetchReference } from '../system/reference-kernel.ts';
import { loadSystem } from '../system/system.ts';
import type { System } from '../system/system.ts';
import type { Flag } from './command-line.ts';
import { cacheDirOf } from './crates-task.ts';
import type { Task } from './task.ts';
import type { Outcome } from './outcome.ts';

export const fetchFlags = {
  update: { type: 'boolean', help: 'take the versions that archives and branches have now, and write sources.lock anew' },
  cookbook: {
    type: 'string',
    value: 'DIR',
    help: 'fetch the sources of the recipes of this cookbook; DIR/sources.lock has their revisions',
  },
  'dry-run': { type: 'boolean', help: 'report what would be downloaded, and download nothing' },
  mirror: {
    type: 'string',
    value: 'FROM=TO',
    multiple: true,
    help: 'fetch from TO what would be fetched from FROM (prefixes of addresses; the longest wins); crates-io=URL names an index of crates',
  },
  cache: { type: 'string', value: 'DIR', help: 'where archives and unpacked sources are kept' },
  json: { type: 'boolean', help: 'print what was fetched as one JSON object, as the last line' },
  quiet: { type: 'boolean', help: 'no progress' },
} as const satisfies Record<string, Flag>;

export async function fetchTask(task: Task, root: string): Promise<Outcome> {
  const { args, host, signal, report, print } = task;
  const system = await loadSystem(root, args.words[0] ?? '');
  if (system.reference && args.text('cookbook') === undefined && !system.sources) return await fetchOther(task, system, root);
  if (!system.sources || args.text('cookbook') !== undefined) {
    const { fetchUpstreamTask } = await import('./fetch-upstream-task.ts');
    return await fetchUpstreamTask(task, system, root);
  }
  if (args.words.length > 1 || args.has('dry-run')) {
    const what = args.has('dry-run') ? 'use --dry-run' : `fetch "${args.words[1]}" alone`;
    throw cannot(what, `the sources of ${system.name} are archives that are fetched together`, { blame: 'usage' });
  }
  const mirror = await mirrorOf(args.list('mirror'));
  const sourceHost = { root, cacheDir: cacheDirOf(task), env: host.env };
  const { archives, bytes, fetched, folder, updated } = await fetchSources(
    { system, host: sourceHost, update: args.has('update'), mirror },
    { signal, report },
  );
  const lock = updated ? `; wrote ${relative(host.cwd, `${root}/systems/${system.name}/sources.lock`)}` : '';
  if (!args.has('json')) print(`${system.title}: ${archives} archives, ${formatBytes(bytes)}, ${fetched} of them fetched now${lock}`);
  return { json: { system: system.name, archives, bytes, fetched, folder, updated } };
}

/** A system whose only sources to fetch are other kernels. */
async function fetchOther({ args, host, signal, report, print, ...task }: Task, system: System, root: string): Promise<Outcome> {
  const at = { root, cacheDir: cacheDirOf({ args, host, signal, report, print, ...task }), env: host.env };
  const mirror = await mirrorOf(args.list('mirror'));
  const fetched = await fetchReference(system, at, { update: args.has('update'), mirror }, { signal, report });
  const { archives = 0, bytes = 0, fetched: now = 0 } = fetched ?? {};
  if (!args.has('json')) print(`${system.title}, other kernels: ${archives} archives, ${formatBytes(bytes)}, ${now} of them fetched now`);
  return { json: { system: system.name, archives, bytes, fetched: now } };
}

/** The host's mirror with its URI's beginning replaced; undefined where nothing is to be replaced. */
async function mirrorOf(rules: readonly string[]): Promise<DebianMirror | undefined> {
  if (rules.length === 0) return undefined;
  const mirror = await hostMirror();
  for (const rule of rules) {
    const at = rule.indexOf('=');
    if (at < 1) throw cannot(`use --mirror "${rule}"`, 'it must be FROM=TO', { blame: 'usage' });
    const [from, to] = [rule.slice(0, at), rule.slice(at + 1)];
    if (mirror?.uri.startsWith(from)) return { ...mirror, uri: `${to}${mirror.uri.slice(from.length)}` };
  }
  throw cannot(`use --mirror "${rules[0]}"`, `the host fetches from "${mirror?.uri ?? 'nowhere'}", which begins otherwise`, {
    blame: 'usage',
  });
}
