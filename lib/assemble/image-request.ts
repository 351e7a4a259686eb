// What is wanted of the image of a system's profile, and what comes of it.
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
  /** What has the packages that are taken alone. */
  readonly lock: SourceLock | undefined;
  /** False: --no-sandbox. */
  readonly sandbox: boolean;
  readonly cache: Cache;
  /** Folders of components' sources. */
  readonly folders: ReadonlyMap<string, string>;
  /** Packages of recipes. */
  readonly installed?: InstalledPackages | undefined;
  /** The RedoxFS is encrypted, and this password opens it. */
  readonly password?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface SystemImage {
  readonly image: AssembledImage;
  /** A kernel that the machine starts directly, beside the image. */
  readonly kernel?: string;
  /** Of a root of packages. */
  readonly replaced?: readonly Replaced[];
  readonly closure?: ClosureRecord;
}

/** Where a row that names a file of a component's source ("base:init.d") leads to. */
export function sourceAt(row: string, folders: ReadonlyMap<string, string>): string | undefined {
  const at = row.indexOf(':');
  const folder = folders.get(row.slice(0, at));
  return folder === undefined ? undefined : join(folder, row.slice(at + 1));
}

/** What a root of packages is made from. */
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
