// cargo accepts generated workspaces.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../../core/sh.ts';
import { driverSource, driverWorkspace, manyProjects } from './driver-workspace.ts';
import type { Files } from './driver-workspace.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** Returns the names of the packages that cargo finds with the generated lock. */
async function packages(files: Files, folder = '.'): Promise<readonly string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'driver-workspace-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const words = ['cargo', 'metadata', '--offline', '--locked', '--format-version', '1'];
    const text = await outputOf('read the workspace', ['/usr/bin/env', ...words], { cwd: join(dir, folder), env });
    return (JSON.parse(text) as { packages: readonly { name: string }[] }).packages.map(({ name }) => name);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('a workspace has as many members as are asked for, and its lock fits', async () => {
  const files = driverWorkspace(45);
  assert.is((await packages(files)).length, 45);
  assert.ok(driverSource(39) in files);
  assert.not.ok(driverSource(40) in files);
});

test('many projects have as many crates as are asked for', async () => {
  const files = manyProjects(3, 20);
  const counts = await Promise.all(['c00', 'c01', 'c02'].map((name) => packages(files, name)));
  assert.is(counts.flat().length, 20);
});

test.run();
