// What apt-get prints about packages, and the script that starts a program by a dynamic linker of its own. Only computes.
import { cannot } from '../core/errors.ts';

/** A package that apt would download. */
export interface PackageFile {
  /** "libllvm22". */
  readonly name: string;
  /** "1:22.1.8-3". */
  readonly version: string;
  readonly sizeBytes: number;
}

/** What `apt-get install --print-uris` prints: one line `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH` for each package. */
export function packageFiles(printed: string): readonly PackageFile[] {
  return [...printed.matchAll(/^'[^']+' ([^_\s]+)_([^_\s]+)_\w+\.deb (\d+)/gm)].map(([, name = '', version = '', size]) => ({
    name,
    version: decodeURIComponent(version),
    sizeBytes: Number(size),
  }));
}

/** The version of one of them, without Debian's own part: "1.97.1" of "1.97.1+dfsg1-1". */
export function versionOf(files: readonly PackageFile[], name: string): string {
  const version = files.find((file) => file.name === name)?.version;
  if (version === undefined) throw cannot(`take Debian's package ${name}`, 'apt-get does not name it', { blame: 'host' });
  return /^[\d.]+/.exec(version)?.[0] ?? version;
}

/** The package of the linker that belongs to the LLVM among them: "lld-22" of "libllvm22". Undefined where rustc brings its own LLVM. */
export function linkersPackage(files: readonly PackageFile[]): string | undefined {
  const number = files.map(({ name }) => /^libllvm(\d+)$/.exec(name)?.[1]).find((found) => found !== undefined);
  return number === undefined ? undefined : `lld-${number}`;
}

/** The newest version among names of packages like "rustc-1.97", one a line: "1.97". */
export function newestVersioned(names: string): string | undefined {
  const minors = [...names.matchAll(/^rustc-1\.(\d+)$/gm)].map(([, minor]) => Number(minor));
  return minors.length === 0 ? undefined : `1.${Math.max(...minors)}`;
}

/** A stanza of dpkg's status file that says that a package is installed, in a version that fits every dependency. */
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
 * A script that starts `program` by a dynamic linker and with libraries of its own, wherever the whole is moved. `up`: from the script's folder to the
 * root. `own`: from there to the folder with the program, the linker `loader` and the libraries. Links to the script may be anywhere. For what needs no
 * more of its environment than a shell passes on; compilers do (launcher.ts).
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
