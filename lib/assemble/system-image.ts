// The image of a system's profile. It is assembled once for each state of the facts of its page, of the
// outputs of its components and of its packages. An unchanged image of the same inputs is kept, and then the
// modules that assemble images are not loaded.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stageRecord } from '../cookbook/stages.ts';
import { digestBytes, digestRecord } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { absentAsUndefined } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
import type { Witnessed } from '../core/remembered.ts';
import { isListOf, isTable, isText, isTexts } from '../core/stored-values.ts';
import type { Compiled } from '../crates/compiled.ts';
import { isAssembledImage } from '../image/assembled-image.ts';
import { baseFolder } from '../rootfs/base-root.ts';
import { makerModules } from '../rootfs/maker-modules.ts';
import { hostFiles, sourceRows } from '../system/image-rows.ts';
import type { ImageFacts } from '../system/image-facts.ts';
import { rootRequest, sourceAt } from './image-request.ts';
import type { ImageRequest, SystemImage } from './image-request.ts';
import { commandLinePath } from '../system/find-page.ts';
import { imageOf, profileOf } from '../system/system.ts';

/** The module that assembles images. It is loaded only if there is an image to assemble. */
const maker = join(import.meta.dirname, 'assemble-system-image.ts');

/** Returns the image. `made` maps component/output to the path of the file. */
export async function systemImage(
  request: ImageRequest,
  imagePath: string,
  compiled: Compiled,
  made: ReadonlyMap<string, string>,
  context: Context,
): Promise<SystemImage> {
  const { system, profile, cache, fetched, lock, password } = request;
  const facts = imageOf(system, profile);
  const outputs = compiled.projects.flatMap(({ project, outputs: all }) =>
    [...all].map(([name, { digest }]) => [`${project.name}/${name}`, digest] as const),
  );
  const kernel = profileOf(system, profile).kernel;
  const question: Json = {
    imagePath,
    facts: digestBytes(JSON.stringify([facts, system.replacements ?? null, kernel ?? null])),
    outputs: digestRecord(Object.fromEntries(outputs)),
    bases: fetched ? basesOf(facts).map((base) => baseFolder(rootRequest(request, facts, fetched, base))) : [],
    singles: (lock?.archives ?? []).filter(({ uses }) => uses.some((use) => use.startsWith('single '))).map(({ sha256 }) => sha256),
    sources: await sourceDigests(request, facts),
    files: await Promise.all(hostFiles(facts).map(async (path) => (await cache.digests.file(path)) ?? null)),
    packages: (request.installed?.stages ?? []).map(stageRecord),
    // The password itself is never stored, and nothing that is stored depends on it.
    encrypted: password !== undefined,
    // The modules that assemble trees and file systems: another version of Bloomery may produce other images.
    maker: await makerModules(cache, maker),
  };
  const assembled = async (): Promise<Witnessed<SystemImage>> => {
    const { assembleImage } = await import('./assemble-system-image.ts');
    const value = await assembleImage(request, facts, imagePath, compiled, made, context);
    return { value, witnesses: [imagePath, ...(value.kernel === undefined ? [] : [value.kernel, commandLinePath(value.kernel)])] };
  };
  const opensWith = password === undefined ? undefined : (await import('../image/image.ts')).opensWith;
  const holds = (value: unknown): value is SystemImage =>
    isSystemImage(value) && (password === undefined || opensWith?.(imagePath, value.image, password) === true);
  return await remembered(cache.root, 'image', question, assembled, holds);
}

function isClosureNode(value: unknown): value is NonNullable<SystemImage['closure']>['nodes'][number] {
  if (!isTable(value)) return false;
  const { id, name, version, kind, bytes, references } = value;
  return (
    [id, name, version].every(isText) &&
    ['package', 'component'].some((one) => one === kind) &&
    typeof bytes === 'number' &&
    isTexts(references)
  );
}

function isReplaced(value: unknown): value is NonNullable<SystemImage['replaced']>[number] {
  return isTable(value) && isText(value['name']) && [value['original'], value['provided'], value['stayed']].every(isTexts);
}

function isSystemImage(value: unknown): value is SystemImage {
  if (!isTable(value)) return false;
  const { image, kernel = '', replaced = [], closure = { root: '', nodes: [] } } = value;
  if (!isAssembledImage(image) || !isText(kernel) || !isTable(closure)) return false;
  return isListOf(replaced, isReplaced) && isText(closure['root']) && isListOf(closure['nodes'], isClosureNode);
}

/** Returns the digests of those files of components' sources that the image contains. */
async function sourceDigests({ folders, cache }: ImageRequest, facts: ImageFacts): Promise<Json> {
  const rows = sourceRows(facts).map(async (row) => {
    const path = sourceAt(row, folders);
    const about = path === undefined ? undefined : await absentAsUndefined(stat(path));
    if (path === undefined || !about) return [row, null] as const;
    return [row, about.isDirectory() ? await cache.digests.tree(path) : ((await cache.digests.file(path)) ?? null)] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}

function basesOf(facts: ImageFacts): readonly string[] {
  return facts.partitions.flatMap(({ root }) => (root ? [root.base] : []));
}
