// The builds of a stress test: tasks/crates.ts as a separate process, with its own cache and folder. Knows
// what files a build leaves, but not which faults are injected.
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layout } from '../../cache/records.ts';
import { byCodeUnit, digestFile } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { start } from '../../core/sh.ts';
import type { Child, RunResult } from '../../core/sh.ts';
import { taskResult, unitsBuilt } from './task-result.ts';

export interface Subject {
  /** Absolute folders of the Cargo projects, which are built in one command. */
  readonly projects: readonly string[];
  /** Additional flags of tasks/crates.ts. */
  readonly flags: readonly string[];
  /** The absolute folder of the stress test, which is removed at its end. */
  readonly scratch: string;
  /** The path of Node, with which a task is started. */
  readonly node: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The folders of one build, in the scratch folder. */
export interface Site {
  readonly cache: string;
  readonly out: string;
}

const task = join(import.meta.dirname, '../../../tasks/crates.ts');

function siteOf({ scratch }: Subject, name: string): Site {
  return { cache: join(scratch, name, 'cache'), out: join(scratch, name, 'out') };
}

/** Starts a build at once. */
export async function startBuild(subject: Subject, site: Site, { signal }: Context): Promise<Child> {
  const set = join(subject.scratch, 'set.toml');
  const table = (dir: string, index: number): string => `[[project]]\npath = ${JSON.stringify(dir)}\nname = "p${index}"\n`;
  await mkdir(subject.scratch, { recursive: true });
  await writeFile(set, subject.projects.map(table).join(''));
  const words = ['--set', set, '--cache', site.cache, '--out', site.out, '--json', '--quiet', ...subject.flags];
  return start([subject.node, task, ...words], { cwd: subject.scratch, env: subject.env, signal });
}

/** Runs a build that must succeed. Returns how many units it had to build. */
export async function mustBuild(subject: Subject, site: Site, context: Context): Promise<number> {
  return missesOf(await (await startBuild(subject, site, context)).ended, context);
}

export function missesOf({ exitCode, stdout, stderr }: RunResult, { signal }: Context): number {
  signal.throwIfAborted();
  if (exitCode !== 0) {
    const why = exitCode === null ? 'a signal ended a build' : `a build ended with status ${exitCode}`;
    throw cannot('continue the stress test', why, { detail: stderr.trim() });
  }
  return unitsBuilt(taskResult(stdout));
}

/** An undisturbed build, with whose results the others are compared. */
export interface Calm {
  readonly site: Site;
  readonly programs: readonly string[];
  readonly units: number;
  readonly usualMs: number;
}

export async function undisturbed(subject: Subject, context: Context): Promise<Calm> {
  const site = siteOf(subject, 'calm');
  const startMs = performance.now();
  const units = await mustBuild(subject, site, context);
  const usualMs = performance.now() - startMs;
  return { site, programs: await programsOf(site), units, usualMs };
}

/**
 * Returns folders with an empty cache. With `calm`, the cache contains what that build stored about the host,
 * because computing the digests of a compiler takes seconds.
 */
export async function newSite(subject: Subject, name: string, calm?: Calm): Promise<Site> {
  const site = siteOf(subject, name);
  if (calm) await cp(join(calm.site.cache, 'remembered'), join(site.cache, 'remembered'), { recursive: true });
  return site;
}

/** Returns the published programs of a build as "NAME DIGEST", sorted. */
export async function programsOf({ out }: Site): Promise<readonly string[]> {
  const files = await filesBelow(out);
  const lines = await Promise.all(files.map(async (file) => `${file} ${await digestFile(join(out, file))}`));
  return lines.sort(byCodeUnit);
}

/**
 * Returns the unfinished files that no process will finish: those in the folder for unfinished work, and
 * those with names of unfinished files.
 */
export async function leftoversOf({ cache, out }: Site): Promise<readonly string[]> {
  const unfinished = (await filesBelow(join(cache, layout, 'tmp'), true)).map((name) => `tmp/${name}`);
  const partial = [...(await filesBelow(cache)), ...(await filesBelow(out))].filter((name) => /\.partial\b/.test(name));
  return [...unfinished, ...partial];
}

/** Returns paths relative to `dir`, sorted. With `folders`, also those of folders. */
export async function filesBelow(dir: string, folders = false): Promise<readonly string[]> {
  const entries = (await absentAsUndefined(readdir(dir, { recursive: true, withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => folders || !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort(byCodeUnit);
}
