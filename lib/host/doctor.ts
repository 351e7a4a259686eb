// Looks at the host and, when asked, gets what is missing: packages of the distribution, then the standard library's source. The only task besides
// fetch that downloads.
import { cannot } from '../core/errors.ts';
import type { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkHost, lacking } from './host-checks.ts';
import type { Check, CheckedHost } from './host-checks.ts';
import { installCommands } from './install-commands.ts';

export interface Patient extends CheckedHost {
  /** Are we root? */
  readonly root: boolean;
}

/** The checks as they are now; with `install`, after an attempt to get what they lack. */
export async function examine(host: Patient, install: boolean, context: Context): Promise<readonly Check[]> {
  let checks = await checkHost(host, context);
  const packages = missingPackages(checks);
  // What installs and downloads is loaded only here: this runs before every `npm start`, and mostly finds nothing to do.
  if (install && packages.length > 0) {
    const { installPackages } = await import('./host-install.ts');
    if (await installPackages(packages, host, context)) checks = await checkHost(host, context);
  }
  if (install && (isMissing(checks, 'rust') || (isMissing(checks, 'rust-src') && host.rustSrc === undefined))) {
    const { obtainRust } = await import('./obtain-rust.ts');
    await obtainRust(host, context);
    checks = await checkHost(host, context);
  }
  return checks;
}

/** What to tell when something needed is missing; undefined when a system can be built and booted here. */
export function complaint(checks: readonly Check[]): Failure | undefined {
  const missing = lacking(checks);
  if (missing.length === 0) return undefined;
  const packages = missingPackages(missing);
  const commands = installCommands(packages).map((line) => `  ${line}`);
  return cannot('build and boot here', `${missing.map(({ name }) => name).join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`, {
    blame: 'host',
    hint: [
      ...(packages.length > 0 ? ['run npx zx tasks/doctor.ts --install where apt-get may be used, or', ...commands] : []),
      ...missing.flatMap(({ name, hint }) => (hint === undefined ? [] : [`${name}: ${hint}`])),
    ].join('\n'),
  });
}

function missingPackages(checks: readonly Check[]): readonly NonNullable<Check['packages']>[] {
  return checks.flatMap(({ found, packages }) => (found || !packages ? [] : [packages]));
}

function isMissing(checks: readonly Check[], name: string): boolean {
  return checks.some((check) => check.name === name && !check.found);
}
