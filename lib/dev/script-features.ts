// Features of build scripts: what they declare, what they set, what they read without saying so.
import { contents, lines, overlooked, swap, variable } from './feature.ts';
import type { Edit, Feature } from './feature.ts';

const written = 'fs::write(format!("{}/gen_@.rs", env::var("OUT_DIR").unwrap()), format!("{:?}", word)).unwrap();';
const included = 'include!(concat!(env!("OUT_DIR"), "/gen_@.rs"))';
const listed =
  'let mut names: Vec<String> = fs::read_dir("{data}/d_@").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();\n' +
  'names.sort();\n' +
  'let word: Vec<String> = names.iter().map(|n| format!("{n}={}", read(&format!("{data}/d_@/{n}")))).collect();\n' +
  'println!("cargo::rustc-env=LIST_@={}", word.join(" "));\n';

const folderEdits: readonly Edit[] = [
  ...contents('{pkg}/{data}/d_@/a.txt', 'two\n', 'three\n'),
  { does: 'a new file in the folder', operations: [{ op: 'write', path: '{pkg}/{data}/d_@/n.txt', text: 'new\n' }] },
  ...overlooked([
    { does: 'remove a file of the folder', operations: [{ op: 'remove', path: '{pkg}/{data}/d_@/b.txt' }] },
    { does: 'rename a file of the folder', operations: [{ op: 'move', path: '{pkg}/{data}/d_@/a.txt', to: '{pkg}/{data}/d_@/z.txt' }] },
  ]),
];
const folderFiles = { '{pkg}/{data}/d_@/a.txt': 'one\n', '{pkg}/{data}/d_@/b.txt': 'b\n' };
const listEnv = 'env!("LIST_@")';

