// Three stress tests of builds: killing them, starting several concurrently, and damaging stored blobs. Each
// returns counts and faults, as sentences. The results are compared with an undisturbed build of the same
// projects.
import { chmod, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openCache } from '../../cache/cache.ts';
import { layout } from '../../cache/records.ts';
import { isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { lastOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { randomNumbers } from '../../core/random-numbers.ts';
import { filesBelow, leftoversOf, missesOf, mustBuild, newSite, programsOf, startBuild } from './stress-build.ts';
import type { Calm, Site, Subject } from './stress-build.ts';

export interface Stressed {
  /** One sentence with all counts. */
  readonly sentence: string;
  /** The faults that were found, as sentences. */
  readonly faults: readonly string[];
}

/**
 * Kills builds with SIGKILL at random times, each with an empty cache. The next run completes the build. In
 * every second round, the cache contains data about the host.
 */
export async function stressKill(subject: Subject, calm: Calm, rounds: number, seed: number, context: Context): Promise<Stressed> {
  const { usualMs } = calm;
  const random = randomNumbers(seed);
  const faults: string[] = [];
  let killed = 0;
  let kept = 0;
  for (let round = 1; round <= rounds; round++) {
    const site = await newSite(subject, `kill-${round}`, round % 2 === 0 ? calm : undefined);
    const atMs = Math.round(random() * usualMs);
    const inTime = await killedAt(await startBuild(subject, site, context), atMs, context);
    if (inTime) killed++;
    const before = await filesBelow(join(site.cache, layout, 'actions'));
    if (inTime && before.length > 0) kept++;
    const what = `round ${round}, killed after ${atMs} ms`;
    await mustBuild(subject, site, context);
    if (!same(await programsOf(site), calm.programs)) faults.push(`${what}: the programs differ from those of an undisturbed build`);
    for (const name of await leftoversOf(site)) faults.push(`${what}: "${name}" is left`);
    const again = await mustBuild(subject, site, context);
    if (again > 0) faults.push(`${what}: ${again} units were built again by a third run`);
    await rm(join(site.cache, '..'), { recursive: true, force: true });
    const sofar =
      `round ${round} of ${rounds}: killed after ${atMs} ms with ${before.length} results kept, completed; ` +
      `${faults.length} faults so far`;
    context.report({ kind: 'note', text: sofar });
  }
  const sentence =
    `${rounds} builds, ${killed} killed within ${Math.round(usualMs)} ms, ${kept} of them with results to keep: ` +
    `${rounds} completed by the next run, ${faults.length} faults`;
  return { sentence, faults };
}

async function killedAt(child: Awaited<ReturnType<typeof startBuild>>, atMs: number, { signal }: Context): Promise<boolean> {
  const timer = setTimeout(() => process.kill(child.pid, 'SIGKILL'), atMs);
  const { killedBy } = await child.ended;
  clearTimeout(timer);
  signal.throwIfAborted();
  return killedBy === 'SIGKILL';
}

/** Starts `count` builds of the same projects concurrently, with one empty cache. */
export async function stressConcurrent(subject: Subject, calm: Calm, count: number, rounds: number, context: Context): Promise<Stressed> {
  const faults: string[] = [];
  let built = 0;
  for (let round = 1; round <= rounds; round++) {
    const { cache } = await newSite(subject, `together-${count}-${round}`, calm);
    const sites = Array.from({ length: count }, (_, index): Site => ({ cache, out: join(cache, '..', `out-${index}`) }));
    const children = await Promise.all(sites.map((site) => startBuild(subject, site, context)));
    for (const [index, { ended }] of children.entries()) {
      const result = await ended;
      const what = `round ${round}, build ${index + 1} of ${count}`;
      if (result.exitCode === 0) built += missesOf(result, context);
      else faults.push(`${what} failed: ${result.stderr.trim()}`);
    }
    for (const [index, site] of sites.entries()) {
      if (!same(await programsOf(site), calm.programs))
        faults.push(`round ${round}, build ${index + 1} of ${count}: other programs than alone`);
      for (const name of await leftoversOf(site)) faults.push(`round ${round}: "${name}" is left`);
    }
    const again = await mustBuild(subject, { cache, out: join(cache, '..', 'out-again') }, context);
    if (again > 0) faults.push(`round ${round}: ${again} units were built again afterwards`);
    await rm(join(cache, '..'), { recursive: true, force: true });
    context.report({ kind: 'progress', phase: `building ${count} at once`, done: round, total: rounds });
  }
  const sentence = `${rounds} x ${count} builds at once in one cache: ${built} units built where one alone builds ${calm.units}, ${faults.length} faults`;
  return { sentence, faults };
}

/**
 * Flips a byte in each of `count` random blobs of the undisturbed build. Each must be refused when it is
 * read, and must exist again after a build that looks up every unit.
 */
export async function stressFlip(
  subject: Subject,
  calm: Calm,
  count: number,
  seed: number,
  pid: number,
  context: Context,
): Promise<Stressed> {
  const { site } = calm;
  const random = randomNumbers(seed);
  const store = join(site.cache, layout, 'content');
  const blobs = (await filesBelow(store)).map((path) => ({ path: join(store, path), digest: lastOf(path.split('/')) }));
  const victims = shuffled(blobs, random).slice(0, count);
  let flipped = 0;
  for (const { path } of victims) if (await flipByte(path, random)) flipped++;
  const digests = victims.map(({ digest }) => digest).filter((digest): digest is Digest => isDigest(digest));
  const refused = digests.length - (await held(site, digests, pid, context));
  // A deep key publishes a program without looking up its dependencies. Without deep keys, every unit is
  // looked up.
  await rm(join(site.cache, layout, 'deep'), { recursive: true, force: true });
  await rm(site.out, { recursive: true, force: true });
  const rebuilt = await mustBuild(subject, site, context);
  const back = await held(site, digests, pid, context);
  const faults: string[] = [];
  if (refused < flipped) faults.push(`${flipped - refused} damaged blobs were read as undamaged`);
  if (back < flipped) faults.push(`${flipped - back} damaged blobs were not built again`);
  if (!same(await programsOf(site), calm.programs)) faults.push('the programs differ from those before the damage');
  for (const name of await leftoversOf(site)) faults.push(`"${name}" is left`);
  const sentence =
    `${flipped} of ${blobs.length} blobs with a flipped byte: ${refused} found when read, ${rebuilt} units built again, ` +
    `${back} blobs intact again, ${faults.length} faults`;
  return { sentence, faults };
}

/** Returns how many of these blobs exist undamaged. Damaged ones are removed, as by any build that reads them. */
async function held({ cache }: Site, digests: readonly Digest[], pid: number, { report }: Context): Promise<number> {
  const opened = await openCache(cache, pid, (event) => (event.kind === 'repaired' ? undefined : report(event)));
  try {
    let whole = 0;
    for (const digest of digests) if (await opened.content.holds(digest)) whole++;
    return whole;
  } finally {
    await opened.close();
  }
}

/** Whether the file has a byte to flip. False for an empty file. */
async function flipByte(path: string, random: () => number): Promise<boolean> {
  await chmod(path, 0o755);
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const at = Math.floor(random() * size);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, at);
    if (bytesRead === 0) return false;
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ (1 << Math.floor(random() * 8))]), 0, 1, at);
    return true;
  } finally {
    await file.close();
  }
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length > 0 && a.join('\n') === b.join('\n');
}
