// The work of tasks/list.ts: prints tables, a tree, or problems.
import { join } from 'node:path';
import { openCache } from '../../cache/cache.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Json } from '../../core/digest.ts';
import { exitCodes } from '../../core/errors.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { lastBuild, listComponents, targetOf } from '../../assemble/component-list.ts';
import type { ListedComponent } from '../../assemble/component-list.ts';
import { fetchedSources, withNeededSources } from '../../sources/fetched-sources.ts';
import { checkRecipes, listRecipes } from '../../assemble/recipes/recipe-list.ts';
import type { ListedRecipe, RecipeListRequest } from '../../assemble/recipes/recipe-list.ts';
import { systemWord } from '../../system/find-page.ts';
import type { PagePlace } from '../../system/find-page.ts';
import { loadSystem } from '../../system/load.ts';
import type { System } from '../../system/system.ts';
import { lockedPins } from '../../sources/upstream-sources.ts';
import { presentOrigins } from '../../sources/fetched-origins.ts';
import { pinWords } from '../../upstream/lock.ts';
import { sourcesOf } from '../flags/chosen-sources.ts';
import { repository, cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';
import { sourceFlags } from '../flags/source-flags.ts';
import type { Flag } from '../command-line.ts';
import { configurationFlags, configuredBuild } from '../flags/configured-build.ts';
import type { ConfiguredBuild } from '../flags/configured-build.ts';
import { listTree } from '../../report/list-tree.ts';
import type { Outcome } from '../../core/events.ts';

export const listFlags = {
  profile: { type: 'string', value: 'P', help: "the variant of the image (default: the system's own)" },
  config: configurationFlags.config,
  cookbook: { ...configurationFlags.cookbook, help: "a cookbook like Redox's: its recipes are listed too" },
  ...sourceFlags,
  tree: { type: 'boolean', help: 'print what is installed, each with what it depends on' },
  check: { type: 'boolean', help: 'look for mistakes in configuration and recipes; exit code 1 where there are some' },
  out: { type: 'string', value: 'DIR', help: 'where the last build put its manifest (default: out)' },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

export async function listSystem(task: Task): Promise<Outcome> {
  const { args, host, report } = task;
  const page = await loadSystem(repository, systemWord(args.words[0] ?? '', task));
  const configured = await configuredBuild(task, page, await sourcesOf(task, page), page.folder);
  const cache = await openCache(cacheDirOf(task), process.pid, report);
  try {
    const { recipes: wanted } = configured;
    const recipes = wanted && { ...wanted, cache, env: host.env, sandbox: true };
    if (args.has('check')) return await check(task, recipes);
    return await list(task, page, configured, recipes, cache);
  } finally {
    await cache.close();
  }
}

async function list(
  task: Task,
  { folder: root, outDir }: PagePlace,
  configured: ConfiguredBuild,
  recipes: RecipeListRequest | undefined,
  cache: Cache,
): Promise<Outcome> {
  const { args, host, print } = task;
  const { profile, packages } = configured;
  const system = withNeededSources(configured.system, profile);
  const last = await lastBuild(join(task.path(args.text('out') ?? outDir), `${system.name}-${profile}.json`));
  const at = { root, cacheDir: cacheDirOf(task), env: host.env };
  const fetched = await fetchedFolder(system, at);
  const { sources } = configured;
  const origins = sources.kind === 'upstream' ? await presentOrigins(system, at) : undefined;
  const components = await listComponents({ system, profile, sources, root, env: {}, fetched, origins }, last, cache);
  const rows = recipes ? await listRecipes(recipes, last, quiet(task)) : [];
  const pins = await lockedPins(system, root);
  const leftOut = (packages?.leftOut ?? []).map((name): LeftOut => {
    const upstream = system.configurations?.packages[name];
    const source = upstream === undefined ? '' : `${upstream.upstream.git} (${pinWords(upstream.upstream)})`;
    const target = targetOf(upstream?.upstream.cargo?.triple);
    return { name, title: upstream?.title ?? '', target, source, pin: pins.get(name) ?? null };
  });
  if (!args.has('json')) {
    const text = args.has('tree') ? listTree({ system, profile, components, recipes: rows, leftOut }) : tables(components, rows, leftOut);
    for (const line of text) print(line);
  }
  const json = { system: system.name, profile, components: components.map(plain), recipes: rows.map(plain), leftOut: leftOut.map(plain) };
  return { json };
}

async function check(task: Task, recipes: RecipeListRequest | undefined): Promise<Outcome> {
  const { problems, unchecked } = recipes ? await checkRecipes(recipes, quiet(task)) : { problems: [], unchecked: [] };
  for (const { message, detail } of problems) {
    task.print(message);
    if (detail !== undefined) task.print(detail.replaceAll(/^/gm, '    '));
  }
  if (unchecked.length > 0) task.print(`not looked at, because their sources are not here: the patches of ${unchecked.join(', ')}`);
  const all = recipes?.cookbook.paths.size ?? 0;
  task.print(`${plural(problems.length, 'problem')} found${recipes ? ` in ${plural(all, 'recipe')}` : ', the configuration can be read'}`);
  const json = { problems: problems.map(({ recipe, message }) => ({ recipe, message })), unchecked: [...unchecked], recipes: all };
  return { exitCode: problems.length > 0 ? exitCodes.failed : exitCodes.done, json };
}

/** Look-ups are not reported. */
function quiet({ signal }: Task): Pick<Task, 'signal' | 'report'> {
  return { signal, report: () => {} };
}

/** Returns undefined if nothing was fetched. The list then shows the origin of the source. */
async function fetchedFolder(system: System, at: Parameters<typeof fetchedSources>[1]): Promise<string | undefined> {
  return (await fetchedSources(system, at).catch(() => undefined))?.folder;
}

/** Returns a row as JSON. */
function plain(row: ListedComponent | ListedRecipe | LeftOut): Json {
  const fields = Object.entries(row).map(([name, value]: [string, Json]) => [name, value] as const);
  return Object.fromEntries(fields);
}

/** A package that only upstream's sources have. */
interface LeftOut {
  readonly name: string;
  readonly title: string;
  readonly target: string | null;
  readonly source: string;
  /** Revision of the lock. */
  readonly pin: string | null;
}

function tables(components: readonly ListedComponent[], recipes: readonly ListedRecipe[], leftOut: readonly LeftOut[]): readonly string[] {
  const size = (bytes: number | null): string => (bytes === null ? '-' : formatBytes(bytes));
  const cached = (there: boolean): string => (there ? 'cached' : '');
  const parts: string[] = table(
    ['component', 'version', 'target', 'size', '', 'pin', 'source'],
    components.map((one) => [
      one.name,
      one.version ?? '-',
      one.target ?? 'host',
      size(one.bytes),
      cached(one.cached),
      one.pin ?? 'not pinned',
      one.source,
    ]),
  );
  if (recipes.length > 0) {
    const rows = recipes.map((one) => {
      const what = one.problem ?? [one.source, one.pin ?? ''].filter(Boolean).join(', ');
      return [`${one.name}${one.wanted ? ' *' : ''}`, one.version ?? '-', size(one.bytes), cached(one.cached), one.template ?? '?', what];
    });
    parts.push('', ...table(['recipe (* installed)', 'version', 'size', '', 'template', 'source'], rows));
  }
  if (leftOut.length > 0) {
    const rows = leftOut.map(({ name, title, target, source, pin }) => [
      name,
      title,
      target ?? '-',
      pin?.slice(0, 12) ?? 'not locked',
      source,
    ]);
    parts.push('', ...table(["only upstream's sources have", 'which is', 'target', 'pin', 'source'], rows));
  }
  return parts;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
