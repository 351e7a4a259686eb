// Features of manifests and of cargo's configuration files.
import { contents, overlooked, swap } from './feature.ts';
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
    name: 'library-kinds',
    once: 'lib',
    roles: ['util', 'base'],
    manifest: { lib: 'crate-type = ["rlib", "cdylib"]' },
    edits: [swap('{pkg}/Cargo.toml', '["rlib", "cdylib"]', '["lib"]'), swap('{pkg}/Cargo.toml', '"cdylib"', '"staticlib"')],
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
    name: 'config-cfg',
    rustflags: ['--cfg', 'chosen_@="one"', '--check-cfg', 'cfg(chosen_@, values(any()))'],
    print: 'cfg!(chosen_@ = "two")',
    edits: [swap('{config}/.cargo/config.toml', 'chosen_@=\\"one\\"', 'chosen_@=\\"two\\"')],
  },
  {
    name: 'config-env',
    config: { env: 'CONF_@ = "one"' },
    variables: { 'CONF_@': 'user' },
    print: 'env!("CONF_@")',
    edits: [
      swap('{config}/.cargo/config.toml', 'CONF_@ = "one"', 'CONF_@ = { value = "two", force = true }'),
      { does: 'unset the variable', operations: [{ op: 'variable', name: 'CONF_@' }] },
      { does: 'another value', operations: [{ op: 'variable', name: 'CONF_@', value: 'other' }] },
    ],
  },
  {
    name: 'config-env-relative',
    files: { '{config}/conf/@1.txt': 'one\n', '{config}/conf/@2.txt': 'two\n' },
    config: { env: 'FILE_@ = { value = "conf/@1.txt", relative = true }' },
    print: 'include_str!(env!("FILE_@")).trim()',
    edits: [swap('{config}/.cargo/config.toml', '@1.txt', '@2.txt'), ...contents('{config}/conf/@1.txt', 'three\n')],
  },
  {
    name: 'config-include',
    once: 'config-include',
    files: { '{config}/.cargo/extra.toml': '[env]\nINCLUDED = "one"\n' },
    config: { '': 'include = ["extra.toml"]' },
    print: 'env!("INCLUDED")',
    edits: contents('{config}/.cargo/extra.toml', '[env]\nINCLUDED = "two"\n', '[env]\nINCLUDED = { value = "three" }\n'),
  },
  {
    name: 'config-profile',
    once: 'config-profile',
    config: { 'profile.dev': 'debug-assertions = true' },
    print: 'cfg!(debug_assertions)',
    edits: [swap('{config}/.cargo/config.toml', 'debug-assertions = true', 'debug-assertions = false')],
  },
  {
    name: 'config-linked-symbol',
    once: 'config-linked-symbol',
    rustflags: ['-C', 'link-arg=-Wl,--defsym=configured=0x11'],
    roles: ['app'],
    items: 'extern "C" { static configured: u8; }',
    print: '(unsafe { &raw const configured }) as usize & 0xfff',
    edits: [swap('{config}/.cargo/config.toml', '=0x11', '=0x12')],
  },
  {
    name: 'git-head',
    git: true,
    script:
      'println!("cargo::rerun-if-changed={togit}/.git/HEAD"); println!("cargo::rerun-if-changed={togit}/.git/refs/heads");\n' +
      'let out = std::process::Command::new("git").args(["log", "-1", "--format=%s"]).output().unwrap();\n' +
      'println!("cargo::rustc-env=HEAD_@={}", String::from_utf8_lossy(&out.stdout).trim());',
    print: 'env!("HEAD_@")',
    edits: [
      { does: 'an empty commit', operations: [{ op: 'git', words: ['commit', '-q', '--allow-empty', '-m', 'empty'] }] },
      {
        does: 'commit everything',
        operations: [
          { op: 'git', words: ['add', '-A'] },
          { op: 'git', words: ['commit', '-q', '-m', 'everything'] },
        ],
      },
      { does: 'the other branch', operations: [{ op: 'git', words: ['checkout', '-q', '-f', 'other'] }] },
      { does: 'the main branch', operations: [{ op: 'git', words: ['checkout', '-q', '-f', 'main'] }] },
    ],
  },
  {
    name: 'git-ignored',
    git: true,
    silent: true,
    files: { '{pkg}/.gitignore': 'ignored_*\n', '{pkg}/ignored_@.txt': 'one\n' },
    script: 'println!("cargo::rustc-env=IGNORED_@={}", read("ignored_@.txt"));',
    print: 'env!("IGNORED_@")',
    edits: overlooked(contents('{pkg}/ignored_@.txt', 'two\n', 'three\n')),
  },
  {
    name: 'config-linker',
    roles: ['app'],
    once: 'linker',
    files: { '{config}/tools/ld_@.sh': { exe: '#!/bin/sh\nexec cc {arguments} -Wl,--defsym=linked_@=0x11\n' } },
    config: { "target.'cfg(all())'": 'linker = "tools/ld_@.sh"' },
    items: 'extern "C" { static linked_@: u8; }',
    print: '(unsafe { &raw const linked_@ }) as usize & 0xfff',
    edits: overlooked([swap('{config}/tools/ld_@.sh', '0x11', '0x22')]),
  },
  {
    name: 'config-wrapper',
    once: 'wrapper',
    files: { '{config}/tools/wrap_@.sh': { exe: '#!/bin/sh\nexec {arguments} --cfg \'wrapped="one"\'\n' } },
    config: { build: 'rustc-wrapper = "tools/wrap_@.sh"' },
    print: 'cfg!(wrapped = "two")',
    edits: overlooked([swap('{config}/tools/wrap_@.sh', '"one"', '"two"')]),
  },
  {
    name: 'config-script-override',
    roles: ['util', 'base'],
    once: 'links',
    manifest: { package: 'links = "over_@"' },
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::metadata=word=script");',
    config: { 'target.x86_64-unknown-linux-gnu.over_@': 'word = "config"\nrustc-cfg = ["overridden"]' },
    print: 'cfg!(overridden)',
    user: {
      script:
        'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=OVER_@={}", env::var("DEP_OVER_@_WORD".to_uppercase()).unwrap());',
      print: 'env!("OVER_@")',
    },
    edits: [
      swap('{config}/.cargo/config.toml', 'word = "config"', 'word = "other"'),
      swap('{config}/.cargo/config.toml', 'x86_64-unknown-linux-gnu.over_@', 'x86_64-unknown-linux-gnu.under_@'),
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
    name: 'profile-panic',
    once: 'panic',
    roles: ['app'],
    root: { 'profile.dev': 'panic = "abort"', 'profile.release': 'lto = "thin"\ncodegen-units = 1\nstrip = true' },
    print: 'cfg!(panic = "abort")',
    edits: [swap('{root}/Cargo.toml', 'panic = "abort"', 'panic = "unwind"'), swap('{root}/Cargo.toml', 'lto = "thin"', 'lto = true')],
  },
];
