// Creates a lock from the packages that the archive has now. apt, whose index is signed, returns every
// archive that a system's sources name.
import { basename } from 'node:path';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { aptRoot } from './debian/apt-root.ts';
import type { AptHost, AptRoot } from './debian/apt-root.ts';
import { crateClosure, offeredPackages } from './debian/debian-index.ts';
import type { OfferedPackage } from './debian/debian-index.ts';
import type { DebianMirror } from './debian/debian-mirror.ts';
import type { SourceFacts } from '../system/component.ts';
import { mergeArchives } from './source-lock.ts';
import type { LockedArchive, SourceLock } from './source-lock.ts';

/** The use of packages of crates. Other uses are "base NAME", "single NAME" and "tarball NAME". */
export const crateUse = 'crates';

/**
 * Reads the index of each suite and resolves all sources. A package that the archive does not have is a
 * Failure that names it.
 */
export async function newLock(facts: SourceFacts, mirror: DebianMirror, host: AptHost, context: Context): Promise<SourceLock> {
  const root = await readIndex(facts.suite, mirror, host, context);
  const index = await indexOf(root, context);
  const byFile = new Map(index.map((offered) => [basename(offered.path), offered]));
  const { packages, unsatisfied } = crateClosure(index, facts.crates);
  for (const [crate, by] of unsatisfied) context.report({ kind: 'note', text: `${by} asks for ${crate}, which the archive does not have` });
  const archives: LockedArchive[] = packages.map((offered) => locked(offered, crateUse));
  for (const [name, wanted] of Object.entries(facts.bases)) {
    for (const file of await solved(root, wanted, context)) {
      const offered = byFile.get(file);
      if (!offered) throw cannot(`lock the base ${name}`, `apt chose "${file}", which its index does not have`);
      archives.push(locked(offered, `base ${name}`));
    }
  }
  for (const [use, name] of Object.entries(facts.single)) {
    const offered = theOne(index, name, facts.suite);
    // A package that only depends on the newest of its kind ("linux-image-cloud-amd64") is replaced by that
    // one.
    const newest = offered.sizeBytes < 10_000 ? offered.depends[0]?.[0] : undefined;
    archives.push(locked(newest === undefined ? offered : theOne(index, newest, facts.suite), `single ${use}`));
  }
  for (const name of facts.tarballs) archives.push(await tarball(root, name, context));
  return mergeArchives(archives);
}

async function readIndex(suite: string, mirror: DebianMirror, host: AptHost, context: Context): Promise<AptRoot> {
  return await phase(`reading Debian's index of ${suite}`, context.report, () =>
    aptRoot(suite, mirror, host, context, { sources: true, refresh: true }),
  );
}

async function indexOf(root: AptRoot, { signal }: Context): Promise<readonly OfferedPackage[]> {
  const argv = [await tool('apt-cache', pathOf(root.env)), 'dumpavail'];
  return offeredPackages(await outputOf(`read Debian's index of ${root.suite}`, argv, { cwd: '/', env: root.env, signal }));
}

function theOne(index: readonly OfferedPackage[], name: string, suite: string): OfferedPackage {
  const offered = index.find((candidate) => candidate.name === name);
  if (!offered) throw cannot(`find the package "${name}"`, `Debian ${suite} does not have it`);
  return offered;
}

function locked({ name, version, path, sizeBytes, sha256 }: OfferedPackage, use: string): LockedArchive {
  return { name, version, path, sizeBytes, sha256, uses: [use] };
}

/** Returns the files that apt would fetch for these packages on a system without any package. */
async function solved(root: AptRoot, packages: readonly string[], { signal }: Context): Promise<readonly string[]> {
  const argv = [await tool('apt-get', pathOf(root.env)), 'install', '-qq', '-y', '--no-install-recommends', '--print-uris', ...packages];
  const text = await outputOf(`choose versions of ${packages.join(', ')}`, argv, { cwd: '/', env: root.env, signal });
  return [...text.matchAll(/^'([^']+)' \S+ \d+/gm)].map(([, uri = '']) => decodeURIComponent(basename(uri)));
}

/** Returns the upstream tarball of a source package: 'URI' name size SHA256:digest. */
async function tarball(root: AptRoot, name: string, { signal }: Context): Promise<LockedArchive> {
  const argv = [await tool('apt-get', pathOf(root.env)), 'source', '-qq', '--print-uris', name];
  const text = await outputOf(`find the source package ${name}`, argv, { cwd: '/', env: root.env, signal });
  const row = /^'[^']*\/(pool\/[^']+\/([^/_']+)_([^/']+)\.orig\.tar\.[a-z0-9]+)' \S+ (\d+) SHA256:([0-9a-f]{64})/m.exec(text);
  if (!row) throw cannot(`find the source package ${name}`, 'it has no upstream tarball with a SHA-256');
  const [, path = '', source = name, version = '', bytes = '', sha256 = ''] = row;
  return { name: source, version, path, sizeBytes: Number(bytes), sha256, uses: [`tarball ${name}`] };
}
