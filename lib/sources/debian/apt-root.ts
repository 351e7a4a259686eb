// A private apt with its own configuration, indexes, state and cache in one folder, so that packages of other
// Debian suites can be read and fetched without changing the host's apt. Signatures are verified with the
// host's keys. The mirror and its settings are those of the host.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { debianMirror } from './debian-mirror.ts';
import type { DebianMirror } from './debian-mirror.ts';

export interface AptRoot {
  readonly folder: string;
  /** "sid". */
  readonly suite: string;
  /** The environment in which apt uses only this root. */
  readonly env: Readonly<Record<string, string>>;
}

export interface AptHost {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
}

/** Returns the mirror from which the host's own apt fetches Debian, or undefined on a host that is not Debian. */
export async function hostMirror(etc = '/etc/apt'): Promise<DebianMirror | undefined> {
  const folder = join(etc, 'sources.list.d');
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name)).sort(byCodeUnit);
  const paths = [join(etc, 'sources.list'), ...names.map((name) => join(folder, name))];
  const files = await Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, 'utf8').catch(() => '') })));
  return debianMirror(files);
}

export interface AptRootOptions {
  /** Whether to download the index (about 10 MB). Without it the root can only fetch by URI. Default: true. */
  readonly refresh?: boolean;
  /** Whether to download the index of source packages too. */
  readonly sources?: boolean;
  /** The suite that has dependencies of this one's packages: "trixie" for "trixie-backports". */
  readonly base?: string | undefined;
}

/**
 * Creates or refreshes the root of one suite. A mirror that does not respond or has an invalid signature is a
 * Failure (host).
 */
export async function aptRoot(
  suite: string,
  mirror: DebianMirror,
  host: AptHost,
  { signal }: Context,
  { refresh = true, sources = false, base }: AptRootOptions = {},
): Promise<AptRoot> {
  const folder = join(host.cacheDir, 'apt', suite);
  const env = { ...host.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C' };
  for (const part of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'var/lib/apt/lists/partial',
    'var/lib/dpkg',
    'var/cache/apt/archives/partial',
    'var/log/apt',
  ]) {
    await mkdir(join(folder, part), { recursive: true });
  }
  const path = pathOf(host.env);
  const dump = await outputOf('read the settings of apt', [await tool('apt-config', path), 'dump'], { cwd: '/', env: host.env, signal });
  await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder, dump));
  const lines = [suite, ...(base === undefined ? [] : [base])].map((name) => sourcesLines(name, mirror, sources));
  await writeFile(join(folder, 'etc/apt/sources.list'), lines.join(''));
  await writeFile(join(folder, 'var/lib/dpkg/status'), '');
  if (!refresh) return { folder, suite, env };
  const update = [await tool('apt-get', path), 'update', '--error-on=any'];
  await outputOf(`read Debian's index of ${suite}`, update, { cwd: folder, env, signal }).catch((error: unknown) => {
    throw asHostFailure(error, signal);
  });
  return { folder, suite, env };
}

/** Returns the version of a package in the suite, or undefined. */
export async function offeredVersion(root: AptRoot, name: string, { signal }: Context): Promise<string | undefined> {
  const text = await outputOf(`ask for the package ${name}`, [await tool('apt-cache', pathOf(root.env)), 'madison', name], {
    cwd: root.folder,
    env: root.env,
    signal,
  });
  return text.split('\n')[0]?.split('|')[1]?.trim() || undefined; // "rust-src | 1.97.1+dfsg1-1 | mirror sid/main amd64 Packages"
}

/** Downloads a package, which apt checks against the signed index, passes its path to `use`, and removes it. */
export async function withPackage<T>(root: AptRoot, name: string, use: (deb: string) => Promise<T>, { signal }: Context): Promise<T> {
  const folder = join(root.folder, 'downloads');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  try {
    await outputOf(`download Debian's package ${name}`, [await tool('apt-get', pathOf(root.env)), 'download', name], {
      cwd: folder,
      env: root.env,
      signal,
    });
    const deb = (await readdir(folder)).find((file) => file.endsWith('.deb'));
    if (deb === undefined) throw cannot(`download Debian's package ${name}`, 'apt-get left no file', { blame: 'host' });
    return await use(join(folder, deb));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Returns apt.conf for a root. Settings for fetching (proxies, disabled checks of dates) come from the host's
 * settings.
 */
export function aptConfiguration(folder: string, hostDump: string): string {
  const fetching = hostDump.split('\n').filter((line) => /^Acquire::(https?|Proxy|Retries|Check-)/.test(line));
  return [
    `Dir "${folder}/";`,
    `Dir::State::status "${folder}/var/lib/dpkg/status";`,
    'Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d/";',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    ...fetching,
    '',
  ].join('\n');
}

function sourcesLines(suite: string, { uri, signedBy }: DebianMirror, sources: boolean): string {
  const from = `${signedBy === undefined ? '' : `[signed-by=${signedBy}] `}${uri} ${suite} main\n`;
  return `deb ${from}${sources ? `deb-src ${from}` : ''}`;
}

/** A mirror that cannot be read is a problem of the host, not a mistake in the request. */
function asHostFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || !(error instanceof Error)) return error;
  const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : undefined;
  const [what = error.message, why = 'apt-get failed'] = error.message.replace(/^Cannot /, '').split(': ');
  return cannot(what, why, { blame: 'host', detail });
}
