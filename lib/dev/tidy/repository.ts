// The files of this repository that people read. This module knows no rules.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { globby } from 'globby';
import { byCodeUnit } from '../../core/digest.ts';
import type { SourceFile } from './rule.ts';

/** Returns the TypeScript files, sorted by path. */
export function typeScript(root: string): Promise<readonly SourceFile[]> {
  return read(root, ['lib/**/*.ts', 'tasks/**/*.ts', 'systems/**/*.ts', 'fixtures/**/*.ts', 'test-boot.ts']);
}

/**
 * Returns all other files that were written by hand. Lock files and recorded transcripts are left out,
 * because programs wrote them.
 */
export function otherText(root: string): Promise<readonly SourceFile[]> {
  return read(root, [
    '*.{json,md}',
    'justfile',
    '.ci/*',
    '.github/**/*.yml',
    '.gitlab-ci.yml',
    'fixtures/**/*.{rs,toml,ld,md}',
    'systems/**/*.{rs,toml,md}',
    'docs/*.md',
    '!package-lock.json',
    '!**/target/**',
  ]);
}

async function read(root: string, patterns: readonly string[]): Promise<readonly SourceFile[]> {
  const paths = (await globby([...patterns], { cwd: root, dot: true })).sort(byCodeUnit);
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })));
}
