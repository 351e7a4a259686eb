// The work of tasks/fetch.ts for a system with sources of Debian: fetches the archives of the page and those
// of its reference kernels. An optional part of the task (lib/cli/optional-parts.ts), which is loaded by its
// path.
import { relative } from 'node:path';
import { cannot } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import type { Outcome } from '../../core/events.ts';
import { hostMirror } from '../../sources/debian/apt-root.ts';
import type { DebianMirror } from '../../sources/debian/debian-mirror.ts';
import { fetchSources } from '../../sources/fetch.ts';
import type { Fetched } from '../../sources/fetch.ts';
import { lockPath, ownerOf } from '../../sources/fetched-sources.ts';
import type { SourceHost } from '../../sources/fetched-sources.ts';
import { fetchReference } from '../../sources/reference-lock.ts';
import type { LoadedSystem } from '../../system/load.ts';
import { cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';

export async function fetchArchivesTask(task: Task, system: LoadedSystem): Promise<Outcome> {
  const { args, host, signal, report, print } = task;
  if (args.words.length > 1 || args.has('dry-run')) {
    const what = args.has('dry-run') ? 'use --dry-run' : `fetch "${args.words[1]}" alone`;
    throw cannot(what, `the sources of ${system.name} are archives that are fetched together`, { blame: 'usage' });
  }
  const options = { update: args.has('update'), mirror: await mirrorOf(args.list('mirror')) };
  const at = { root: system.folder, cacheDir: cacheDirOf(task), env: host.env };
  const say = (title: string, fetched: Fetched, owner: string): void => {
    if (!args.has('json')) print(sentence(title, fetched, relative(host.cwd, lockPath(at, owner))));
  };
  const own = await fetchOwn(system, at, options, { signal, report });
  if (own) say(system.title, own, ownerOf(system).name);
  const kernels = await fetchReference(system, at, options, { signal, report });
  if (kernels) say(`${system.title}, other kernels`, kernels, `${system.name}/reference`);
  const all = [own, kernels].filter((one) => one !== undefined);
  const sum = (count: (one: Fetched) => number): number => all.reduce((total, one) => total + count(one), 0);
  return {
    json: {
      system: system.name,
      archives: sum(({ archives }) => archives),
      bytes: sum(({ bytes }) => bytes),
      fetched: sum(({ fetched }) => fetched),
      ...(own && { folder: own.folder }),
      updated: all.some(({ updated }) => updated),
    },
  };
}

/**
 * Fetches the archives of the page. If the lock belongs to another page, it is only read, because only a
 * fetch for that page writes it.
 */
async function fetchOwn(
  system: LoadedSystem,
  host: SourceHost,
  { update, mirror }: { readonly update: boolean; readonly mirror: DebianMirror | undefined },
  context: Pick<Task, 'signal' | 'report'>,
): Promise<Fetched | undefined> {
  if (!system.sources) return undefined;
  const owner = ownerOf(system);
  const borrowed = owner.name !== system.name;
  if (update && borrowed) {
    context.report({
      kind: 'note',
      text: `the lock of ${owner.name} is not changed: npx zx tasks/fetch.ts ${owner.name} --update does that`,
    });
  }
  return await fetchSources({ system: owner, host, update: update && !borrowed, mirror }, context);
}

function sentence(title: string, { archives, bytes, fetched, updated }: Fetched, lock: string): string {
  return `${title}: ${archives} archives, ${formatBytes(bytes)}, ${fetched} of them fetched now${updated ? `; wrote ${lock}` : ''}`;
}

/**
 * Returns the host's mirror with the beginning of its URI replaced, or undefined if there is nothing to
 * replace.
 */
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
