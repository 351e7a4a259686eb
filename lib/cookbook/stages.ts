// Stages: what recipes installed, and what several of them come to in one tree. Two recipes that install the same path are refused with both names.
import { posix } from 'node:path';
import type { Artifact } from '../build/action.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import type { OptionalPackage } from './recipe.ts';

/** What a package installs. Paths are relative to the root of the file system. */
export interface Stage {
  readonly name: string;
  readonly artifacts: readonly Artifact[];
}

/** Everything that several stages install: path -> artifact, and whose it is. Folders may be shared. */
export function merged(stages: readonly Stage[], what: string): ReadonlyMap<string, { readonly artifact: Artifact; readonly by: string }> {
  const all = new Map<string, { readonly artifact: Artifact; readonly by: string }>();
  for (const { name, artifacts } of stages) {
    for (const artifact of artifacts) {
      const other = all.get(artifact.path);
      if (other && !(other.artifact.kind === 'folder' && artifact.kind === 'folder')) throw conflict(what, artifact.path, other.by, name);
      all.set(artifact.path, { artifact, by: name });
    }
  }
  for (const [path, { by }] of all) {
    for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) {
      const other = all.get(above);
      if (other && other.artifact.kind !== 'folder') throw conflict(what, above, other.by, by);
    }
  }
  return all;
}

function conflict(what: string, path: string, one: string, other: string): Error {
  const both =
    one === other
      ? `the package ${one} installs "/${path}" as a file and as a folder`
      : `the packages ${one} and ${other} both install "/${path}"`;
  return cannot(what, both, { hint: 'leave one of them out, or change its recipe' });
}

/** The part of a recipe's stage that is a package: the recipe's own, or one of its optional packages. */
export function packageStage(stage: Stage, packageName: string, optional: readonly OptionalPackage[]): Stage {
  const matchers = optional.map(({ name, files }) => ({ name: `${stage.name}.${name}`, patterns: files.map(patternOf) }));
  const owner = (path: string): string =>
    matchers.find(({ patterns }) => patterns.some((pattern) => pattern.test(path)))?.name ?? stage.name;
  return { name: packageName, artifacts: stage.artifacts.filter(({ path }) => owner(path) === packageName) };
}

/** "*" is anything but a slash, "**" anything; a pattern of a folder has what is in it. */
function patternOf(glob: string): RegExp {
  const parts = glob
    .replace(/^\/+/, '')
    .split(/(\*\*|\*|\?)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : part.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')));
  return new RegExp(`^${parts.join('')}(?:/.*)?$`);
}

/** What the manifest says of a package. */
export interface PackageRecord {
  readonly bytes: number;
  readonly files: number;
  /** Of everything that it installs. */
  readonly digest: Digest;
}

export function packageRecords(stages: readonly Stage[]): Readonly<Record<string, PackageRecord>> {
  return Object.fromEntries(
    stages.map((stage) => {
      const files = stage.artifacts.filter((one) => one.kind === 'file');
      const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return [stage.name, { bytes, files: files.length, digest: digestRecord(stageRecord(stage)) }];
    }),
  );
}

/** What stages are made of, for a question about an image. */
export function stageRecord({ name, artifacts }: Stage): Json {
  return [name, artifacts.map((one) => ({ ...one }))];
}
