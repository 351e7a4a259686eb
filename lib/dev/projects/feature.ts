// A feature of a project: one row of a table with the files that it adds, the text that it adds to files
// shared with other features, and the edits that test it. Texts have placeholders, whose values depend on the
// package with the feature (see Places).
import type { Content } from './content.ts';
import type { Operation, Reference } from './operation.ts';

export type Role = 'app' | 'util' | 'base' | 'macros';

/** Lines by the name of their TOML table. */
export type Tables = Readonly<Record<string, string>>;

export interface Edit {
  readonly does: string;
  readonly operations: readonly Operation[];
  readonly reference?: Reference;
  readonly idle?: boolean;
}

/** Text for one package. */
export interface PackageText {
  /** Rust items of the library or program. */
  readonly items?: string;
  /** A Rust expression of a type with Display, which the program prints. */
  readonly print?: string;
  /** Statements of the build script. They may call `read(path)`. */
  readonly script?: string;
  readonly scriptItems?: string;
  /**
   * Functions of the package with procedural macros. They may call the functions that package-draft.ts puts
   * before them.
   */
  readonly macros?: string;
  /** Text for the manifest of that package. */
  readonly macrosManifest?: Tables;
  readonly manifest?: Tables;
}

export interface Feature extends PackageText {
  readonly name: string;
  /** Packages that may have the feature. Default: app, util and base. */
  readonly roles?: readonly Role[];
  /** The name of something that only one feature of a project may have, for example a TOML key. */
  readonly once?: string;
  /** Only in projects in a git repository. */
  readonly git?: true;
  readonly files?: Readonly<Record<string, Content>>;
  /** Text for the package that depends on the one with the feature. */
  readonly user?: PackageText;
  /** Text for the manifest of the workspace. */
  readonly root?: Tables;
  readonly config?: Tables;
  readonly rustflags?: readonly string[];
  /** Initial environment variables. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Its build script runs at every build. */
  readonly always?: true;
  /** Its build script declares nothing, so that every file of the package is an input. */
  readonly silent?: true;
  readonly edits: readonly Edit[];
}

/**
 * Values of the placeholders of one feature in one package, all without slash at the end. Relative to the top: `{pkg}` the package, `{macros}` the
 * package with macros, `{root}` its workspace, `{config}` the folder with .cargo, `{beside}` a folder for files outside of packages. `{tobeside}`
 * and `{togit}`: from the package to that folder and to the repository, `{userbeside}`, `{rootbeside}` and `{macrosbeside}` to that folder from
 * the package's user, workspace and macros; `{data}`: a folder for data in the package, `{databeside}` from there to
 * `{beside}`; `{name}`: a file name; `{crate}`: the name of the package; `{arguments}`: all arguments of
 * a shell script. `@` is a letter, different for each feature of a project.
 */
export type Places = Readonly<Record<string, string>>;

export function filled(text: string, places: Places): string {
  return text.replaceAll(/\{(\w+)\}|@/g, (whole, name: string | undefined) => places[name ?? '@'] ?? whole);
}

/** Joins lines of source text. */
export function lines(...texts: readonly string[]): string {
  return texts.join('\n');
}

/** Edits that write each of these texts to a file. */
export function contents(path: string, ...texts: readonly string[]): readonly Edit[] {
  return texts.map((text) => ({ does: `write "${text.trim()}"`, operations: [{ op: 'write', path, text }] }));
}

/** Returns an edit that replaces a text of a file, and restores it the next time. */
export function swap(path: string, from: string, to: string): Edit {
  return { does: `"${from}" to "${to}"`, operations: [{ op: 'swap', path, from, to }] };
}

/** Returns edits that set a variable to each of these values. Undefined removes it. */
export function variable(name: string, ...values: readonly (string | undefined)[]): readonly Edit[] {
  return values.map((value) => ({
    does: value === undefined ? `unset ${name}` : `${name}=${value}`,
    operations: [value === undefined ? { op: 'variable', name } : { op: 'variable', name, value }],
  }));
}

/**
 * Returns the same edits, compared with a build in an empty folder because cargo's incremental build misses
 * them.
 */
export function overlooked(edits: readonly Edit[]): readonly Edit[] {
  return edits.map((edit) => ({ ...edit, reference: 'fresh' }));
}
