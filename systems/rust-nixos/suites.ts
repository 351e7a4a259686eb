// Variants for tests. Each runs, as root, the suite that shows whether an init implements the description of
// services (behaviour.ts). The programs for the suite's services come from the package of the Rust init,
// whichever init runs.
import type { Extending } from '../../lib/core/extended.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';
import type { GuestSession } from '../../lib/console/rules.ts';
import { behaviourMachine, behaviourRows, behaviourServices, consoleRows } from './behaviour.ts';
import { rustComponents } from './components.ts';
import { login } from './files.ts';
import { rust } from './replacements.ts';
import type { Variant } from './variant.ts';

export const suiteMachine: Partial<MachineDescription> = { extraArguments: behaviourMachine };

export const suiteSession: GuestSession = {
  login,
  checks: behaviourRows.map(({ run, ...row }) => ({
    ...row,
    run: `sudo sh -c '${run.replaceAll("'", "'\\''")}'`,
  })),
  console: consoleRows.map(({ name, expect }) => ({ name, expect })),
  powerOff: 'sudo poweroff',
};

const suite = { services: behaviourServices, isSuite: true } as const;
const title = (of: string): string => `${of}, with the services of the behaviour suite`;
const components = [...rustComponents, 'init'] as const;

export const suites = {
  'suite-systemd': {
    extends: 'rust',
    ...suite,
    title: title('Rust programs under systemd'),
    replace: [...rust, 'probe'],
    components,
  },
  'suite-sysvinit': {
    extends: 'sysvinit',
    ...suite,
    title: title('Rust programs under sysvinit'),
    replace: [...rust, 'probe'],
    components,
  },
  'suite-init': {
    extends: 'rust-init',
    ...suite,
    title: title('Rust programs under table'),
    replace: [...rust, 'init', 'probe'],
  },
  'suite-small': {
    extends: 'small',
    ...suite,
    title: title('a Rust init, static coreutils and little else'),
    replace: ['coreutils-static', 'sudo', 'init', 'probe'],
  },
} as const satisfies Readonly<Record<string, Extending<Variant>>>;
