// The schema of a page's machine, serial console and services. check-services.ts checks the meaning of
// services.
import type {
  ConsoleRules,
  FindingRule,
  Limits,
  LineRule,
  MenuRule,
  Milestone,
  PanicRule,
  PromptRule,
  GuestCheck,
  GuestLogin,
  GuestSession,
  GuestShell,
  OutputFacts,
} from '../../console/rules.ts';
import {
  atLeastOne,
  count,
  either,
  expression,
  flag,
  kindOf,
  listOf,
  maybe,
  oneOf,
  tableOf,
  text,
  yes,
  mapOf,
  number,
} from '../../core/schema.ts';
import type { FieldsOf } from '../../core/schema.ts';
import type { Forward, MachineDescription, SharedFolder, TargetDisk, WrittenArguments } from '../../machine/machine.ts';
import type { Account, Dns, Restart, Route, SerialConsole, Service, ServiceSet, User } from '../services.ts';

const machineFields: FieldsOf<MachineDescription> = {
  firmware: oneOf(['uefi', 'bios']),
  memoryBytes: count,
  cpus: atLeastOne,
  maxCpus: maybe(count),
  board: maybe(oneOf(['q35', 'microvm'])),
  imageInterface: oneOf(['nvme', 'virtio', 'ide', 'cdrom', 'initrd']),
  targetDisk: maybe(tableOf<TargetDisk>({ sizeBytes: count, path: maybe(text) })),
  kernel: maybe(
    tableOf<NonNullable<MachineDescription['kernel']>>({
      image: text,
      initrd: maybe(text),
      commandLine: text,
    }),
  ),
  network: maybe(
    kindOf('kind', {
      user: { forwards: listOf(tableOf<Forward>({ hostPort: count, guestPort: count })) },
      tap: { device: text },
    }),
  ),
  console: maybe(oneOf(['uart', 'virtio'])),
  display: maybe(
    kindOf('kind', {
      hidden: {},
      window: { toolkit: oneOf(['gtk', 'sdl']) },
      vnc: { host: text, number: count },
    }),
  ),
  shares: maybe(listOf(tableOf<SharedFolder>({ path: text, tag: text, readOnly: flag }))),
  shareDriver: maybe(oneOf(['virtiofs', '9p'])),
  gdb: maybe(tableOf<NonNullable<MachineDescription['gdb']>>({ port: count, wait: flag })),
  debugExit: maybe(tableOf<NonNullable<MachineDescription['debugExit']>>({ success: count })),
  prefersCloudHypervisor: maybe(yes),
  written: maybe(tableOf<WrittenArguments>({ program: maybe(text), words: listOf(text), folder: text })),
  resets: maybe(yes),
  extraArguments: maybe(listOf(text)),
};

export const machine = tableOf<MachineDescription>(machineFields);

/** Changes to the machine of a system. */
export const machineChanges = tableOf<Partial<MachineDescription>>({
  ...machineFields,
  firmware: maybe(machineFields.firmware),
  memoryBytes: maybe(count),
  cpus: maybe(atLeastOne),
  imageInterface: maybe(machineFields.imageInterface),
});

const stages = ['firmware', 'loader', 'kernel', 'init', 'userland', 'prompt'];
const failures = ['kernel-panic', 'rust-panic', 'page-fault', 'oops', 'oom', 'emergency-mode', 'service-failed', 'hang', 'boot-loop'];
const failureKind = oneOf([...failures, 'no-bootdev', 'firmware', 'other']);
const fatality = either(
  'it must be "always", "unless-claimed", "if-shell-follows" or { of: [ ... ] }',
  oneOf(['always', 'unless-claimed', 'if-shell-follows']),
  tableOf<{ of: readonly string[] }>({ of: listOf(text) }),
);

const rule: FieldsOf<LineRule> = { pattern: expression, source: text, example: text };
const rules = listOf(tableOf<LineRule>(rule));

export const consoleRules = tableOf<ConsoleRules>({
  milestones: listOf(tableOf<Milestone>({ ...rule, name: text, stage: oneOf(stages), once: maybe(yes) })),
  prompts: listOf(tableOf<PromptRule>({ ...rule, shell: maybe(yes), bare: maybe(yes) })),
  panics: listOf(tableOf<PanicRule>({ ...rule, kind: failureKind, fatal: fatality })),
  findings: listOf(tableOf<FindingRule>({ ...rule, kind: text })),
  decoys: rules,
  powerOffs: rules,
  restarts: maybe(rules),
  menus: maybe(listOf(tableOf<MenuRule>({ ...rule, answer: text }))),
  stamp: maybe(tableOf<LineRule>(rule)),
  limits: tableOf<Limits>({ timeoutMs: count, silenceMs: count, graceMs: count, reboots: maybe(count) }),
});

export const guestChecks = listOf(
  tableOf<GuestCheck>({
    name: text,
    run: text,
    expect: either('it must be a string or a regular expression', text, expression),
    status: maybe(count),
  }),
);

export const guestSession = tableOf<GuestSession>({
  login: maybe(tableOf<GuestLogin>({ user: text, password: text })),
  checks: guestChecks,
  console: maybe(listOf(tableOf<{ name: string; expect: RegExp }>({ name: text, expect: expression }))),
  powerOff: maybe(text),
});

export const guestShell = tableOf<GuestShell>({ user: maybe(text), password: maybe(text) });

export const outputFacts = tableOf<OutputFacts>({ from: expression, to: expression, kernel: expression });

const texts = listOf(text);
const routes = maybe(listOf(tableOf<Route>({ destination: text, gateway: text })));
const owner = { mode: maybe(count), user: maybe(text), group: maybe(text) };

const service = tableOf<Service>({
  command: texts,
  user: maybe(text),
  group: maybe(text),
  directory: maybe(text),
  environment: maybe(mapOf(text)),
  needs: maybe(texts),
  needsNetwork: maybe(yes),
  ready: maybe(either('it must be "started", "exits" or { file }', oneOf(['started', 'exits']), tableOf<{ file: string }>({ file: text }))),
  readyWithinSec: maybe(number),
  restart: maybe(
    either(
      'it must be "never" or { when, limit, withinSec, delaySec }',
      oneOf(['never']),
      tableOf<Restart>({
        when: oneOf(['on-failure', 'always']),
        limit: count,
        withinSec: number,
        delaySec: number,
      }),
    ),
  ),
  stopWithinSec: maybe(number),
  log: maybe(text),
});

export const serviceSet = tableOf<ServiceSet>({
  hostName: text,
  console: tableOf<SerialConsole>({ device: text, baud: count, terminal: text, autologin: maybe(text) }),
  baseAccounts: tableOf<ServiceSet['baseAccounts']>({
    users: mapOf(tableOf<Account>({ group: text, home: text, shell: text })),
    groups: texts,
  }),
  users: mapOf(
    tableOf<User>({
      uid: count,
      passwordHash: maybe(text),
      home: maybe(text),
      shell: maybe(text),
      groups: maybe(texts),
    }),
  ),
  groups: maybe(mapOf(count)),
  kernelModules: maybe(texts),
  temporaryFiles: maybe(
    mapOf(
      kindOf('kind', {
        folder: owner,
        file: { ...owner, text: maybe(text) },
        link: { ...owner, target: text },
      }),
    ),
  ),
  interfaces: maybe(mapOf(kindOf('kind', { dhcp: { routes }, static: { address: text, routes } }))),
  dns: maybe(tableOf<Dns>({ nameservers: maybe(texts), search: maybe(texts) })),
  services: mapOf(service),
});
