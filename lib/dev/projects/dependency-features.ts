// Features of dependencies: of other targets, optional, shared by several packages, inherited from the workspace.
import { contents, overlooked, swap } from './feature.ts';
import type { Feature } from './feature.ts';

export const dependencyFeatures: readonly Feature[] = [
  {
    name: 'dev-dependency',
    files: {
      '{pkg}/d@/Cargo.toml': '[package]\nname = "dev-@"\nversion = "0.1.0"\n',
      '{pkg}/d@/src/lib.rs': 'compile_error!("never built");\n',
    },
    manifest: { 'dev-dependencies': 'dev-@ = { path = "d@" }' },
    edits: [{ ...swap('{pkg}/d@/src/lib.rs', 'never', 'not'), idle: true }],
  },
  {
    name: 'dependency-of-other-target',
    files: {
      '{pkg}/w@/Cargo.toml': '[package]\nname = "win-@"\nversion = "0.1.0"\n',
      '{pkg}/w@/src/lib.rs': 'compile_error!("never built");\n',
    },
    manifest: { "target.'cfg(windows)'.dependencies": 'win-@ = { path = "w@" }' },
    edits: [{ ...swap('{pkg}/w@/src/lib.rs', 'never', 'not'), idle: true }],
  },
  {
    name: 'dependency-of-target',
    files: {
      '{pkg}/u@/Cargo.toml': '[package]\nname = "unix-@"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nmore = []\n',
      '{pkg}/u@/src/lib.rs': 'pub const W: (&str, bool) = ("one", cfg!(feature = "more"));\n',
    },
    manifest: { "target.'cfg(unix)'.dependencies": 'unix_@ = { package = "unix-@", path = "u@", features = [] }' },
    print: 'format!("{:?}", unix_@::W)',
    edits: [
      swap('{pkg}/u@/src/lib.rs', 'one', 'two'),
      swap('{pkg}/Cargo.toml', 'path = "u@", features = []', 'path = "u@", features = ["more"]'),
    ],
  },
  {
    name: 'unified-features',
    roles: ['util', 'base'],
    files: {
      '{beside}/leaf_@/Cargo.toml':
        '[package]\nname = "leaf-@"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nx = []\ny = []\n\n[workspace]\n',
      '{beside}/leaf_@/src/lib.rs': 'pub const W: (bool, bool) = (cfg!(feature = "x"), cfg!(feature = "y"));\n',
    },
    manifest: { dependencies: 'leaf-@ = { path = "{tobeside}/leaf_@", features = [] }' },
    user: {
      manifest: { dependencies: 'leaf-@ = { path = "{userbeside}/leaf_@", features = ["y"] }' },
      print: 'format!("{:?}", leaf_@::W)',
    },
    print: 'format!("{:?}", leaf_@::W)',
    edits: [
      swap('{pkg}/Cargo.toml', 'leaf_@", features = []', 'leaf_@", features = ["x"]'),
      swap('{beside}/leaf_@/src/lib.rs', '"x"', '"y"'),
      { ...swap('{beside}/leaf_@/Cargo.toml', 'x = []', 'x = ["y"]'), does: 'a feature with another' },
    ],
  },
  {
    name: 'workspace-dependency',
    files: {
      '{beside}/kin_@/Cargo.toml': '[package]\nname = "kin-@"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nx = []\n\n[workspace]\n',
      '{beside}/kin_@/src/lib.rs': 'pub const W: (&str, bool) = (env!("CARGO_PKG_VERSION"), cfg!(feature = "x"));\n',
    },
    root: { 'workspace.dependencies': 'kin-@ = { path = "{rootbeside}/kin_@", features = [] }' },
    manifest: { dependencies: 'kin-@ = { workspace = true }' },
    print: 'format!("{:?}", kin_@::W)',
    edits: [
      swap('{root}/Cargo.toml', 'kin_@", features = []', 'kin_@", features = ["x"]'),
      swap('{beside}/kin_@/Cargo.toml', '"0.1.0"', '"0.1.5"'),
      swap('{beside}/kin_@/src/lib.rs', 'env!("CARGO_PKG_VERSION")', '"no version"'),
    ],
  },
  {
    name: 'build-dependency',
    files: {
      '{pkg}/b@/Cargo.toml': '[package]\nname = "tool-@"\nversion = "0.1.0"\nedition = "2021"\n',
      '{pkg}/b@/src/lib.rs':
        'pub fn word() -> String { std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/w.txt")).unwrap() }\n',
      '{pkg}/b@/w.txt': 'one\n',
    },
    manifest: { 'build-dependencies': 'tool-@ = { path = "b@" }' },
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=TOOLED_@={}", tool_@::word().trim());',
    print: 'env!("TOOLED_@")',
    edits: [
      swap('{pkg}/b@/src/lib.rs', 'String {', 'String { String::from("more ") + &'),
      ...overlooked(contents('{pkg}/b@/w.txt', 'two\n', 'three\n')),
    ],
  },
  {
    name: 'optional-dependency',
    roles: ['app'],
    files: {
      '{pkg}/p@/Cargo.toml': '[package]\nname = "opt-@"\nversion = "0.1.0"\nedition = "2021"\n',
      '{pkg}/p@/src/lib.rs': 'pub const W: u8 = 1;\n',
    },
    manifest: { dependencies: 'opt-@ = { path = "p@", optional = true }', features: 'with_@ = ["dep:opt-@"]' },
    items: '#[cfg(feature = "with_@")]\nuse opt_@::W as W_@;\n#[cfg(not(feature = "with_@"))]\nconst W_@: u8 = 0;',
    print: 'W_@',
    edits: [
      { does: 'turn it on', operations: [{ op: 'flags', flags: ['--features', 'with_@'] }] },
      { does: 'default flags', operations: [{ op: 'flags', flags: [] }] },
      swap('{pkg}/p@/src/lib.rs', '= 1', '= 2'),
    ],
  },
  {
    name: 'same-name',
    once: 'same-name',
    files: {
      '{beside}/twin_@/Cargo.toml': '[package]\nname = "util"\nversion = "9.0.0"\nedition = "2021"\n\n[workspace]\n',
      '{beside}/twin_@/src/lib.rs': 'pub const W: (&str, u8) = (env!("CARGO_PKG_VERSION"), 1);\n',
    },
    manifest: { dependencies: 'twin_@ = { package = "util", path = "{tobeside}/twin_@" }' },
    print: 'format!("{:?}", twin_@::W)',
    edits: [swap('{beside}/twin_@/src/lib.rs', ', 1)', ', 2)'), swap('{beside}/twin_@/Cargo.toml', '9.0.0', '8.0.0')],
  },
  {
    name: 'library-of-macro-too',
    files: {
      '{beside}/both_@/Cargo.toml':
        '[package]\nname = "both-@"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nx = []\n\n[workspace]\n',
      '{beside}/both_@/src/lib.rs': 'pub const W: (&str, bool) = (env!("DATA"), cfg!(feature = "x"));\n',
      '{beside}/both_@/build.rs':
        'fn main() { println!("cargo::rerun-if-changed=d.txt"); println!("cargo::rustc-env=DATA={}", std::fs::read_to_string("d.txt").unwrap().trim()); }\n',
      '{beside}/both_@/d.txt': 'one\n',
    },
    manifest: { dependencies: 'both-@ = { path = "{tobeside}/both_@" }' },
    macrosManifest: { dependencies: 'both-@ = { path = "{macrosbeside}/both_@", features = ["x"] }' },
    macros: '#[proc_macro]\npub fn both_@(_: TokenStream) -> TokenStream { text(&format!("{:?}", both_@::W)) }',
    print: 'format!("{:?} {}", both_@::W, macros::both_@!())',
    edits: [
      ...contents('{beside}/both_@/d.txt', 'two\n', 'three\n'),
      swap('{macros}/Cargo.toml', 'both_@", features = ["x"]', 'both_@", features = []'),
    ],
  },
  {
    name: 'library-of-script-too',
    files: {
      '{beside}/tool_@/Cargo.toml':
        '[package]\nname = "tool2-@"\nversion = "0.1.0"\nedition = "2021"\n\n[features]\nx = []\ny = []\n\n[workspace]\n',
      '{beside}/tool_@/src/lib.rs': 'pub const W: (u8, bool, bool) = (1, cfg!(feature = "x"), cfg!(feature = "y"));\n',
    },
    manifest: {
      dependencies: 'tool2-@ = { path = "{tobeside}/tool_@", features = ["x"] }',
      'build-dependencies': 'tool2-@ = { path = "{tobeside}/tool_@", features = ["y"] }',
    },
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=TOOL2_@={:?}", tool2_@::W);',
    print: 'format!("{:?} {}", tool2_@::W, env!("TOOL2_@"))',
    edits: [swap('{beside}/tool_@/src/lib.rs', '(1,', '(2,'), swap('{pkg}/Cargo.toml', 'features = ["y"]', 'features = []')],
  },
];
