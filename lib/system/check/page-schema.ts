// What a page may say: every field of a system, with its type. check-page.ts checks the names in it.
import { count, flag, listOf, mapOf, maybe, oneOf, shapeOf, tableOf, text } from '../../core/schema.ts';
import type { BootMethod, GrubProtocol } from '../../osdk/manifest.ts';
import type { CLibrary, MakeBuild } from '../c-library-facts.ts';
import type { CargoBuild, Component, PayloadFacts, UpstreamOrigin } from '../component.ts';
import type { ConfigurationFacts, UpstreamPackage } from '../configuration-facts.ts';
import { fileFacts, imageFacts, modules, nixBase, replacement } from './image-schema.ts';
import { consoleRules, guestSession, guestShell, machine, machineChanges, outputFacts } from './machine-schema.ts';
import type { InitramfsFacts, ReferenceFacts, ReferenceKernel } from '../reference-facts.ts';
import type { DebianSource, SourceEdit, SourceFacts, StubCrate } from '../source-facts.ts';
import type {
  BootRow,
  CheckoutFacts,
  LiveFacts,
  MachinePage,
  MachineScheme,
  System,
  SystemProfile,
} from '../system.ts';

const texts = listOf(text);
const protocol = oneOf(['multiboot', 'pvh', 'linux']);
const bootMethods = ['direct-elf', 'grub-rescue-iso', 'grub-qcow2'] as const satisfies readonly BootMethod[];
const grubProtocols = ['multiboot', 'multiboot2', 'linux'] as const satisfies readonly GrubProtocol[];

const cargo = tableOf<CargoBuild>({
  packages: maybe(texts),
  bins: maybe(texts),
  features: maybe(texts),
  defaultFeatures: maybe(flag),
  triple: maybe(text),
  buildStd: maybe(texts),
  buildStdFeatures: maybe(texts),
  env: maybe(mapOf(text)),
  rustcVariable: maybe(text),
  configs: maybe(texts),
});

const upstream = tableOf<UpstreamOrigin>({
  git: text,
  branch: maybe(text),
  tag: maybe(text),
  rev: maybe(text),
  folder: maybe(text),
  patches: maybe(texts),
  revisionFile: maybe(text),
  cargo: maybe(cargo),
});

const debian = tableOf<DebianSource>({
  from: shapeOf('crate and tarball', { crate: { crate: text }, tarball: { tarball: text } }),
  series: maybe(text),
  edits: maybe(listOf(tableOf<SourceEdit>({ file: text, from: text, to: text, why: text }))),
});

const component = tableOf<Component>({
  title: text,
  bundled: maybe(text),
  upstream: maybe(upstream),
  debian: maybe(debian),
  cargo,
  cargoProfile: maybe(text),
  payload: maybe(
    tableOf<PayloadFacts>({ made: text, encoding: oneOf(['raw', 'gzip', 'zlib']), variable: text }),
  ),
});

const profile = tableOf<SystemProfile>({
  title: text,
  cargoProfile: text,
  base: maybe(oneOf(['nix'])),
  components: maybe(texts),
  image: maybe(imageFacts),
  kernel: maybe(
    shapeOf(
      'from and made',
      { from: { from: text }, made: { made: text, protocol, stripped: maybe(flag) } },
      { commandLine: text },
    ),
  ),
  machine: maybe(machineChanges),
  console: maybe(consoleRules),
  session: maybe(guestSession),
  referenceSession: maybe(guestSession),
  referenceWords: maybe(text),
  configuration: maybe(text),
});

const sources = tableOf<SourceFacts>({
  suite: text,
  crates: texts,
  tarballs: texts,
  bases: mapOf(texts),
  single: mapOf(text),
  stubs: listOf(tableOf<StubCrate>({ name: text, version: text, features: maybe(texts) })),
});

const cLibrary = tableOf<CLibrary>({
  name: text,
  title: text,
  bundled: maybe(text),
  upstream: maybe(upstream),
  make: tableOf<MakeBuild>({ arguments: texts, programs: texts }),
  triple: text,
  cargoConfig: text,
  supplement: maybe(text),
  buildStd: texts,
});

const configurations = tableOf<ConfigurationFacts>({
  folder: text,
  rootPartition: text,
  bootPartition: text,
  architecture: text,
  packages: mapOf(tableOf<UpstreamPackage>({ title: text, upstream, install: maybe(fileFacts) })),
  upstreamFiles: maybe(fileFacts),
});

const reference = tableOf<ReferenceFacts>({
  sources,
  kernels: mapOf(
    tableOf<ReferenceKernel>({
      title: text,
      packaged: text,
      words: text,
      cpus: maybe(count),
      initramfs: maybe(tableOf<InitramfsFacts>({ files: fileFacts, modules })),
      console: consoleRules,
    }),
  ),
  output: outputFacts,
});

const checkout = tableOf<CheckoutFacts>({
  source: text,
  program: text,
  components: mapOf(texts),
  commandLine: text,
  setup: tableOf<CheckoutFacts['setup']>({ component: text, folder: text, cargo }),
  methods: listOf(
    tableOf<BootRow>({
      method: oneOf(bootMethods),
      protocol: maybe(oneOf(grubProtocols)),
      feature: maybe(text),
      profile: text,
    }),
  ),
  grubMenu: tableOf<CheckoutFacts['grubMenu']>({ hidden: text, shown: text }),
});

const machineFields = {
  name: text,
  title: text,
  console: consoleRules,
  schemes: maybe(mapOf(tableOf<MachineScheme>({ title: text, machine: machineChanges }))),
  reference: maybe(reference),
  shell: maybe(guestShell),
};

/** The page of a machine that is not built here. */
export const machinePage = tableOf<MachinePage>({ ...machineFields, machine: maybe(machine) });

/** The page of a system that is built here. */
export const systemPage = tableOf<System>({
  ...machineFields,
  machine,
  components: mapOf(component),
  cLibrary: maybe(cLibrary),
  profiles: mapOf(profile),
  defaultProfile: maybe(text),
  image: maybe(imageFacts),
  sources: maybe(sources),
  sourceOwner: maybe(
    tableOf<NonNullable<System['sourceOwner']>>({ name: text, components: mapOf(component) }),
  ),
  replacements: maybe(mapOf(replacement)),
  configurations: maybe(configurations),
  nixBase: maybe(nixBase),
  checkout: maybe(checkout),
  live: maybe(tableOf<LiveFacts>({ component: text, features: texts })),
});
