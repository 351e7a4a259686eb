// A system whose root file system is a closure that Nix builds instead of Debian packages. The system's part
// of it is data of its page: an expression, the attribute for each profile, and the packages of component
// outputs that the expression receives. The image is assembled here.
import { copyFile, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { closureInfos, storeClosure } from '../../nix/store/store.ts';
import { isClosureNode } from '../../closure/graph.ts';
import type { ClosureNode } from '../../closure/graph.ts';
import { storeFolder } from '../../nix/store/store-folder.ts';
import { isStoreName, storeNameIn } from '../../nix/store/store-path.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import { digestBytes } from '../../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { remembered } from '../../core/remembered.ts';
import { isListOf, isTable, isText } from '../../core/stored-values.ts';
import { directory, fileTree, symlink } from '../../image/file-tree.ts';
import type { FileTree } from '../../image/file-tree.ts';
import { assemble } from '../../image/image.ts';
import type { AssembledImage } from '../../image/image.ts';
import { isAssembledImage } from '../../image/assembled-image.ts';
import { startable } from '../../image/boot/boot-header.ts';
import { entriesOf } from '../image-layout.ts';
import { makerModules } from '../maker-modules.ts';
import type { NixBase, NixImageFacts, NixProfile } from '../../system/image-facts.ts';
import type { NixHost } from './nix-host.ts';
import { imageBytes, storeEntries, writePackage } from './store-files.ts';

export interface NixImage {
  readonly image: AssembledImage;
  /** A kernel file next to the image, for a machine that starts the kernel directly. */
  readonly kernel: string;
  readonly initrd?: string;
  readonly commandLine: string;
  readonly closure: { readonly root: string; readonly nodes: readonly ClosureNode[] };
}

export interface NixRequest {
  readonly base: NixBase;
  readonly profile: NixProfile;
  readonly nix: NixHost;
  /** The folder of the page. */
  readonly root: string;
  /** The folder for files next to the image. */
  readonly folder: string;
  readonly imagePath: string;
  readonly cache: Cache;
  /** component/output -> path. */
  readonly made: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Passes the packages to Nix, builds the system, and creates the image of its closure. A refusal of Nix is a
 * Failure with Nix's message.
 */
export async function nixImage(request: NixRequest, context: Context): Promise<NixImage> {
  const { base, nix, root, folder, imagePath, cache } = request;
  const packages = await phase('adding packages to the store', context.report, () => addPackages(request, context));
  const expression = join(root, base.expression);
  const link = join(folder, 'result');
  const built = await phase('building with Nix', context.report, () =>
    nix.build(expression, request.profile.attribute, packages, link, context),
  );
  const storeDir = dirname(built);
  const name = storeNameIn(built, storeDir);
  const assembler = await makerModules(cache, join(import.meta.dirname, 'nix-base.ts'));
  const question = { imagePath, built, facts: digestBytes(JSON.stringify(base.image)), assembler };
  return await remembered<NixImage>(
    cache.root,
    'nix-image',
    question,
    async () => {
      const value = await imageOfClosure(request, storeDir, name, context);
      return { value, witnesses: [imagePath, value.kernel, ...(value.initrd === undefined ? [] : [value.initrd])] };
    },
    isNixImage,
  );
}

function isNixImage(value: unknown): value is NixImage {
  if (!isTable(value) || !isTable(value['closure'])) return false;
  const { image, kernel, initrd = '', commandLine, closure } = value;
  return (
    isAssembledImage(image) && [kernel, initrd, commandLine, closure['root']].every(isText) && isListOf(closure['nodes'], isClosureNode)
  );
}

/** Returns store paths by name. */
async function addPackages({ profile, made, folder, nix }: NixRequest, context: Context): Promise<Readonly<Record<string, string>>> {
  const paths: Record<string, string> = {};
  for (const [name, files] of Object.entries(profile.packages)) {
    const staging = join(folder, 'packages', name);
    try {
      await writePackage(fileTree(await entriesOf(files, { made: (output) => made.get(output) }, 0)), staging);
      paths[name] = await nix.add(staging, context);
    } catch (error) {
      throw cannotBecause(`write "${staging}"`, error);
    } finally {
      await rm(join(folder, 'packages'), { recursive: true, force: true });
    }
  }
  return paths;
}

async function imageOfClosure(request: NixRequest, storeDir: string, name: StoreName, context: Context): Promise<NixImage> {
  const { base, profile, folder, imagePath, env } = request;
  const { label, ext2, timestampSec, spareBytes } = base.image;
  const toplevel = join(storeDir, name);
  const { protocol } = profile;
  const kernel = await besideImage(
    join(toplevel, 'kernel'),
    join(folder, 'boot/kernel'),
    protocol && ((bytes) => startable(bytes, protocol)),
  );
  if (kernel === undefined) throw cannot(`boot "${toplevel}"`, 'the system that Nix built has no kernel');
  const initrd = await besideImage(join(toplevel, 'initrd'), join(folder, 'boot/initrd'));
  const words = (await absentAsUndefined(readFile(join(toplevel, 'kernel-params'), 'utf8')))?.trim() ?? '';
  // The kernel and stage 1 use the last init=.
  const commandLine = `${words} init=${toplevel}/init`.trim();
  const closure = storeClosure(name, await closureInfos(storeFolder(storeDir), [name], context));
  const tree = await treeOf(base.image, storeDir, name, [...closure.nodes.keys()].filter(isStoreName), context);
  const contents = { kind: 'ext4' as const, label, tree, ...(ext2 && { ext2 }) };
  const partition = { name: 'root', typeGuid: linuxRoot, startLba: 'next' as const, sizeBytes: 'rest' as const, contents };
  const layout = { sizeBytes: imageBytes(tree, spareBytes), table: 'none' as const, timestampSec, partitions: [partition] };
  const image = await phase('assembling the image', context.report, () => assemble(layout, imagePath, { path: pathOf(env) }, context));
  const nodes = [...closure.nodes.values()];
  return { image, kernel, ...(initrd !== undefined && { initrd }), commandLine, closure: { root: closure.root, nodes } };
}

/** A partition type of the Discoverable Partitions Specification. It has no effect without a partition table. */
const linuxRoot = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709';
/** The store's folder as Nix creates it, with the group of its builders. */
const storeFolderEntry = directory(0o1775, { uid: 0, gid: 30_000 });

async function treeOf(
  { files, link, timestampSec }: NixImageFacts,
  storeDir: string,
  name: StoreName,
  names: readonly StoreName[],
  { signal }: Context,
): Promise<FileTree> {
  const at = relative('/', storeDir);
  const own = await entriesOf(files, { made: () => undefined }, timestampSec);
  return fileTree([...own, [link, symlink(join(storeDir, name))], [at, storeFolderEntry], ...storeEntries(storeDir, names, signal)]);
}

/**
 * Copies a file of the system, which may be a link into the store, to `to`. Returns undefined if the file
 * does not exist.
 */
async function besideImage(from: string, to: string, change?: (bytes: Buffer) => Buffer): Promise<string | undefined> {
  const source = await absentAsUndefined(realpath(from));
  if (source === undefined) return undefined;
  try {
    await mkdir(dirname(to), { recursive: true });
    if (change) await writeFile(`${to}.partial`, change(await readFile(source)));
    else await copyFile(source, `${to}.partial`);
    await rename(`${to}.partial`, to);
    return to;
  } catch (error) {
    throw cannotBecause(`write "${to}"`, error);
  }
}
