// The outputs of components that files of an image name, also those in archives and file systems.
import type { FileFacts } from '../image-facts.ts';

export interface NamedOutput {
  readonly made: string;
  readonly path: readonly string[];
}

export function namesInFiles(files: FileFacts): readonly NamedOutput[] {
  return Object.entries(files).flatMap(([name, fact]) => {
    if ('made' in fact) return [{ made: fact.made, path: [name, 'made'] }];
    if ('bzImage' in fact) return [{ made: fact.bzImage, path: [name, 'bzImage'] }];
    if ('initramfs' in fact) return below([name, 'initramfs', 'files'], fact.initramfs.files);
    if ('fat' in fact) return below([name, 'fat', 'files'], fact.fat.files);
    if (!('initfs' in fact)) return [];
    const { bootstrap, files: inside } = fact.initfs;
    return [
      { made: bootstrap, path: [name, 'initfs', 'bootstrap'] },
      ...below([name, 'initfs', 'files'], inside),
    ];
  });
}

function below(path: readonly string[], files: FileFacts): readonly NamedOutput[] {
  return namesInFiles(files).map(({ made, path: inside }) => ({ made, path: [...path, ...inside] }));
}
