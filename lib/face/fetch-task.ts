// What tasks/fetch.ts does: one system's sources, from where the host gets Debian's packages, or from the mirror that the command line names.
import { relative } from 'node:path';
import { cannot } from '../core/errors.ts';
import { formatBytes } from '../core/sizes.ts';
import { hostMirror } from '../system/apt-root.ts';
import type { DebianMirror } from '../system/debian-mirror.ts';
import { fetchSources } from '../system/fetch.ts';
import { loadSystem } from '../system/system.ts';
import type { Flag } from './command-line.ts';
import { cacheDirOf } from './crates-task.ts';
import type { Outcome, Task } from './task.ts';

export const fetchFlags = {
  update: { type: 'boolean', help: 'take the versions that the archive has now, and write sources.lock anew' },
  mirror: {
    type: 'string',
    value: 'FROM=TO',
    multiple: true,
    help: 'fetch from TO what the host would fetch from FROM (prefixes of URIs)',
  },
  cache: { type: 'string', value: 'DIR', help: 'where archives and unpacked sources are kept' },
  json: { type: 'boolean', help: 'print what was fetched as one JSON object, as the last line' },
  quiet: { type: 'boolean', help: 'no progress' },
} as const satisfies Record<string, Flag>;

export async function fetchTask(task: Task, root: string): Promise<Outcome> {
  const { args, host, signal, report, print } = task;
  const system = await loadSystem(root, args.words[0] ?? '');
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
