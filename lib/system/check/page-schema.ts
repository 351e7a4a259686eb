// The schema of a page: every field of a system, with its type. check-page.ts checks the names in it.
import * as v from 'valibot';
import { absolutePath, count, flag, listOf, mapOf, maybe, oneOf, shapeOf, tableOf, text, kindOf, yes } from '../../core/schema.ts';
import type {
  CLibrary,
  MakeBuild,
  CargoBuild,
  Component,
  PayloadFacts,
  UpstreamOrigin,
  DebianSource,
  SourceEdit,
  SourceFacts,
  StubCrate,
} from '../component.ts';
import type {
  ConfigurationFacts,
  UpstreamPackage,
  BootRow,
  CheckoutFacts,
  LiveFacts,
  MachinePage,
  MachineScheme,
  System,
  SystemProfile,
  InitramfsFacts,
  ReferenceFacts,
  ReferenceKernel,
} from '../system.ts';
import { consoleRules, guestSession, guestShell, machine, machineChanges, outputFacts, guestChecks, serviceSet } from './machine-schema.ts';
import type {
  GrubFacts,
  ImageFacts,
  InitfsFacts,
  ModuleFacts,
  PartitionFacts,
  RootFacts,
  Multicall,
  Replacement,
  NixBase,
  NixImageFacts,
  NixProfile,
} from '../image-facts.ts';

const texts = listOf(text);
const protocol = oneOf(['multiboot', 'pvh', 'linux']);
const bootMethods = ['direct-elf', 'grub-rescue-iso', 'grub-qcow2'] satisfies BootRow['method'][];
const grubProtocols = ['multiboot', 'multiboot2', 'linux'] satisfies BootRow['protocol'][];

const modules = tableOf<ModuleFacts>({ from: text, names: texts });

/** Archives and file systems contain files too, so the schema refers to itself. */
const fileFacts: v.GenericSchema = mapOf(v.lazy(() => fileFact));

const fileFact = shapeOf(
  'the fields that say where a file comes from',
  {
    made: { made: text },
    bzImage: { bzImage: text },
    text: { text },
    append: { append: text },
    link: { link: text },
    folder: { folder: yes },
    packaged: { packaged: text },
    source: { source: text },
    file: { file: absolutePath },
    initramfs: {
      initramfs: tableOf<{ gzip: boolean; files: unknown; modules?: ModuleFacts }>({
        gzip: flag,
        files: fileFacts,
        modules: maybe(modules),
      }),
    },
    fat: {
      fat: tableOf<{ sizeBytes: number; label: string; files: unknown }>({
        sizeBytes: count,
        label: text,
        files: fileFacts,
      }),
    },
    grub: { grub: tableOf<GrubFacts>({ modules: texts, optionalModules: maybe(texts), config: text }) },
    initfs: {
      initfs: tableOf<InitfsFacts>({
        generation: oneOf(['older', 'newer']),
        bootstrap: text,
        files: fileFacts,
      }),
    },
  },
  { mode: maybe(count), uid: maybe(count), gid: maybe(count), xattrs: maybe(mapOf(text)), capabilities: maybe(texts) },
);

const root = tableOf<RootFacts>({
  base: text,
  replacements: texts,
  services: maybe(
    tableOf<NonNullable<RootFacts['services']>>({
      init: oneOf(['systemd', 'sysvinit', 'table']),
      set: serviceSet,
    }),
  ),
  modules: maybe(modules),
  keeps: maybe(texts),
});

const partition = tableOf<PartitionFacts>({
  name: text,
  typeGuid: text,
  sizeBytes: maybe(count),
  fileSystem: kindOf('kind', {
    fat: { label: text },
    ext4: { label: text, ext2: maybe(yes) },
    redoxfs: { compress: maybe(flag) },
    cpio: { gzip: maybe(flag), file: maybe(text) },
    iso: { label: text, efiImage: text },
  }),
  root: maybe(root),
  files: fileFacts,
});

const imageFacts = tableOf<ImageFacts>({
  sizeBytes: count,
  table: maybe(oneOf(['none'])),
  timestampSec: count,
  partitions: listOf(partition),
});

const multicall = tableOf<Multicall>({ program: text, at: text, links: mapOf(text) });

const replacement = tableOf<Replacement>({
  original: texts,
  provides: fileFacts,
  stays: maybe(texts),
  dispensable: maybe(texts),
  multicall: maybe(multicall),
  checks: guestChecks,
});

const nixBase = tableOf<NixBase>({
  expression: text,
  profiles: mapOf(
    tableOf<NixProfile>({
      attribute: text,
      protocol: maybe(oneOf(['multiboot', 'pvh', 'linux'])),
      components: texts,
      packages: mapOf(fileFacts),
    }),
  ),
  image: tableOf<NixImageFacts>({
    label: text,
    ext2: maybe(yes),
    timestampSec: count,
    spareBytes: count,
    files: fileFacts,
    link: text,
  }),
});

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
  payload: maybe(tableOf<PayloadFacts>({ made: text, encoding: oneOf(['raw', 'gzip', 'zlib']), variable: text })),
});

const profile = tableOf<SystemProfile>({
  title: text,
  cargoProfile: text,
  base: maybe(oneOf(['nix'])),
  components: maybe(texts),
  image: maybe(imageFacts),
  kernel: maybe(
    shapeOf('from and made', { from: { from: text }, made: { made: text, protocol, stripped: maybe(flag) } }, { commandLine: text }),
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
  sourceOwner: maybe(tableOf<NonNullable<System['sourceOwner']>>({ name: text, components: mapOf(component) })),
  replacements: maybe(mapOf(replacement)),
  configurations: maybe(configurations),
  nixBase: maybe(nixBase),
  checkout: maybe(checkout),
  live: maybe(tableOf<LiveFacts>({ component: text, features: texts })),
});
