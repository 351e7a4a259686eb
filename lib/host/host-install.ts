// Installs missing packages of the distribution with apt-get, if it exists and the user may use it. Otherwise
// the command is printed for the user.
import { readdir } from 'node:fs/promises';
import { byCodeUnit } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { findProgram, run } from '../core/sh.ts';
import { searchPath } from '../core/tools.ts';
import type { Packages } from '../core/tools.ts';
import { pathOf } from '../core/paths.ts';

export interface InstallingHost {
  readonly env: Readonly<Record<string, string>>;
  readonly root: boolean;
}

/**
 * Returns the words to put before "apt-get": none for root, and sudo if it asks for no password. Undefined if
 * the user may not install.
 */
async function permission({ env, root }: InstallingHost, signal: AbortSignal): Promise<readonly string[] | undefined> {
  if (root) return [];
  const sudo = await findProgram('sudo', searchPath(pathOf(env)));
  if (!sudo) return undefined;
  const asked = await run([sudo, '-n', 'true'], { cwd: '/', env, signal });
  return asked.exitCode === 0 ? [sudo, '-n', 'DEBIAN_FRONTEND=noninteractive'] : undefined;
}

/**
 * Installs packages with apt-get. Returns false if there is no apt-get or the user may not use it. A failed
 * installation is a Failure (host).
 */
export async function installPackages(packages: readonly Packages[], host: InstallingHost, context: Context): Promise<boolean> {
  const { signal } = context;
  const aptGet = await findProgram('apt-get', searchPath(pathOf(host.env)));
  const prefix = aptGet && (await permission(host, signal));
  if (!aptGet || !prefix) return false;
  const names = [...new Set(packages.flatMap(({ debian }) => debian.split(' ')))].sort(byCodeUnit);
  const options = { cwd: '/', env: { ...host.env, DEBIAN_FRONTEND: 'noninteractive' }, signal };
  const install = [...prefix, aptGet, 'install', '--yes', '--no-install-recommends', ...names];
  const update = (): ReturnType<typeof run> => run([...prefix, aptGet, 'update'], options);
  await phase(`install ${names.join(', ')}`, context.report, async () => {
    const fresh = !(await hasIndex());
    if (fresh) await update();
    let result = await run(install, options);
    if (result.exitCode !== 0 && !fresh) {
      await update(); // an old index names packages that the mirror has replaced
      result = await run(install, options);
    }
    if (result.exitCode !== 0) {
      throw cannot(`install ${names.join(', ')}`, 'apt-get failed', {
        blame: 'host',
        detail: result.stderr.trim(),
        hint: `run ${['apt-get install', ...names].join(' ')} by hand`,
      });
    }
  });
  return true;
}

async function hasIndex(): Promise<boolean> {
  const lists = await readdir('/var/lib/apt/lists').catch(() => []);
  return lists.some((name) => /_(Packages|Packages\.\w+|InRelease)$/.test(name));
}
