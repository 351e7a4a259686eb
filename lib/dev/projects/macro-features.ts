// Features of procedural macros: what they read while they expand.
import { contents, overlooked, swap, variable } from './feature.ts';
import type { Feature } from './feature.ts';

/** Returns a procedural macro without arguments. */
function procMacro(name: string, body: string): string {
  return `#[proc_macro]\npub fn ${name}(_: TokenStream) -> TokenStream { ${body} }`;
}

export const macroFeatures: readonly Feature[] = [
  {
    name: 'macro-reads-own-package',
    files: { '{macros}/{data}/{name}.txt': 'one\n' },
    macros: procMacro('own_@', 'read(concat!(env!("CARGO_MANIFEST_DIR"), "/{data}/{name}.txt"))'),
    print: 'macros::own_@!().trim()',
    edits: overlooked(contents('{macros}/{data}/{name}.txt', 'two\n', 'three\n')),
  },
  {
    name: 'macro-reads-user',
    files: { '{pkg}/{data}/{name}.txt': 'one\n' },
    macros: procMacro('user_@', 'read(&of_user("{data}/{name}.txt"))'),
    print: 'macros::user_@!().trim()',
    edits: overlooked(contents('{pkg}/{data}/{name}.txt', 'two\n', 'three\n')),
  },
  {
    name: 'macro-lists-user',
    files: { '{pkg}/{data}/q_@/1.sql': 'one\n' },
    macros: procMacro('list_@', 'names(&of_user("{data}/q_@"))'),
    print: 'macros::list_@!()',
    edits: overlooked([
      { does: 'a new file', operations: [{ op: 'write', path: '{pkg}/{data}/q_@/2.sql', text: 'two\n' }] },
      { does: 'rename a file', operations: [{ op: 'move', path: '{pkg}/{data}/q_@/1.sql', to: '{pkg}/{data}/q_@/0.sql' }] },
    ]),
  },
  {
    name: 'macro-asks-existence',
    macros: procMacro('there_@', 'text(if std::path::Path::new(&of_user("flag_@")).exists() { "there" } else { "absent" })'),
    print: 'macros::there_@!()',
    edits: overlooked(contents('{pkg}/flag_@', 'x\n')),
  },
  {
    name: 'macro-variable',
    macros: procMacro('variable_@', 'text(&std::env::var("EXPAND_@").unwrap_or("none".into()))'),
    print: 'macros::variable_@!()',
    edits: overlooked(variable('EXPAND_@', 'two', 'three', undefined)),
  },
  {
    name: 'macro-includes',
    files: { '{pkg}/i_@.txt': 'one\n' },
    macros: procMacro('include_@', 'format!("include_str!({:?})", of_user("i_@.txt")).parse().unwrap()'),
    print: 'macros::include_@!().trim()',
    edits: contents('{pkg}/i_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'macro-built-with-data',
    files: { '{macros}/built_@.txt': 'one\n' },
    macros: procMacro('built_@', 'text(include_str!("../built_@.txt"))'),
    print: 'macros::built_@!().trim()',
    edits: contents('{macros}/built_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'macro-reads-manifest',
    silent: true,
    macros: procMacro('manifest_@', 'text(&std::fs::read_to_string(of_user("Cargo.toml")).unwrap().len().to_string())'),
    print: 'macros::manifest_@!()',
    edits: overlooked([{ does: 'a comment', operations: [{ op: 'append', path: '{pkg}/Cargo.toml', text: '\n# one more line\n' }] }]),
  },
  {
    name: 'macro-words-of-cargo',
    macros: procMacro(
      'words_@',
      'text(&["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE"]' +
        '.map(|word| std::env::var(word).unwrap_or("none".into())).join(" "))',
    ),
    print: 'macros::words_@!()',
    edits: [swap('{pkg}/Cargo.toml', 'version = "0.1.', 'version = "0.3.')],
  },
  {
    name: 'macro-reads-out-dir',
    files: { '{pkg}/o_@.txt': 'one\n' },
    script:
      'println!("cargo::rerun-if-changed=o_@.txt"); fs::write(format!("{}/o", env::var("OUT_DIR").unwrap()), read("o_@.txt")).unwrap();',
    macros: procMacro('out_@', 'read(&format!("{}/o", std::env::var("OUT_DIR").unwrap()))'),
    print: 'macros::out_@!()',
    edits: contents('{pkg}/o_@.txt', 'two\n', 'three\n'),
  },
];
