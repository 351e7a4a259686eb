// What a page may say of an image and of its files.
import {
  count,
  flag,
  kindOf,
  listOf,
  mapOf,
  maybe,
  oneOf,
  shapeOf,
  tableOf,
  text,
  yes,
} from '../../core/schema.ts';
import type {
  GrubFacts,
  ImageFacts,
  InitfsFacts,
  ModuleFacts,
  PartitionFacts,
  RootFacts,
} from '../image-facts.ts';
import { guestChecks } from './machine-schema.ts';
import type { NixBase, NixImageFacts, NixProfile } from '../nix-facts.ts';
import type { Multicall, Replacement } from '../replacement-facts.ts';
import { serviceSet } from './service-schema.ts';
import * as v from 'valibot';

const texts = listOf(text);
export const modules = tableOf<ModuleFacts>({ from: text, names: texts });

/** Archives and file systems are files too, so the schema refers to itself. */
export const fileFacts: v.GenericSchema = mapOf(v.lazy(() => fileFact));

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
    file: { file: text },
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
  { mode: maybe(count), uid: maybe(count), gid: maybe(count) },
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

export const imageFacts = tableOf<ImageFacts>({
  sizeBytes: count,
  table: maybe(oneOf(['none'])),
  timestampSec: count,
  partitions: listOf(partition),
});

const multicall = tableOf<Multicall>({ program: text, at: text, links: mapOf(text) });

export const replacement = tableOf<Replacement>({
  original: texts,
  provides: fileFacts,
  stays: maybe(texts),
  dispensable: maybe(texts),
  multicall: maybe(multicall),
  checks: guestChecks,
});

export const nixBase = tableOf<NixBase>({
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
