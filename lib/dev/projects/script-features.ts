// Features of build scripts that read files and variables, with and without declaring them.
import { contents, lines, overlooked, variable } from './feature.ts';
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
];
