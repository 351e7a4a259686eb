// Features of sources: files that rustc reads in addition to the first file of a crate.
import { contents, overlooked, swap, variable } from './feature.ts';
import type { Feature } from './feature.ts';

export const sourceFeatures: readonly Feature[] = [
  {
    name: 'include-text',
    files: { '{pkg}/{data}/{name}.txt': 'one\n' },
    print: 'include_str!("../{data}/{name}.txt").trim()',
    edits: contents('{pkg}/{data}/{name}.txt', 'two\n', 'three\n'),
  },
  {
    name: 'include-bytes',
    files: { '{pkg}/{data}/@.bin': '1234' },
    print: 'include_bytes!("../{data}/@.bin").len()',
    edits: contents('{pkg}/{data}/@.bin', '12', '', '123456'),
  },
  {
    name: 'include-outside',
    files: { '{beside}/@/{name}.txt': 'one\n' },
    print: 'include_str!("../{tobeside}/@/{name}.txt").trim()',
    edits: contents('{beside}/@/{name}.txt', 'two\n', 'three\n'),
  },
  {
    name: 'include-by-manifest-dir',
    files: { '{pkg}/@/{name}.txt': 'one\n' },
    print: 'include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/@/{name}.txt")).trim()',
    edits: contents('{pkg}/@/{name}.txt', 'two\n', 'three\n'),
  },
  {
    name: 'env-of-user',
    variables: { 'WORD_@': 'one' },
    print: 'env!("WORD_@")',
    edits: variable('WORD_@', 'two', 'three', undefined),
  },
  {
    name: 'option-env-of-user',
    print: 'option_env!("MAYBE_@").unwrap_or("none")',
    edits: variable('MAYBE_@', 'two', undefined, ''),
  },
  {
    name: 'path-module',
    files: { '{pkg}/odd/{name}.rs': 'pub fn word() -> &\'static str { "one" }\n' },
    items: '#[path = "../odd/{name}.rs"]\nmod m_@;',
    print: 'm_@::word()',
    edits: [swap('{pkg}/odd/{name}.rs', 'one', 'two'), swap('{pkg}/odd/{name}.rs', '"one"', '"un"')],
  },
  {
    name: 'path-module-outside',
    files: { '{beside}/m_@.rs': 'pub fn word() -> &\'static str { include_str!("m_@.txt").trim() }\n', '{beside}/m_@.txt': 'one\n' },
    items: '#[path = "../{tobeside}/m_@.rs"]\nmod m_@;',
    print: 'm_@::word()',
    edits: [
      ...contents('{beside}/m_@.txt', 'two\n', 'three\n'),
      { does: 'a constant', operations: [{ op: 'write', path: '{beside}/m_@.rs', text: 'pub fn word() -> u8 { 1 }\n' }] },
    ],
  },
  {
    name: 'module-file',
    files: { '{pkg}/src/m_@.rs': 'pub fn word() -> &\'static str { "one" }\n' },
    items: 'mod m_@;',
    print: 'm_@::word()',
    edits: [
      swap('{pkg}/src/m_@.rs', 'one', 'two'),
      { does: 'move to m_@/mod.rs', operations: [{ op: 'move', path: '{pkg}/src/m_@.rs', to: '{pkg}/src/m_@/mod.rs' }] },
      {
        does: 'a second file for the module',
        operations: [{ op: 'write', path: '{pkg}/src/m_@/mod.rs', text: 'pub fn word() -> u8 { 2 }\n' }],
        reference: 'fresh',
      },
    ],
  },
  {
    name: 'version-variables',
    print:
      'format!("{} {} {} {}", env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_NAME"), env!("CARGO_CRATE_NAME"))',
    edits: [swap('{pkg}/Cargo.toml', 'version = "0.1.', 'version = "0.2.'), swap('{pkg}/Cargo.toml', '.0"', '.1-beta.1"')],
  },
  {
    name: 'package-description',
    once: 'description',
    manifest: { package: 'description = "one"\nauthors = ["A <a@b>"]\nhomepage = "h"' },
    print: 'concat!(env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_AUTHORS"), env!("CARGO_PKG_HOMEPAGE"))',
    edits: [
      swap('{pkg}/Cargo.toml', 'description = "one"', 'description = "two \\u00e9"'),
      swap('{pkg}/Cargo.toml', '["A <a@b>"]', '["A", "B"]'),
      swap('{pkg}/Cargo.toml', 'homepage = "h"', ''),
    ],
  },
  {
    name: 'link-to-file',
    files: { '{pkg}/real/@1.txt': 'one\n', '{pkg}/real/@2.txt': 'two\n', '{pkg}/@.txt': { link: 'real/@1.txt' } },
    print: 'include_str!("../@.txt").trim()',
    edits: [
      ...contents('{pkg}/real/@1.txt', 'three\n', 'four\n'),
      ...overlooked([{ does: 'link to another file', operations: [{ op: 'link', path: '{pkg}/@.txt', target: 'real/@2.txt' }] }]),
      ...overlooked([{ does: 'dangling link', operations: [{ op: 'link', path: '{pkg}/@.txt', target: 'real/@9.txt' }] }]),
    ],
  },
  {
    name: 'link-to-folder',
    files: { '{pkg}/real/@1/w.txt': 'one\n', '{pkg}/real/@2/w.txt': 'two\n', '{pkg}/@': { link: 'real/@1' } },
    print: 'include_str!("../@/w.txt").trim()',
    edits: [
      ...contents('{pkg}/real/@1/w.txt', 'three\n'),
      ...overlooked([{ does: 'link to another folder', operations: [{ op: 'link', path: '{pkg}/@', target: 'real/@2' }] }]),
    ],
  },
  {
    name: 'link-out-of-package',
    files: { '{beside}/@.txt': 'one\n', '{pkg}/{data}/l@.txt': { link: '{databeside}/@.txt' } },
    print: 'include_str!("../{data}/l@.txt").trim()',
    edits: contents('{beside}/@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'source-is-a-link',
    files: { '{beside}/s@.rs': 'pub const W: &str = "one";\n', '{pkg}/src/s_@.rs': { link: '../{tobeside}/s@.rs' } },
    items: 'mod s_@;',
    print: 's_@::W',
    edits: [swap('{beside}/s@.rs', 'one', 'two')],
  },
  {
    name: 'words-of-cargo',
    print:
      'format!("{:?} {:?} {:?}", option_env!("CARGO_PRIMARY_PACKAGE"), option_env!("CARGO_BIN_NAME"), option_env!("CARGO_PKG_README"))',
    edits: [],
  },
  {
    name: 'own-path',
    print: 'format!("{} {} {}", if file!().starts_with(\'/\') { "absolute" } else { file!() }, line!(), module_path!())',
    edits: [],
  },
  {
    name: 'include-source',
    files: { '{beside}/i_@.rs': 'fn i_@() -> u8 { 1 }\n' },
    items: 'include!("../{tobeside}/i_@.rs");',
    print: 'i_@()',
    edits: [swap('{beside}/i_@.rs', '{ 1 }', '{ 2 }'), swap('{beside}/i_@.rs', 'u8', 'u16')],
  },
];
