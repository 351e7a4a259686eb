// A package that is composed of the texts of its features.
import type { PackageText, Role } from './feature.ts';
import { ManifestDraft } from './manifest-draft.ts';

const scriptHead = `use std::{env, fs};

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap().trim().to_string()
}
`;
const macrosHead = `use proc_macro::TokenStream;

fn text(word: &str) -> TokenStream {
    format!("{:?}", word.trim()).parse().unwrap()
}

fn read(path: &str) -> TokenStream {
    text(&std::fs::read_to_string(path).unwrap())
}

fn of_user(path: &str) -> String {
    format!("{}/{path}", std::env::var("CARGO_MANIFEST_DIR").unwrap())
}

fn names(path: &str) -> TokenStream {
    let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    text(&format!("{names:?}"))
}
`;

export class PackageDraft {
  readonly role: Role;
  readonly manifest = new ManifestDraft();
  readonly #items: string[] = [];
  readonly #prints: string[] = [];
  readonly #scriptItems: string[] = [];
  readonly #script: string[] = [];
  readonly #macros: string[] = [];
  /** Crates whose `report` is called. */
  readonly #reported: string[] = [];

  constructor(role: Role) {
    this.role = role;
  }

  /** Adds text with replaced placeholders. `label` is printed before the value. */
  add(label: string, text: PackageText): void {
    if (text.items !== undefined) this.#items.push(text.items);
    if (text.print !== undefined) this.#prints.push(`println!("${this.role} ${label}: {}", ${text.print});`);
    if (text.scriptItems !== undefined) this.#scriptItems.push(text.scriptItems);
    if (text.script !== undefined) this.#script.push(`{ ${text.script} }`);
    if (text.manifest) this.manifest.add(text.manifest);
  }

  addMacros(text: string): void {
    this.#macros.push(text);
  }

  /** Adds a dependency whose report is part of this package's report. */
  depend(crate: string, line: string): void {
    this.manifest.add({ dependencies: line });
    this.#reported.push(crate);
  }

  /**
   * Returns the files by path in the package. `library`: the items of the program are in a library of its
   * package.
   */
  files(library: boolean): ReadonlyMap<string, string> {
    this.manifest.add({
      package: `name = "${this.role}"\nversion = "0.1.0"\nedition = "2021"`,
      ...(this.role === 'macros' ? { lib: 'proc-macro = true' } : {}),
    });
    const files = new Map([['Cargo.toml', this.manifest.text]]);
    if (this.#script.length > 0) {
      files.set('build.rs', [scriptHead, ...this.#scriptItems, 'pub fn main() {', ...this.#script, '}', ''].join('\n'));
    }
    const calls = this.#reported.map((crate) => `${crate}::report();`);
    const report = (head: string): string => [...this.#items, `${head} {`, ...this.#prints, ...calls, '}', ''].join('\n');
    if (this.role === 'macros') files.set('src/lib.rs', [macrosHead, ...this.#macros, ''].join('\n'));
    else if (this.role !== 'app') files.set('src/lib.rs', report('pub fn report()'));
    else if (library) files.set('src/lib.rs', report('pub fn report()')).set('src/main.rs', 'fn main() {\n    app::report();\n}\n');
    else files.set('src/main.rs', report('fn main()'));
    return files;
  }
}
