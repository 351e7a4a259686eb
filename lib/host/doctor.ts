// Checks the host. On request it also installs what is missing: packages of the distribution, then a Rust
// toolchain with the source of the standard library. Apart from `fetch`, this is the only task that
// downloads.
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
  /** Whether the user is root. */
  readonly root: boolean;
}

/**
 * Returns the current checks. With `install`, first tries to obtain what is missing: for named work only what
 * it needs, else everything.
 */
export async function examine(host: Patient, install: boolean, context: Context): Promise<readonly Check[]> {
  let checks = await checkHost(host, context);
  const packages = missingPackages(host.work === undefined ? checks : lacking(checks));
  // Code that installs and downloads is loaded only here. This runs before every `npm start` and usually
  // finds nothing to do.
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

/**
 * Returns whether a Rust toolchain was obtained. A failure is reported as a warning, so that the other checks
 * are still shown.
 */
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

/** The host and the user for whom an error is written. */
export interface Reader {
  /** The distribution. Undefined if it is not known. */
  readonly family?: Family | undefined;
  readonly root?: boolean;
  readonly work?: readonly NeedName[] | undefined;
  /** Whether an installation was already tried. */
  readonly tried?: boolean;
}

/** Returns the distribution of this host, from its os-release file. */
export async function hostFamily(file = '/etc/os-release'): Promise<Family | undefined> {
  return familyOf(await readFile(file, 'utf8').catch(() => ''));
}

/** Returns the error to report if something needed is missing. Undefined if the work can be done here. */
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

/** Obtaining Rust needs no permission, unlike installing packages. */
const getsRust = 'npx zx tasks/doctor.ts --install gets one';

/** Whether the host may have apt-get. */
function isDebian(family: Family | undefined): boolean {
  return family === undefined || family === 'debian';
}

function missingPackages(checks: readonly Check[]): readonly NonNullable<Check['packages']>[] {
  return checks.flatMap(({ found, packages }) => (found || !packages ? [] : [packages]));
}

function isMissing(checks: readonly Check[], name: string): boolean {
  return checks.some((check) => check.name === name && !check.found);
}
