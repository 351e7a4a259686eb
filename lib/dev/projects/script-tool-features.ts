// Features of build scripts that run programs, link, set values for other packages, or call cargo.
import { contents, lines, overlooked, swap } from './feature.ts';
import type { Feature } from './feature.ts';

export const scriptToolFeatures: readonly Feature[] = [
  {
    name: 'script-link-arg',
    roles: ['app'],
    files: { '{pkg}/arg_@.txt': '0x11\n' },
    script:
      'println!("cargo::rerun-if-changed=arg_@.txt"); println!("cargo::rustc-link-arg-bins=-Wl,--defsym=symbol_@={}", read("arg_@.txt"));',
    items: 'extern "C" { static symbol_@: u8; }',
    print: '(unsafe { &raw const symbol_@ }) as usize & 0xfff',
    edits: contents('{pkg}/arg_@.txt', '0x22\n', '0x33\n'),
  },
  {
    name: 'script-static',
    files: { '{pkg}/native/@.c': '#include "@.h"\nint word_@(void) { return WORD + 1; }\n', '{pkg}/native/@.h': '#define WORD 1\n' },
    scriptItems:
      'fn must_@(words: &[&str]) { assert!(std::process::Command::new(words[0]).args(&words[1..]).status().unwrap().success()); }',
    script:
      'let out = env::var("OUT_DIR").unwrap(); must_@(&["cc", "-c", "native/@.c", "-o", &format!("{out}/@.o")]);\n' +
      'must_@(&["ar", "crs", &format!("{out}/libword_@.a"), &format!("{out}/@.o")]);\n' +
      'println!("cargo::rerun-if-changed=native/@.c"); println!("cargo::rustc-link-search=native={out}"); println!("cargo::rustc-link-lib=static=word_@");',
    items: 'extern "C" { fn word_@() -> i32; }',
    print: 'unsafe { word_@() }',
    edits: [swap('{pkg}/native/@.c', '+ 1', '+ 2'), ...overlooked(contents('{pkg}/native/@.h', '#define WORD 3\n', '#define WORD 4\n'))],
  },
  {
    name: 'script-links',
    roles: ['util', 'base'],
    once: 'links',
    files: { '{pkg}/meta_@.txt': 'one\n' },
    manifest: { package: 'links = "native_@"' },
    script: 'println!("cargo::rerun-if-changed=meta_@.txt"); println!("cargo::metadata=word={}", read("meta_@.txt"));',
    user: {
      script:
        'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=DEP_@={}", env::var("DEP_NATIVE_@_WORD".to_uppercase()).unwrap());',
      print: 'env!("DEP_@")',
    },
    edits: contents('{pkg}/meta_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'script-warning',
    files: { '{pkg}/warn_@.txt': 'one\n' },
    script: 'println!("cargo::rerun-if-changed=warn_@.txt"); println!("cargo::warning={}", read("warn_@.txt"));',
    edits: contents('{pkg}/warn_@.txt', 'two\n'),
  },
  {
    name: 'script-error',
    files: { '{pkg}/fail_@.txt': 'good\n' },
    script: 'println!("cargo::rerun-if-changed=fail_@.txt"); if read("fail_@.txt") == "bad" { println!("cargo::error=it is bad"); }',
    edits: contents('{pkg}/fail_@.txt', 'bad\n', 'fine\n'),
  },
  {
    name: 'script-runs-tool',
    files: { '{pkg}/tools/@.sh': { exe: '#!/bin/sh\necho one "$1"\n' } },
    script: lines(
      'println!("cargo::rerun-if-changed=tools/@.sh");',
      'let out = std::process::Command::new("./tools/@.sh").arg("x").output().unwrap();',
      'println!("cargo::rustc-env=TOOL_@={}", String::from_utf8_lossy(&out.stdout).trim());',
    ),
    print: 'env!("TOOL_@")',
    edits: [
      swap('{pkg}/tools/@.sh', 'one', 'two'),
      ...overlooked([{ does: 'not executable', operations: [{ op: 'mode', path: '{pkg}/tools/@.sh', mode: 0o644 }] }]),
    ],
  },
  {
    name: 'script-module',
    files: { '{pkg}/build_@.rs': 'pub const WORD: &str = "one";\n' },
    scriptItems: 'mod build_@;',
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=MODULE_@={}", build_@::WORD);',
    print: 'env!("MODULE_@")',
    edits: [swap('{pkg}/build_@.rs', 'one', 'two')],
  },
  {
    name: 'script-profile',
    script: lines(
      'println!("cargo::rerun-if-changed=build.rs");',
      'println!("cargo::rustc-env=PROFILE_@={} {} {}", env::var("PROFILE").unwrap(), env::var("OPT_LEVEL").unwrap(), env::var("DEBUG").unwrap());',
    ),
    print: 'env!("PROFILE_@")',
    edits: [],
  },
  {
    name: 'script-elsewhere',
    once: 'build',
    manifest: { package: 'build = "scripts/@.rs"' },
    files: { '{pkg}/scripts/@.rs': '#[path = "../build.rs"]\nmod inner;\nfn main() { inner::main() }\n' },
    script: 'println!("cargo::rerun-if-changed=build.rs");',
    edits: [{ does: 'a second source', operations: [{ op: 'append', path: '{pkg}/scripts/@.rs', text: '// more\n' }] }],
  },
  {
    name: 'script-links-folder',
    roles: ['util', 'base'],
    once: 'links',
    files: { '{pkg}/folder_@.txt': 'one\n' },
    manifest: { package: 'links = "folder_@"' },
    script: lines(
      'let out = env::var("OUT_DIR").unwrap(); println!("cargo:rerun-if-changed=folder_@.txt"); println!("cargo:dir={out}");',
      'fs::write(format!("{out}/w.txt"), read("folder_@.txt")).unwrap();',
    ),
    user: {
      script: lines(
        'println!("cargo::rerun-if-changed=build.rs");',
        'let word = read(&format!("{}/w.txt", env::var("DEP_FOLDER_@_DIR".to_uppercase()).unwrap()));',
        'println!("cargo::rustc-env=FOLDER_@={word}");',
      ),
      print: 'env!("FOLDER_@")',
    },
    edits: contents('{pkg}/folder_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'script-copies-file',
    files: { '{pkg}/tools/c_@.sh': { exe: '#!/bin/sh\necho one\n' } },
    script: lines(
      'let out = env::var("OUT_DIR").unwrap(); println!("cargo::rerun-if-changed=tools");',
      'fs::copy("tools/c_@.sh", format!("{out}/c.sh")).unwrap();',
      'let words = std::process::Command::new(format!("{out}/c.sh")).output().unwrap().stdout;',
      'println!("cargo::rustc-env=COPIED_@={}", String::from_utf8(words).unwrap().trim());',
    ),
    print: 'concat!(env!("COPIED_@"), include_str!(concat!(env!("OUT_DIR"), "/c.sh")))',
    edits: [swap('{pkg}/tools/c_@.sh', 'one', 'two'), swap('{pkg}/tools/c_@.sh', 'echo', 'echo more')],
  },
  {
    name: 'script-words-of-cargo',
    script: lines(
      'println!("cargo::rerun-if-changed=build.rs");',
      'let words = ["CARGO_CFG_TARGET_OS", "CARGO_CFG_DEBUG_ASSERTIONS", "CARGO_CFG_PANIC", "CARGO_ENCODED_RUSTFLAGS", "TARGET", "HOST"];',
      'let mut values: Vec<String> = words.iter().map(|word| format!("{:?}", env::var(word).ok())).collect();',
      'values.extend(env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_FEATURE_") || name.starts_with("DEP_")));',
      'println!("cargo::rustc-env=WORDS_@={}", values.join(" "));',
    ),
    print: 'env!("WORDS_@")',
    edits: [],
  },
  {
    name: 'script-runs-rustc',
    files: { '{pkg}/probe_@.rs': 'pub fn probe() { let _: u8 = 1; }\n' },
    script: lines(
      'println!("cargo::rerun-if-changed=probe_@.rs");',
      'let probe = std::process::Command::new(env::var("RUSTC").unwrap())',
      '    .args(["--crate-type=lib", "--emit=metadata", "--out-dir", &env::var("OUT_DIR").unwrap(), "probe_@.rs"]).output().unwrap();',
      'println!("cargo::rustc-env=PROBE_@={}", probe.status.success());',
    ),
    print: 'env!("PROBE_@")',
    edits: [swap('{pkg}/probe_@.rs', ': u8 = 1', ': u8 = "1"')],
  },
  {
    name: 'script-appears',
    print: 'option_env!("APPEARED_@").unwrap_or("none")',
    edits: [
      {
        does: 'a new build script',
        operations: [{ op: 'write', path: '{pkg}/build.rs', text: 'fn main() { println!("cargo::rustc-env=APPEARED_@=yes"); }\n' }],
      },
    ],
  },
];
