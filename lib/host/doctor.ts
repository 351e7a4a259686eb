// Looks at the host and, when asked, gets what is missing: packages of the distribution, then a Rust toolchain with the standard library's source. The
// only task besides fetch that downloads.
import { readFile } from 'node:fs/promises';
import { cannot, Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkHost, lacking } from './host-checks.ts';
import type { Check, CheckedHost } from './host-checks.ts';
import { familyOf, installCommands } from './install-commands.ts';
import type { Family } from './install-commands.ts';
import { usualNeeds, workOf } from './needs.ts';
import type { NeedName } from './needs.ts';

export interface Patient extends CheckedHost {
  /** Are we root? */
  readonly root: boolean;
}

/** The checks as they are now; with `install`, after an attempt to get what they lack: for work that is named only what it needs, else everything. */
export async function examine(host: Patient, install: boolean, context: Context): Promise<readonly Check[]> {
  let checks = await checkHost(host, context);
  const packages = missingPackages(host.work === undefined ? checks : lacking(checks));
  // What installs and downloads is loaded only here: this runs before every `npm start`, and mostly finds nothing to do.
  if (install && packages.length > 0) {
    const { installPackages } = await import('./host-install.ts');
    if (await installPackages(packages, host, context)) checks = await checkHost(host, context);
  }
  const lacksSource = isMissing(checks, 'rust-src') && host.rustSrc === undefined;
  if (install && (isMissing(checks, 'rust') || lacksSource || isMissing(checks, 'rust-lld'))) {
    checks = (await triedRust(host, context)) ? await checkHost(host, context) : checks;
  }
  return checks;
}

/** Whether a Rust was obtained. That none could be is reported, and does not hide what else is missing. */
async function triedRust(host: Patient, context: Context): Promise<boolean> {
  const { obtainRust } = await import('./obtain-rust.ts');
  try {
    await obtainRust(host, context);
    return true;
  } catch (error) {
    if (!(error instanceof Failure) || context.signal.aborted) throw error;
    context.report({ kind: 'warning', text: error.message });
    return false;
  }
}

/** Who reads a complaint. */
export interface Reader {
  /** The distribution; undefined where it is not known. */
  readonly family?: Family | undefined;
  readonly root?: boolean;
  readonly work?: readonly NeedName[] | undefined;
  /** Whether it was tried to install what is missing. */
  readonly tried?: boolean;
}

/** Returns the distribution of this host, by its os-release file. */
export async function hostFamily(file = '/etc/os-release'): Promise<Family | undefined> {
  return familyOf(await readFile(file, 'utf8').catch(() => ''));
}

/** What to report when something needed is missing; undefined when the work can be done here. */
export function complaint(checks: readonly Check[], { family, root, work, tried }: Reader = {}): Failure | undefined {
  const missing = lacking(checks);
  if (missing.length === 0) return undefined;
  const packages = missingPackages(missing);
  const commands = packages.length === 0 ? [] : installCommands(packages, family, root).map((line) => `  ${line}`);
  const why = `${missing.map(({ name }) => name).join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  return cannot(`${workOf(work ?? usualNeeds)} here`, why, {
    blame: 'host',
    hint: [
      ...(packages.length > 0
        ? [tried || !isDebian(family) ? 'run' : 'run npx zx tasks/doctor.ts --install where apt-get may be used, or', ...commands]
        : []),
      ...missing.flatMap(({ name, hint }) =>
        hint === undefined ? [] : [`${name}: ${tried || name !== 'rust' ? '' : `${getsRust}, or `}${hint}`],
      ),
    ].join('\n'),
  });
}

/** This needs no permission, unlike packages. */
const getsRust = 'npx zx tasks/doctor.ts --install gets one';

/** Whether apt-get may be there. */
function isDebian(family: Family | undefined): boolean {
  return family === undefined || family === 'debian';
}

function missingPackages(checks: readonly Check[]): readonly NonNullable<Check['packages']>[] {
  return checks.flatMap(({ found, packages }) => (found || !packages ? [] : [packages]));
}

function isMissing(checks: readonly Check[], name: string): boolean {
  return checks.some((check) => check.name === name && !check.found);
}
