// The steps of tasks/list.ts: the rows of a page and a cookbook, printed as tables or as a tree, and problems
// in recipes.
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
  tree: { type: 'boolean', help: 'print installed packages, each with its dependencies' },
  check: { type: 'boolean', help: 'look for errors in the configuration and in recipes; exit code 1 if there are any' },
  out: { type: 'string', value: 'DIR', help: 'the folder with the manifest of the last build (default: out)' },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

/** A page with the profile and the configuration that the command line chooses. */
export interface Listing {
  readonly task: Task;
  readonly page: PagePlace;
  readonly configured: ConfiguredBuild;
  /** Undefined without a cookbook. */
  readonly recipes: RecipeListRequest | undefined;
  readonly cache: Cache;
}

/** The rows of the tables. */
interface Rows {
  readonly system: System;
  readonly profile: string;
  readonly components: readonly ListedComponent[];
  readonly recipes: readonly ListedRecipe[];
  readonly leftOut: readonly LeftOut[];
}

/** Reads the page and opens the cache, and closes it however the work ends. */
export async function withListing(task: Task, work: (listing: Listing) => Promise<Outcome>): Promise<Outcome> {
  const { args, host, report } = task;
  const page = await loadSystem(repository, systemWord(args.words[0] ?? '', task));
  const configured = await configuredBuild(task, page, await sourcesOf(task, page), page.folder);
  const cache = await openCache(cacheDirOf(task), process.pid, report);
  try {
    const { recipes } = configured;
    return await work({ task, page, configured, recipes: recipes && { ...recipes, cache, env: host.env, sandbox: true }, cache });
  } finally {
    await cache.close();
  }
}

/**
 * Returns the components, the recipes, and the packages that only upstream's sources have, with the results
 * of the last build.
 */
export async function rowsOf({ task, page, configured, recipes, cache }: Listing): Promise<Rows> {
  const { profile, packages, sources } = configured;
  const { folder: root, outDir } = page;
  const system = withNeededSources(configured.system, profile);
  const last = await lastBuild(join(task.path(task.args.text('out') ?? outDir), `${system.name}-${profile}.json`));
  const at = { root, cacheDir: cacheDirOf(task), env: task.host.env };
  const fetched = await fetchedFolder(system, at);
  const origins = sources.kind === 'upstream' ? await presentOrigins(system, at) : undefined;
  const pins = await lockedPins(system, root);
  const leftOut = (packages?.leftOut ?? []).map((name): LeftOut => {
    const upstream = system.configurations?.packages[name];
    const source = upstream === undefined ? '' : `${upstream.upstream.git} (${pinWords(upstream.upstream)})`;
    const target = targetOf(upstream?.upstream.cargo?.triple);
    return { name, title: upstream?.title ?? '', target, source, pin: pins.get(name) ?? null };
  });
  return {
    ...{ system, profile, leftOut },
    components: await listComponents({ system, profile, sources, root, env: {}, fetched, origins }, last, cache),
    recipes: recipes ? await listRecipes(recipes, last, quiet(task)) : [],
  };
}

/** Prints tables, or with --tree a tree. Returns the object of --json. */
export function printRows({ args, print }: Task, rows: Rows): Outcome {
  const { system, profile, components, recipes, leftOut } = rows;
  if (!args.has('json')) {
    const text = args.has('tree') ? listTree(rows) : tables(components, recipes, leftOut);
    for (const line of text) print(line);
  }
  const plainRows = { components: components.map(plain), recipes: recipes.map(plain), leftOut: leftOut.map(plain) };
  return { json: { system: system.name, profile, ...plainRows } };
}

/**
 * Looks for problems in the recipes and prints them. Exit code 1 if there are some. The configuration was
 * read before.
 */
export async function checkListing({ task, recipes }: Listing): Promise<Outcome> {
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

/** Requests to the cache are not reported. */
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
  /** The revision in the lock. */
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
