// Determines which programs of a host are needed to build and boot a system's default profile from its
// bundled sources, by the facts of its page. Only computes.
import type { NeedName } from '../host/needs.ts';
import { defaultProfile, imageOf, profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';
import type { FileFacts, ImageFacts } from '../system/image-facts.ts';

/** Returns names of rows of the table of needs, without duplicates. */
export function systemNeeds(system: System): readonly NeedName[] {
  const name = defaultProfile(system);
  const { components: chosen } = profileOf(system, name);
  const components = Object.entries(system.components).filter(([component]) => chosen === undefined || chosen.includes(component));
  const compilesStd = components.some(([, { cargo }]) => (cargo?.buildStd ?? []).length > 0);
  return [
    ...new Set<NeedName>([
      ...(components.length > 0 ? (['crates'] as const) : []),
      ...(compilesStd ? (['build-std'] as const) : []),
      ...imageNeeds(imageOf(system, name)),
      'boot',
    ]),
  ];
}

function imageNeeds({ table, partitions }: ImageFacts): readonly NeedName[] {
  const kinds = new Set(partitions.map(({ fileSystem }) => fileSystem.kind));
  return [
    ...(table !== 'none' || kinds.has('fat') ? (['disk'] as const) : []),
    ...(kinds.has('ext4') ? (['ext4'] as const) : []),
    ...(kinds.has('iso') ? (['iso'] as const) : []),
    ...(partitions.some(({ files }) => hasGrub(files)) ? (['grub'] as const) : []),
    ...(partitions.some(({ root }) => root) ? (['debian'] as const) : []),
  ];
}

function hasGrub(files: FileFacts): boolean {
  return Object.values(files).some((fact) => 'grub' in fact || ('fat' in fact && hasGrub(fact.fat.files)));
}
