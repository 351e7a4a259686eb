// The input and the result of assembling the image of a profile.
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { present } from '../core/errors.ts';
import type { AssembledImage } from '../image/image.ts';
import type { ClosureRecord } from '../rootfs/closure-record.ts';
import type { FetchedSources } from '../sources/fetched-sources.ts';
import type { ImageFacts } from '../system/image-facts.ts';
import type { InstalledPackages } from './recipes/recipe-packages.ts';
import type { Replaced } from '../rootfs/replacement.ts';
import type { RootRequest } from '../rootfs/root-tree.ts';
import type { SourceLock } from '../sources/source-lock.ts';
import type { System } from '../system/system.ts';

export interface ImageRequest {
  readonly system: System;
  readonly profile: string;
  readonly outDir: string;
  readonly fetched: FetchedSources | undefined;
  /** The packages from which single files are taken. */
  readonly lock: SourceLock | undefined;
  /** False with --no-sandbox. */
  readonly sandbox: boolean;
  readonly cache: Cache;
  /** Folders of components' sources. */
  readonly folders: ReadonlyMap<string, string>;
  /** Packages of recipes. */
  readonly installed?: InstalledPackages | undefined;
  /** Password of the encrypted RedoxFS. Absent: it is not encrypted. */
  readonly password?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface SystemImage {
  readonly image: AssembledImage;
  /** The file next to the image with a kernel that the machine starts directly. */
  readonly kernel?: string;
  /** Replaced programs of a root file system from packages. */
  readonly replaced?: readonly Replaced[];
  readonly closure?: ClosureRecord;
}

/** Returns the path for a row that names a file of a component's source ("base:init.d"). */
export function sourceAt(row: string, folders: ReadonlyMap<string, string>): string | undefined {
  const at = row.indexOf(':');
  const folder = folders.get(row.slice(0, at));
  return folder === undefined ? undefined : join(folder, row.slice(at + 1));
}

/** Returns the request for a root file system from packages. */
export function rootRequest(
  { system, sandbox, cache, env }: ImageRequest,
  facts: ImageFacts,
  { lock }: FetchedSources,
  name: string,
): Omit<RootRequest, 'root' | 'single'> & { readonly name: string } {
  const { suite } = present(system.sources, `the sources of ${system.name}`);
  const { timestampSec } = facts;
  return { name, suite, lock, timestampSec, cacheDir: cache.root, env, sandbox, replacements: system.replacements ?? {} };
}
