// The tools that compile C for a system's own triple: clang, lld and LLVM's tools under the names that scripts of recipes know
// (x86_64-unknown-redox-gcc). Scripts get them as programs in PATH, build scripts of crates as variables of the cc crate.
import { root } from '../actions/place.ts';
import type { Cache } from '../cache/cache.ts';
import { lastOf } from '../core/errors.ts';
import { places } from '../crates/unit/places.ts';
import type { Sysroot } from '../crates/project.ts';
import { hostPrograms } from './host-programs.ts';
import type { HostPrograms } from './host-programs.ts';
import type { Stage } from './stages.ts';
import { composedSysroot, folderStage } from './sysroot.ts';

/** Where the programs and functions are in the sandbox of a recipe. */
export const crossPlaces = {
  bin: `${root}/cross/bin`,
  functions: `${root}/cross/functions.sh`,
  cargo: `${root}/cross/cargo.toml`,
};

/** Programs of the host that do the work. They count by content in every action that may run them. */
export const crossPrograms = [
  'clang',
  'clang++',
  'ld.lld',
  'llvm-ar',
  'llvm-nm',
  'llvm-objcopy',
  'llvm-ranlib',
  'llvm-readelf',
  'llvm-strip',
];

const names = ['gcc', 'g++', 'cc', 'c++', 'ar', 'as', 'ld', 'nm', 'objcopy', 'ranlib', 'readelf', 'strip'];

/** The names under which one script (cross-tool.sh) is in `crossPlaces.bin`. */
export function crossNames(triple: string): readonly string[] {
  return names.map((name) => `${triple}-${name}`);
}

/** Variables of scripts. */
export function crossEnv(triple: string): Readonly<Record<string, string>> {
  const tool = (name: string): string => `${triple}-${name}`;
  return {
    ...{ TARGET: triple, GNU_TARGET: triple, CC: tool('gcc'), CXX: tool('g++'), AR: tool('ar'), LD: tool('ld'), NM: tool('nm') },
    ...{ OBJCOPY: tool('objcopy'), RANLIB: tool('ranlib'), READELF: tool('readelf'), STRIP: tool('strip') },
    // The static C library is always there.
    COOKBOOK_DYNAMIC: '',
  };
}

/** The sysroot of crates that are compiled for a triple, from the stage of its C library. `find` returns the digests of programs of the host. */
export async function crossSysroot(triple: string, library: Stage, find: HostPrograms['identities']): Promise<Sysroot> {
  const { files, layout } = composedSysroot(`compose the sysroot of ${triple}`, [library]);
  const digests = Object.fromEntries(Object.entries(files).map(([path, { digest }]) => [path, digest]));
  return { triple, files: digests, layout, env: ccCrateEnv(triple, places.sysroot), tools: await find(crossPrograms) };
}

/** Creates the same sysroot from a folder of the host that contains the C library. */
export async function folderSysroot(triple: string, folder: string, cache: Cache, signal: AbortSignal): Promise<Sysroot> {
  return await crossSysroot(triple, await folderStage('sysroot', folder, cache), hostPrograms(cache, signal).identities);
}

/** Variables of the cc crate, by which build scripts of crates compile C. `sysroot` is its place. */
function ccCrateEnv(triple: string, sysroot: string): Readonly<Record<string, string>> {
  const suffix = triple.replaceAll('-', '_');
  const flags = [
    `--target=${triple}`,
    `-D__${lastOf(triple.split('-'))}__`,
    '-U_FORTIFY_SOURCE',
    '-D_FORTIFY_SOURCE=0',
    `--sysroot=${sysroot}`,
    '-nostdlibinc',
    `-isystem ${sysroot}/usr/include`,
  ].join(' ');
  return {
    [`CC_${suffix}`]: 'clang',
    [`CXX_${suffix}`]: 'clang++',
    [`AR_${suffix}`]: 'llvm-ar',
    [`CFLAGS_${suffix}`]: flags,
    [`CXXFLAGS_${suffix}`]: flags,
  };
}
