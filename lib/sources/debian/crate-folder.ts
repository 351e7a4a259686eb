// The folder from which a system's Rust sources are compiled. It is created from the archives of its lock:
// crates as a directory source for cargo, empty crates for those that Debian removed by patches, and each
// component's own source, patched and with its lock next to it. The folder is created once for each state of
// these inputs, published by rename, and never changed.
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { byCodeUnit, digestRecord } from '../../core/digest.ts';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { archivePath } from '../archives.ts';
import { crateUse } from '../lock-update.ts';
import { manifestWithoutTests } from './manifest-edit.ts';
import type { DebianSource, StubCrate } from '../../system/component.ts';
import { archivesFor } from '../source-lock.ts';
import type { SourceLock } from '../source-lock.ts';

export interface CrateFolderRequest {
  /** Components by name. */
  readonly components: Readonly<Record<string, DebianSource>>;
  readonly stubs: readonly StubCrate[];
  readonly lock: SourceLock;
  /** The text of each component's Cargo.lock. If it is missing, cargo resolves it. */
  readonly cargoLocks: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Raised if the folder for the same facts changes. */
const version = 1;
const atOnce = 4;

/** All crates come from the folder. cargo resolves the path relative to the folder that contains .cargo. */
const cargoConfig = '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "../vendor"\n[net]\noffline = true\n';

/** Returns the path of the folder for this state. */
export function crateFolderPath({ components, stubs, lock, cargoLocks, cacheDir }: CrateFolderRequest): string {
  const archives = lock.archives.filter(({ uses }) => uses.some((use) => use === crateUse || use.startsWith('tarball ')));
  const facts = JSON.parse(JSON.stringify({ version, components, stubs, cargoLocks, archives })) as Json;
  return join(cacheDir, 'sources', digestRecord(facts).slice(0, 16));
}

export function componentFolder(folder: string, component: string): string {
  return join(folder, 'apps', component);
}

/**
 * Creates the folder unless it exists. The archives must be present and verified. Returns its path. A killed
 * run leaves no folder that a later run would use.
 */
export async function makeCrateFolder(request: CrateFolderRequest, context: Context): Promise<string> {
  const folder = crateFolderPath(request);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  try {
    await mkdir(join(partial, 'vendor'), { recursive: true });
    await unpackCrates(request, partial, context);
    for (const stub of request.stubs) await writeStub(join(partial, 'vendor'), stub);
    await mkdir(join(partial, 'apps/.cargo'), { recursive: true });
    await writeFile(join(partial, 'apps/.cargo/config.toml'), cargoConfig);
    for (const [name, source] of Object.entries(request.components)) await makeComponent(name, source, partial, request, context);
    await rename(partial, folder);
  } catch (error) {
    throw cannotBecause(`unpack sources to "${folder}"`, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

async function unpackCrates({ lock, cacheDir, env }: CrateFolderRequest, partial: string, { signal, report }: Context): Promise<void> {
  const dpkg = await tool('dpkg-deb', pathOf(env));
  const archives = archivesFor(lock, crateUse);
  const { default: pLimit } = await import('p-limit');
  const limit = pLimit(atOnce);
  let done = 0;
  await Promise.all(
    archives.map((archive) =>
      limit(async () => {
        const into = join(partial, 'unpacked', archive.name);
        await mkdir(into, { recursive: true });
        await outputOf(`unpack ${archive.name}`, [dpkg, '-x', archivePath(cacheDir, archive), into], { cwd: '/', env, signal });
        const registry = join(into, 'usr/share/cargo/registry');
        for (const name of await readdir(registry).catch(() => [])) await rename(join(registry, name), join(partial, 'vendor', name));
        report({ kind: 'progress', phase: 'unpacking crates', done: ++done, total: archives.length });
      }),
    ),
  );
  await rm(join(partial, 'unpacked'), { recursive: true, force: true });
}

async function writeStub(vendor: string, { name, version: number, features = [] }: StubCrate): Promise<void> {
  const folder = join(vendor, `${name}-${number}`);
  if (existsSync(folder))
    throw cannot(`make the empty crate ${name} ${number}`, 'the archive has the real crate', { hint: 'remove its row' });
  await mkdir(join(folder, 'src'), { recursive: true });
  const rows = features.map((feature) => `${JSON.stringify(feature)} = []\n`).join('');
  await writeFile(
    join(folder, 'Cargo.toml'),
    `[package]\nname = "${name}"\nversion = "${number}"\nedition = "2021"\n\n[features]\n${rows}`,
  );
  await writeFile(join(folder, 'src/lib.rs'), '// Stands in for a crate that nothing here uses.\n');
  await writeFile(join(folder, '.cargo-checksum.json'), '{"files":{}}\n');
}

async function makeComponent(
  name: string,
  source: DebianSource,
  partial: string,
  request: CrateFolderRequest,
  context: Context,
): Promise<void> {
  const folder = componentFolder(partial, name);
  await mkdir(dirname(folder), { recursive: true });
  if ('crate' in source.from) await takeCrate(source.from.crate, join(partial, 'vendor'), folder);
  else await unpackTarball(source.from.tarball, folder, request, context);
  if (source.series !== undefined) await applySeries(folder, source.series, request.env, context);
  const { globby } = await import('globby'); // loading it takes longer than most builds without changes
  const manifests = (await globby('**/Cargo.toml', { cwd: folder, ignore: ['target/**'] })).sort(byCodeUnit);
  for (const path of manifests) {
    const file = join(folder, path);
    await writeFile(file, manifestWithoutTests(`${name}/${path}`, await readFile(file, 'utf8')));
  }
  for (const { file, from, to } of source.edits ?? []) {
    const path = resolve(folder, file);
    if (relative(folder, path).startsWith('..')) throw cannot(`edit "${file}" of ${name}`, 'it is outside of the source');
    const text = await readFile(path, 'utf8');
    const times = text.split(from).length - 1;
    if (times !== 1) throw cannot(`edit "${file}" of ${name}`, `the text to replace is there ${times} times, not once`, { detail: from });
    await writeFile(
      path,
      text.replace(from, () => to),
    );
  }
  const given = request.cargoLocks[name];
  if (given === undefined) await resolveLock(name, folder, request.env, context);
  else await writeFile(join(folder, 'Cargo.lock'), given);
}

/** Copies a crate that is a program too. Debian ships its whole source. */
async function takeCrate(crate: string, vendor: string, folder: string): Promise<void> {
  const [found] = (await readdir(vendor)).filter((name) => name.startsWith(`${crate}-`) && /^\d/.test(name.slice(crate.length + 1)));
  if (found === undefined) throw cannot(`take the source of ${crate}`, 'no package of the lock has that crate');
  await cp(join(vendor, found), folder, { recursive: true, verbatimSymlinks: true });
  for (const file of ['Cargo.lock', '.cargo-checksum.json', 'rust-toolchain', 'rust-toolchain.toml'])
    await rm(join(folder, file), { force: true });
}

async function unpackTarball(use: string, folder: string, { lock, cacheDir, env }: CrateFolderRequest, { signal }: Context): Promise<void> {
  const [archive] = archivesFor(lock, `tarball ${use}`);
  if (!archive) throw cannot(`unpack the tarball of ${use}`, 'it is not in the lock', { hint: 'fetch --update creates a new lock' });
  await mkdir(folder);
  const argv = [
    await tool('tar', pathOf(env)),
    '-xf',
    archivePath(cacheDir, archive),
    '-C',
    folder,
    '--strip-components=1',
    '--no-same-owner',
  ];
  await outputOf(`unpack ${archive.path}`, argv, { cwd: '/', env, signal });
  await rm(join(folder, 'Cargo.lock'), { force: true });
}

async function applySeries(folder: string, series: string, env: Readonly<Record<string, string>>, { signal }: Context): Promise<void> {
  const names = (await readFile(join(folder, series), 'utf8')).split('\n').map((line) => line.replace(/(^|\s)#.*/, '').trim());
  const patch = await tool('patch', pathOf(env));
  for (const name of names.filter((line) => line !== '')) {
    const file = join(dirname(series), name);
    const argv = [patch, '-p1', '-s', '-N', '--no-backup-if-mismatch', '-r', '-', '-i', file];
    await outputOf(`apply ${file}`, argv, { cwd: folder, env, signal });
  }
}

/**
 * cargo chooses versions among the crates of the folder once. The result belongs next to the lock of the
 * sources.
 */
async function resolveLock(name: string, folder: string, env: Readonly<Record<string, string>>, { signal }: Context): Promise<void> {
  const argv = [await tool('cargo', pathOf(env)), 'generate-lockfile', '--offline'];
  await outputOf(`resolve the crates of ${name}`, argv, { cwd: folder, env, signal });
}
