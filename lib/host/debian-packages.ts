// Parses what apt-get prints about packages, and writes the script that starts a program with its own dynamic
// linker. Only computes.
import { cannot } from '../core/errors.ts';

/** A package that apt would download. */
export interface PackageFile {
  /** For example "libllvm22". */
  readonly name: string;
  /** For example "1:22.1.8-3". */
  readonly version: string;
  readonly sizeBytes: number;
}

/**
 * Parses the output of `apt-get install --print-uris`: one line `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE
 * HASH` for each package.
 */
export function packageFiles(printed: string): readonly PackageFile[] {
  return [...printed.matchAll(/^'[^']+' ([^_\s]+)_([^_\s]+)_\w+\.deb (\d+)/gm)].map(([, name = '', version = '', size]) => ({
    name,
    version: decodeURIComponent(version),
    sizeBytes: Number(size),
  }));
}

/** Returns the version of one of the packages without Debian's revision: "1.97.1" for "1.97.1+dfsg1-1". */
export function versionOf(files: readonly PackageFile[], name: string): string {
  const version = files.find((file) => file.name === name)?.version;
  if (version === undefined) throw cannot(`take Debian's package ${name}`, 'apt-get does not name it', { blame: 'host' });
  return /^[\d.]+/.exec(version)?.[0] ?? version;
}

/**
 * Returns the package of the linker that belongs to the LLVM in the list: "lld-22" for "libllvm22". Undefined
 * if rustc contains its own LLVM.
 */
export function linkersPackage(files: readonly PackageFile[]): string | undefined {
  const number = files.map(({ name }) => /^libllvm(\d+)$/.exec(name)?.[1]).find((found) => found !== undefined);
  return number === undefined ? undefined : `lld-${number}`;
}

/** Returns the newest version among names of packages, one per line: "1.97" for "rustc-1.97". */
export function newestVersioned(names: string): string | undefined {
  const minors = [...names.matchAll(/^rustc-1\.(\d+)$/gm)].map(([, minor]) => Number(minor));
  return minors.length === 0 ? undefined : `1.${Math.max(...minors)}`;
}

/**
 * Returns a stanza of dpkg's status file which declares a package as installed, in a version that satisfies
 * every dependency.
 */
export function installedPackage(name: string): string {
  const fields = {
    Status: 'install ok installed',
    Maintainer: 'x',
    Architecture: 'amd64',
    Version: '999',
    Provides: 'c-compiler, libc-dev',
    Description: 'x',
  };
  return `Package: ${name}\n${Object.entries(fields)
    .map(([field, value]) => `${field}: ${value}\n`)
    .join('')}`;
}

/**
 * Returns a script that starts `program` with its own dynamic linker and libraries. The whole folder may be
 * moved, and links to the script may be anywhere. `up` is the path from the script's folder to the root.
 * `own` is the path from there to the folder with the program, the linker `loader` and the libraries. A shell
 * changes some variables of the environment. Compilers need them unchanged and use launcher.ts.
 */
export function programScript(program: string, up: string, own: string, loader: string): string {
  return `#!/bin/sh
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
root=\${self%/*}/${up}
own=$root/${own}
exec "$own/${loader}" --argv0 "$self" --library-path "$own:$root/lib" "$own/${program}" "$@"
`;
}
