// Finds the folders of a project from its manifests.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolders } from './project-folders.ts';

const dir = await mkdtemp(join(tmpdir(), 'project-folders-'));
test.after(() => rm(dir, { recursive: true }));

async function manifest(folder: string, text: string): Promise<void> {
  const file = join(dir, folder, 'Cargo.toml');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function folders(of: string): Promise<readonly string[]> {
  return (await projectFolders(join(dir, of), join(dir, 'home'))).map((folder) => folder.slice(dir.length + 1)).sort();
}

test('a member has its whole workspace, members outside of it, and path dependencies with their workspaces', async () => {
  await manifest('w', '[workspace]\nmembers = ["crates/*", "../member"]\n[workspace.dependencies]\nshared = { path = "../shared" }\n');
  await manifest(
    'w/crates/a',
    '[package]\nname = "a"\n[dependencies]\nb = { path = "../b" }\nfar = { path = "../../../other/far" }\nserde = "1"\n',
  );
  const patch = '[patch.crates-io]\nd = { path = "../../../d" }\n';
  await manifest('w/crates/b', `[package]\nname = "b"\n[target."cfg(unix)".dev-dependencies]\nc = { path = "../../../c" }\n${patch}`);
  await manifest('member', '[package]\nname = "member"\n');
  await manifest('shared', '[package]\nname = "shared"\n');
  await manifest('other', '[workspace]\nmembers = ["far"]\n');
  await manifest('other/far', '[package]\nname = "far"\n');
  await manifest('c', '[package]\nname = "c"\n[build-dependencies]\na = { path = "../w/crates/a" }\n');
  await manifest('d', 'this is no manifest [');
  assert.equal(await folders('w/crates/a'), ['c', 'd', 'member', 'other', 'shared', 'w']);
});

test('a single package is its folder; without a package, nothing is watched', async () => {
  await manifest('alone', '[package]\nname = "alone"\n[dependencies]\ngone = { path = "../gone" }\n');
  assert.equal(await folders('alone'), ['alone']);
  assert.equal(await folders('nothing'), []);
});

test.run();
