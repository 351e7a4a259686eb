// Features of manifests: features, profiles, programs, lints, inherited keys.
import { contents, swap } from './feature.ts';
import type { Feature } from './feature.ts';

export const manifestFeatures: readonly Feature[] = [
  {
    name: 'feature-default',
    manifest: { features: 'loud_@ = []\ndefault = ["loud_@"]' },
    once: 'default',
    print: 'cfg!(feature = "loud_@")',
    edits: [
      swap('{pkg}/Cargo.toml', 'default = ["loud_@"]', 'default = []'),
      { does: 'no default features', operations: [{ op: 'flags', flags: ['--no-default-features'] }] },
      { does: 'default flags', operations: [{ op: 'flags', flags: [] }] },
    ],
  },
  {
    name: 'feature-flag',
    roles: ['app'],
    manifest: { features: 'extra_@ = []' },
    print: 'cfg!(feature = "extra_@")',
    edits: [
      { does: 'turn it on', operations: [{ op: 'flags', flags: ['--features', 'extra_@'] }] },
      { does: 'default flags', operations: [{ op: 'flags', flags: [] }] },
    ],
  },
  {
    name: 'profile-dev',
    once: 'panic',
    roles: ['app'],
    root: { 'profile.dev': 'opt-level = 0\noverflow-checks = true' },
    print: 'std::panic::catch_unwind(|| { let x = std::hint::black_box(255u8); x + 1 }).is_ok()',
    edits: [
      swap('{root}/Cargo.toml', 'overflow-checks = true', 'overflow-checks = false'),
      swap('{root}/Cargo.toml', 'opt-level = 0', 'opt-level = 1'),
    ],
  },
  {
    name: 'profile-package',
    once: 'profile-package',
    roles: ['util', 'base'],
    root: { 'profile.dev.package.{crate}': 'debug-assertions = false' },
    print: 'cfg!(debug_assertions)',
    edits: [swap('{root}/Cargo.toml', 'debug-assertions = false', 'debug-assertions = true')],
  },
  {
    name: 'shared-state',
    once: 'shared-state',
    roles: ['app'],
    root: { 'profile.dev': 'incremental = false' },
    edits: [],
  },
  {
    name: 'release',
    once: 'release',
    roles: ['app'],
    print: 'cfg!(debug_assertions)',
    edits: [
      { does: 'release', operations: [{ op: 'flags', flags: ['--release'] }] },
      { does: 'dev', operations: [{ op: 'flags', flags: [] }] },
    ],
  },
  {
    name: 'inherited',
    once: 'description',
    root: { 'workspace.package': 'description = "shared"\nrust-version = "1.80"' },
    manifest: { package: 'description.workspace = true\nrust-version.workspace = true' },
    print: 'concat!(env!("CARGO_PKG_DESCRIPTION"), env!("CARGO_PKG_RUST_VERSION"))',
    edits: [swap('{root}/Cargo.toml', '"shared"', '"other"'), swap('{root}/Cargo.toml', '"1.80"', '"1.81"')],
  },
  {
    name: 'lints',
    once: 'lints',
    manifest: { 'lints.rust': 'unused_mut = "warn"' },
    items: 'pub fn lint_@() -> u8 { let mut a = 1; a }',
    print: 'lint_@()',
    edits: [swap('{pkg}/Cargo.toml', 'unused_mut = "warn"', 'unused_mut = "deny"'), swap('{pkg}/Cargo.toml', '"warn"', '"allow"')],
  },
  {
    name: 'lints-of-workspace',
    once: 'lints',
    root: { 'workspace.lints.rust': 'unused_mut = "allow"' },
    manifest: { lints: 'workspace = true' },
    items: 'pub fn lint_@() -> u8 { let mut a = 1; a }',
    print: 'lint_@()',
    edits: [swap('{root}/Cargo.toml', 'unused_mut = "allow"', 'unused_mut = "forbid"')],
  },
  {
    name: 'more-programs',
    roles: ['app'],
    files: {
      '{pkg}/src/bin/one_@.rs': 'fn main() { println!("one"); }\n',
      '{pkg}/src/bin/two_@/main.rs': 'mod w; fn main() { println!("{}", w::W); }\n',
      '{pkg}/src/bin/two_@/w.rs': 'pub const W: u8 = 2;\n',
    },
    edits: [
      swap('{pkg}/src/bin/one_@.rs', '"one"', '"uno"'),
      ...contents('{pkg}/src/bin/two_@/w.rs', 'pub const W: u8 = 3;\n'),
      { does: 'a new program', operations: [{ op: 'write', path: '{pkg}/src/bin/new_@.rs', text: 'fn main() { println!("new"); }\n' }] },
      {
        does: 'a new program in a folder',
        operations: [{ op: 'write', path: '{pkg}/src/bin/dir_@/main.rs', text: 'fn main() { std::process::exit(3) }\n' }],
      },
      { does: 'remove a program', operations: [{ op: 'remove', path: '{pkg}/src/bin/one_@.rs' }] },
      { does: 'rename a program', operations: [{ op: 'move', path: '{pkg}/src/bin/one_@.rs', to: '{pkg}/src/bin/uno_@.rs' }] },
    ],
  },
  {
    name: 'program-by-path',
    roles: ['app'],
    files: { '{pkg}/programs/@.rs': 'fn main() { println!("at a path"); }\n' },
    manifest: { '[bin]@': 'name = "named-@"\npath = "programs/@.rs"' },
    edits: [swap('{pkg}/programs/@.rs', 'at a path', 'at its path'), swap('{pkg}/Cargo.toml', '"named-@"', '"renamed-@"')],
  },
  {
    name: 'program-requires-feature',
    roles: ['app'],
    files: { '{pkg}/programs/r@.rs': 'fn main() { println!("required"); }\n' },
    manifest: { features: 'need_@ = []', '[bin]@': 'name = "need-@"\npath = "programs/r@.rs"\nrequired-features = ["need_@"]' },
    edits: [
      { does: 'turn it on', operations: [{ op: 'flags', flags: ['--features', 'need_@'] }] },
      { does: 'default flags', operations: [{ op: 'flags', flags: [] }] },
    ],
  },
  {
    name: 'library-kinds',
    once: 'lib',
    roles: ['util', 'base'],
    manifest: { lib: 'crate-type = ["rlib", "cdylib"]' },
    edits: [swap('{pkg}/Cargo.toml', '["rlib", "cdylib"]', '["lib"]'), swap('{pkg}/Cargo.toml', '"cdylib"', '"staticlib"')],
  },
  {
    name: 'profile-panic',
    once: 'panic',
    roles: ['app'],
    root: { 'profile.dev': 'panic = "abort"', 'profile.release': 'lto = "thin"\ncodegen-units = 1\nstrip = true' },
    print: 'cfg!(panic = "abort")',
    edits: [swap('{root}/Cargo.toml', 'panic = "abort"', 'panic = "unwind"'), swap('{root}/Cargo.toml', 'lto = "thin"', 'lto = true')],
  },
];
