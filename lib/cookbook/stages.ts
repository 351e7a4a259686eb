// A stage is the set of files that a recipe installs. Merges several stages to one tree; two stages that install the same path are a Failure with both
// names.
import { posix } from 'node:path';
import type { Artifact } from '../actions/action.ts';
import { digestRecord } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import type { OptionalPackage } from './recipe.ts';

/** The files of a package. Paths are relative to the root of the file system. */
export interface Stage {
  readonly name: string;
  readonly artifacts: readonly Artifact[];
}

/** Returns all artifacts of several stages by path, with the name of the stage. Stages may share folders. */
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

/** Returns the part of a recipe's stage that belongs to a package: the recipe's own, or one of its optional packages. */
export function packageStage(stage: Stage, packageName: string, optional: readonly OptionalPackage[]): Stage {
  const matchers = optional.map(({ name, files }) => ({ name: `${stage.name}.${name}`, patterns: files.map(patternOf) }));
  const owner = (path: string): string =>
    matchers.find(({ patterns }) => patterns.some((pattern) => pattern.test(path)))?.name ?? stage.name;
  return { name: packageName, artifacts: stage.artifacts.filter(({ path }) => owner(path) === packageName) };
}

/** Converts a pattern: "*" matches anything except a slash, "**" matches anything. A pattern that matches a folder matches its content. */
function patternOf(glob: string): RegExp {
  const parts = glob
    .replace(/^\/+/, '')
    .split(/(\*\*|\*|\?)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : part.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')));
  return new RegExp(`^${parts.join('')}(?:/.*)?$`);
}

/** A package in the manifest. */
export interface PackageRecord {
  readonly bytes: number;
  readonly files: number;
  /** Digest over all paths and contents. */
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

/** Returns a stage as JSON, for digests. */
export function stageRecord({ name, artifacts }: Stage): Json {
  return [name, artifacts.map((one) => ({ ...one }))];
}
