// Functions about the rows of an image: the sources that they name, and changes of rows.
import type { FileFact, FileFacts, ImageFacts, PartitionFacts } from './image-facts.ts';

/** Returns the rows of an image that name files of components' sources: "base:init.d". */
export function sourceRows(facts: ImageFacts): readonly string[] {
  return allRows(facts).flatMap((fact) => ('source' in fact ? [fact.source] : []));
}

/** Returns the absolute paths of files of the host that an image contains unchanged. */
export function hostFiles(facts: ImageFacts): readonly string[] {
  const whole = facts.partitions.flatMap(({ fileSystem }) =>
    fileSystem.kind === 'cpio' && fileSystem.file !== undefined ? [fileSystem.file] : [],
  );
  return [...whole, ...allRows(facts).flatMap((fact) => ('file' in fact ? [fact.file] : []))];
}

/**
 * Returns the image with a file of the host as the initramfs of the system's own kernel. The initramfs with
 * modules of another kernel is not changed.
 */
export function withInitramfs(facts: ImageFacts, path: string): ImageFacts {
  const image = withFiles(facts, (fact) => ('initramfs' in fact && !fact.initramfs.modules ? { file: path } : fact));
  const partitions = image.partitions.map((partition): PartitionFacts => {
    const { fileSystem } = partition;
    return fileSystem.kind === 'cpio' ? { ...partition, fileSystem: { ...fileSystem, file: path }, files: {} } : partition;
  });
  return { ...image, partitions };
}

/** Returns the image with a word replaced in the texts of its files. */
export function withWords(facts: ImageFacts, from: string, to: string): ImageFacts {
  return withFiles(facts, (fact) => ('text' in fact ? { ...fact, text: fact.text.replaceAll(from, () => to) } : fact));
}

/** Returns the image with each row changed, including those of archives and file systems in it. */
function withFiles(facts: ImageFacts, change: (fact: FileFact) => FileFact): ImageFacts {
  const changed = (files: FileFacts): FileFacts =>
    Object.fromEntries(Object.entries(files).map(([name, fact]) => [name, inner(change(fact))] as const));
  const inner = (fact: FileFact): FileFact => {
    if ('initramfs' in fact) return { ...fact, initramfs: { ...fact.initramfs, files: changed(fact.initramfs.files) } };
    if ('fat' in fact) return { ...fact, fat: { ...fact.fat, files: changed(fact.fat.files) } };
    if ('initfs' in fact) return { ...fact, initfs: { ...fact.initfs, files: changed(fact.initfs.files) } };
    return fact;
  };
  return { ...facts, partitions: facts.partitions.map((partition) => ({ ...partition, files: changed(partition.files) })) };
}

/** Whether a file of the image is a single file of a package. */
export function hasPackagedFiles(facts: ImageFacts): boolean {
  const packaged = (fact: FileFact): boolean => 'packaged' in fact || ('initramfs' in fact && fact.initramfs.modules !== undefined);
  return facts.partitions.some(({ root }) => root?.modules) || allRows(facts).some(packaged);
}

/** Returns every row, including those of archives and file systems in the image. */
function allRows({ partitions }: ImageFacts): readonly FileFact[] {
  const of = (files: FileFacts): readonly FileFact[] =>
    Object.values(files).flatMap((fact) => {
      const inner = 'initfs' in fact ? fact.initfs : 'initramfs' in fact ? fact.initramfs : 'fat' in fact ? fact.fat : undefined;
      return [fact, ...(inner ? of(inner.files) : [])];
    });
  return partitions.flatMap(({ files }) => of(files));
}
