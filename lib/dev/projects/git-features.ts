// Features that need a git repository.
import { contents, overlooked } from './feature.ts';
import type { Feature } from './feature.ts';

export const gitFeatures: readonly Feature[] = [
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
];
