// Generates a Cargo workspace in the form of Redox's "base": libraries that all drivers share, and one
// program per driver. Also sets of small projects. The result is files by path. Nothing is downloaded to
// build them.
import { itemOf } from '../../core/errors.ts';

export type Files = Readonly<Record<string, string>>;

const shared = ['common', 'logging', 'scheme', 'pci', 'config'] as const;

/** Returns the name of a driver's package: driverName(0) is "d00". */
export function driverName(index: number): string {
  return `d${String(index).padStart(2, '0')}`;
}

/** Returns the path of a driver's source. */
export function driverSource(index: number): string {
  return `drivers/${driverName(index)}/src/main.rs`;
}

/** Returns a workspace of five libraries and further drivers. Libraries depend on the one before them, and drivers on all. */
export function driverWorkspace(members: number): Files {
  const drivers = Array.from({ length: members - shared.length }, (_, index) => driverName(index));
  const files: Record<string, string> = {
    'Cargo.toml': [
      '# The workspace.',
      '[workspace]',
      'resolver = "2"',
      `members = [${[...shared.map((name) => `lib/${name}`), ...drivers.map((name) => `drivers/${name}`)].map((path) => JSON.stringify(path)).join(', ')}]`,
      '',
      '[workspace.dependencies]',
      ...shared.map((name) => `${name} = { path = "lib/${name}" }`),
      '',
    ].join('\n'),
  };
  for (const [index, name] of shared.entries()) {
    const below = shared[index - 1];
    files[`lib/${name}/Cargo.toml`] = manifest(name, below === undefined ? [] : [below]);
    files[`lib/${name}/src/lib.rs`] = librarySource(name, below);
  }
  for (const [index, name] of drivers.entries()) {
    files[`drivers/${name}/Cargo.toml`] = manifest(name, shared);
    files[driverSource(index)] = driverText(name, index);
  }
  files['Cargo.lock'] = lock([
    ...shared.map((name, index) => [name, index === 0 ? [] : [itemOf(shared, index - 1)]] as const),
    ...drivers.map((name) => [name, shared] as const),
  ]);
  return files;
}

/** Returns `projects` projects with a program and five or six libraries each, `crates` in all. The first part of a path is the project's name. */
export function manyProjects(projects: number, crates: number): Files {
  const files: Record<string, string> = {};
  for (let project = 0; project < projects; project++) {
    const name = `c${String(project).padStart(2, '0')}`;
    const count = Math.floor(((project + 1) * crates) / projects) - Math.floor((project * crates) / projects) - 1;
    const libraries = Array.from({ length: count }, (_, index) => `${name}_l${index}`);
    files[`${name}/Cargo.toml`] = [
      `[workspace]\nmembers = [${libraries.map((library) => JSON.stringify(library)).join(', ')}]\n`,
      `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`,
      `[dependencies]\n${libraries.map((library) => `${library} = { path = "${library}" }`).join('\n')}\n`,
    ].join('\n');
    files[`${name}/src/main.rs`] = `fn main() {\n${libraries.map((one) => `    println!("{}", ${one}::value(1));`).join('\n')}\n}\n`;
    for (const library of libraries) {
      files[`${name}/${library}/Cargo.toml`] = `[package]\nname = "${library}"\nversion = "0.1.0"\nedition = "2021"\n`;
      files[`${name}/${library}/src/lib.rs`] = librarySource(library, undefined);
    }
    files[`${name}/Cargo.lock`] = lock([[name, libraries], ...libraries.map((library) => [library, []] as const)]);
  }
  return files;
}

function manifest(name: string, dependencies: readonly string[]): string {
  const rows = dependencies.map((one) => `${one}.workspace = true`).join('\n');
  return `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\n${rows}\n`;
}

function librarySource(name: string, below: string | undefined): string {
  const value = below === undefined ? 'n.wrapping_mul(31)' : `${below}::value(n).rotate_left(3)`;
  return `//! The library ${name}.\n\npub fn value(n: u64) -> u64 {\n    ${value} ^ ${name.length}\n}\n`;
}

function driverText(name: string, index: number): string {
  const calls = shared.map((library) => `${library}::value(${index})`).join(' ^ ');
  return `//! The driver ${name}.\n\nfn main() {\n    println!("${name} {}", ${calls});\n}\n`;
}

function lock(packages: readonly (readonly [name: string, dependencies: readonly string[]])[]): string {
  const rows = [...packages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, dependencies]) => {
      const sorted = [...dependencies].sort().map((one) => ` "${one}",\n`);
      const list = sorted.length === 0 ? '' : `dependencies = [\n${sorted.join('')}]\n`;
      return `[[package]]\nname = "${name}"\nversion = "0.1.0"\n${list}`;
    });
  return `version = 4\n\n${rows.join('\n')}`;
}