export const scriptFeatures: readonly Feature[] = [
  {
    name: 'script-file',
    files: { '{pkg}/{data}/{name}.txt': 'one\n' },
    script: 'println!("cargo::rerun-if-changed={data}/{name}.txt"); println!("cargo::rustc-env=SCRIPT_@={}", read("{data}/{name}.txt"));',
    print: 'env!("SCRIPT_@")',
    edits: contents('{pkg}/{data}/{name}.txt', 'two\n', 'three é\n'),
  },
  {
    name: 'script-out-dir',
    files: { '{pkg}/@.in': 'one\n' },
    script: `println!("cargo:rerun-if-changed=@.in"); let word = read("@.in"); ${written}`,
    print: included,
    edits: contents('{pkg}/@.in', 'two\n', 'three\n'),
  },
  {
    name: 'script-folder',
    files: folderFiles,
    script: `println!("cargo::rerun-if-changed={data}/d_@");\n${listed}`,
    print: listEnv,
    edits: folderEdits,
  },
  {
    name: 'script-folder-slash',
    files: folderFiles,
    script: `println!("cargo::rerun-if-changed={data}/d_@/");\n${listed}`,
    print: listEnv,
    edits: folderEdits,
  },
  {
    name: 'script-folder-link',
    files: { '{beside}/f_@/a.txt': 'one\n', '{pkg}/{data}/d_@': { link: '{databeside}/f_@' } },
    script: `println!("cargo::rerun-if-changed={data}/d_@");\n${listed}`,
    print: listEnv,
    edits: [
      ...contents('{beside}/f_@/a.txt', 'two\n', 'three\n'),
      { does: 'a new file', operations: [{ op: 'write', path: '{beside}/f_@/n.txt', text: 'new\n' }] },
    ],
  },
  {
    name: 'script-missing',
    always: true,
    script:
      'println!("cargo::rerun-if-changed=absent/@"); println!("cargo::rustc-env=ABSENT_@={}", fs::read_to_string("absent/@").unwrap_or("none".into()).trim());',
    print: 'env!("ABSENT_@")',
    edits: contents('{pkg}/absent/@', 'two\n', 'three\n'),
  },
  {
    name: 'script-variable',
    script:
      'println!("cargo::rerun-if-env-changed=SEEN_@"); println!("cargo::rustc-env=GOT_@={}", env::var("SEEN_@").unwrap_or("none".into()));',
    print: 'env!("GOT_@")',
    edits: variable('SEEN_@', 'two', 'three', undefined, ''),
  },
  {
    name: 'script-variable-shadow',
    variables: { 'SHADOW_@': 'user' },
    files: { '{pkg}/@.txt': 'one\n' },
    script: 'println!("cargo::rerun-if-changed=@.txt"); println!("cargo::rustc-env=SHADOW_@={}", read("@.txt"));',
    print: 'env!("SHADOW_@")',
    edits: [...contents('{pkg}/@.txt', 'two\n', 'three\n'), ...variable('SHADOW_@', 'other', undefined)],
  },
  {
    name: 'script-silent',
    silent: true,
    files: { '{pkg}/{data}/s_@.txt': 'one\n' },
    script: `let word = read("{data}/s_@.txt"); ${written}`,
    print: included,
    edits: overlooked(contents('{pkg}/{data}/s_@.txt', 'two\n', 'three\n')),
  },
  {
    name: 'script-silent-listing',
    silent: true,
    files: folderFiles,
    script: listed,
    print: listEnv,
    edits: overlooked(folderEdits),
  },
  {
    name: 'script-undeclared-outside',
    files: { '{beside}/u_@.txt': 'one\n' },
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=OUTSIDE_@={}", read("{tobeside}/u_@.txt"));',
    print: 'env!("OUTSIDE_@")',
    edits: overlooked(contents('{beside}/u_@.txt', 'two\n', 'three\n')),
  },
  {
    name: 'script-cfg',
    files: { '{pkg}/cfg_@.txt': 'soft\n' },
    script: lines(
      'println!("cargo::rerun-if-changed=cfg_@.txt");',
      'println!("cargo::rustc-check-cfg=cfg(loud_@)");',
      'if read("cfg_@.txt") == "loud" { println!("cargo::rustc-cfg=loud_@"); }',
    ),
    print: 'cfg!(loud_@)',
    edits: contents('{pkg}/cfg_@.txt', 'loud\n', 'soft\n', 'quiet\n'),
  },
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
    files: { '{pkg}/c/@.c': '#include "@.h"\nint word_@(void) { return WORD + 1; }\n', '{pkg}/c/@.h': '#define WORD 1\n' },
    scriptItems:
      'fn must_@(words: &[&str]) { assert!(std::process::Command::new(words[0]).args(&words[1..]).status().unwrap().success()); }',
    script:
      'let out = env::var("OUT_DIR").unwrap(); must_@(&["cc", "-c", "c/@.c", "-o", &format!("{out}/@.o")]);\n' +
      'must_@(&["ar", "crs", &format!("{out}/libword_@.a"), &format!("{out}/@.o")]);\n' +
      'println!("cargo::rerun-if-changed=c/@.c"); println!("cargo::rustc-link-search=native={out}"); println!("cargo::rustc-link-lib=static=word_@");',
    items: 'extern "C" { fn word_@() -> i32; }',
    print: 'unsafe { word_@() }',
    edits: [swap('{pkg}/c/@.c', '+ 1', '+ 2'), ...overlooked(contents('{pkg}/c/@.h', '#define WORD 3\n', '#define WORD 4\n'))],
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
    name: 'script-absolute-path',
    files: { '{pkg}/{data}/{name}.txt': 'one\n' },
    script: lines(
      'let path = format!("{}/{data}/{name}.txt", env::var("CARGO_MANIFEST_DIR").unwrap());',
      'println!("cargo::rerun-if-changed={path}"); println!("cargo::rustc-env=ABSOLUTE_@={}", read(&path));',
    ),
    print: 'env!("ABSOLUTE_@")',
    edits: contents('{pkg}/{data}/{name}.txt', 'two\n', 'three\n'),
  },
  {
    name: 'script-generates-include',
    files: { '{pkg}/{data}/g_@.txt': 'one\n' },
    script: lines(
      'let path = format!("{}/{data}/g_@.txt", env::var("CARGO_MANIFEST_DIR").unwrap());',
      'println!("cargo::rerun-if-changed=build.rs");',
      'fs::write(format!("{}/g_@.rs", env::var("OUT_DIR").unwrap()), format!("include_str!({path:?})")).unwrap();',
    ),
    print: 'include!(concat!(env!("OUT_DIR"), "/g_@.rs")).trim()',
    edits: contents('{pkg}/{data}/g_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'script-folder-outside',
    files: { '{beside}/r_@/a.txt': 'one\n', '{beside}/r_@/deep/b.txt': 'b\n' },
    script: lines(
      'println!("cargo::rerun-if-changed={tobeside}/r_@");',
      'let deep = fs::read_to_string("{tobeside}/r_@/deep/b.txt").unwrap_or_default();',
      'println!("cargo::rustc-env=AROUND_@={} {}", read("{tobeside}/r_@/a.txt"), deep.trim());',
    ),
    print: 'env!("AROUND_@")',
    edits: [
      ...contents('{beside}/r_@/a.txt', 'two\n', 'three\n'),
      ...contents('{beside}/r_@/deep/b.txt', 'c\n', 'd\n'),
      ...overlooked([{ does: 'remove a deep file', operations: [{ op: 'remove', path: '{beside}/r_@/deep/b.txt' }] }]),
    ],
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
    name: 'script-walks-up',
    files: { '{root}/marker_@.txt': 'one\n' },
    script: lines(
      'println!("cargo::rerun-if-changed=build.rs"); let start = env::var("CARGO_MANIFEST_DIR").unwrap();',
      'let found = std::path::Path::new(&start).ancestors().map(|dir| dir.join("marker_@.txt")).find(|path| path.exists());',
      'let word = found.map_or("none".into(), |path| fs::read_to_string(path).unwrap()); println!("cargo::rustc-env=MARKER_@={}", word.trim());',
    ),
    print: 'env!("MARKER_@")',
    edits: overlooked([...contents('{root}/marker_@.txt', 'two\n', 'three\n'), ...contents('{pkg}/marker_@.txt', 'nearer\n')]),
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
