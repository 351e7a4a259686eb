// Histories that were written by hand, each after a fault in a user's project: a TOML file with the files of
// a project, and steps that edit and build it. Both builders run each build, and their programs must print
// the same.
import { cp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import { parse } from 'smol-toml';
import { cannot, present } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { removeTree } from '../../core/paths.ts';
import { complaintAbout, count, either, flag, listOf, mapOf, maybe, shapeOf, tableOf, text } from '../../core/schema.ts';
import { outputOf } from '../../core/sh.ts';
import { difference } from './build-outcome.ts';
import type { BuildOutcome } from './build-outcome.ts';
import { gitEnv } from './checkout.ts';
import { writeFiles } from '../projects/content.ts';
import type { Content } from '../projects/content.ts';
import type { Builders } from './replay.ts';

export interface WrittenHistory {
  readonly name: string;
  /** The sentence that the history demonstrates. */
  readonly what: string;
  /** The folder of builds, unless a step has its own, relative to the top. */
  readonly folder: string;
  readonly files: ReadonlyMap<string, Content>;
  readonly steps: readonly WrittenStep[];
}

export type WrittenStep =
  /** A script of bash, which runs in the top folder. */
  | { readonly edit: string; readonly checkout?: string }
  /** Creates a further checkout of this name, a copy of the present one. */
  | { readonly copy: string }
  | WrittenBuild;

export interface WrittenBuild {
  /** Flags for both builders. */
  readonly build: readonly string[];
  readonly folder?: string;
  readonly checkout?: string;
  /** Variables that the user sets and declares. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Greatest number of units that may be built. */
  readonly units?: number;
  /** Cargo's incremental build misses this edit, so only a build in an empty folder is correct. */
  readonly fresh?: boolean;
}

/** Reads all histories of a folder, in the order of their names. */
export async function writtenHistories(folder: string): Promise<readonly WrittenHistory[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.toml')).sort();
  return Promise.all(names.map(async (name) => writtenHistory(join(folder, name))));
}

/** Reads the history in a file. */
export async function writtenHistory(path: string): Promise<WrittenHistory> {
  return historyFrom(basename(path, '.toml'), await readFile(path, 'utf8'));
}

/**
 * Replays histories in folders below `top`, two at once, each with its own cache. Returns a promise for each,
 * by name. The memoized data about the compiler take seconds to compute and are the same for all caches, so
 * they are copied from the first one.
 */
export function replayAllWritten(
  histories: readonly WrittenHistory[],
  top: string,
  builders: (cache: string) => Builders,
  context: Context,
): ReadonlyMap<string, Promise<string | undefined>> {
  const [first, ...others] = histories;
  const faultOf = async (history: WrittenHistory): Promise<string | undefined> => {
    const cache = join(top, history.name, 'cache');
    if (first && history !== first) await cp(join(top, first.name, 'cache/remembered'), join(cache, 'remembered'), { recursive: true });
    return replayWritten(history, join(top, history.name), builders(cache), context);
  };
  const limit = pLimit(2); // one waits for cargo while the other waits for Bloomery
  const warmed = first ? faultOf(first) : Promise.resolve(undefined);
  const rest = others.map((history) => [history.name, warmed.catch(() => undefined).then(() => limit(faultOf, history))] as const);
  const all = new Map([...(first ? [[first.name, warmed] as const] : []), ...rest]);
  for (const replayed of all.values()) replayed.catch(() => undefined); // the caller waits for one after the other
  return all;
}

type Page = Pick<WrittenHistory, 'what' | 'steps'> & { readonly folder?: string; readonly files: Readonly<Record<string, Content>> };

const content = either('it must be a text, a link or an executable', text, tableOf({ link: text }), tableOf({ exe: text }));
const buildStep = { build: listOf(text), folder: maybe(text), variables: maybe(mapOf(text)), units: maybe(count), fresh: maybe(flag) };
const step = shapeOf('edit, copy and build', { edit: { edit: text }, copy: { copy: text }, build: buildStep }, { checkout: maybe(text) });
const page = tableOf<Page>({ what: text, folder: maybe(text), files: mapOf(content), steps: listOf(step) });

/** Reads one history. Throws a usage failure that names a wrong field. */
export function historyFrom(name: string, written: string): WrittenHistory {
  const read: unknown = parse(written);
  if (!isPage(read)) {
    const { path, why, hint } = present(complaintAbout(page, read), 'the complaint about a history');
    throw cannot(`read the history "${name}"`, `${path}: ${why}`, { hint, blame: 'usage' });
  }
  const { what, folder = '.', files, steps } = read;
  return { name, what, folder, files: new Map(Object.entries(files)), steps };
}

function isPage(value: unknown): value is Page {
  return complaintAbout(page, value) === undefined;
}

/**
 * Replays a history in `top`, which does not exist yet. Returns the first difference as a sentence, or
 * undefined.
 */
export async function replayWritten(
  { folder, files, steps }: WrittenHistory,
  top: string,
  builders: Builders,
  context: Context,
): Promise<string | undefined> {
  const checkoutAt = (name = 'first'): string => join(top, name);
  await writeFiles(checkoutAt(), files);
  for (const [index, step] of steps.entries()) {
    if ('edit' in step) {
      const env = { ...gitEnv, PATH: '/usr/bin:/bin' };
      await outputOf(`edit (step ${index + 1})`, ['bash', '-ec', step.edit], { cwd: checkoutAt(step.checkout), env });
    } else if ('copy' in step) await cp(checkoutAt(), checkoutAt(step.copy), { recursive: true, verbatimSymlinks: true });
    else {
      const fault = await compare(step, join(checkoutAt(step.checkout), step.folder ?? folder), join(top, `${step.checkout ?? 'first'}-`));
      if (fault !== undefined) return `step ${index + 1}: ${fault}`;
    }
  }
  return undefined;

  async function compare(
    { build, variables = {}, units, fresh = false }: WrittenBuild,
    at: string,
    beside: string,
  ): Promise<string | undefined> {
    const [target, out, settings] = [`${beside}target`, `${beside}out`, { variables, flags: build }];
    const own = await builders.ours(at, out, settings, context);
    if (own.kind === 'built' && own.units > (units ?? Infinity)) return `${own.units} units were built, at most ${units} may be`;
    const cargo = (): Promise<BuildOutcome> => builders.cargo(at, target, settings, context);
    const first = fresh ? undefined : difference(own, await cargo());
    if (!fresh && !first) return undefined;
    removeTree(target);
    return difference(own, await cargo())?.text;
  }
}
