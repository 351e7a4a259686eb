// Fetches sources other than git: crates from a registry on this machine, archives, and patched copies. Also
// tests an unreadable lock.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveCrates } from '../dev/upstream/crate-registry.ts';
import { Fetching, failure, leftovers, one } from '../dev/upstream/fetching.ts';
import { serve, serveGit } from '../dev/upstream/git-server.ts';
import type { ServedFolder } from '../dev/upstream/git-server.ts';
import { makeRepository } from '../dev/upstream/repositories.ts';
import type { Repository } from '../dev/upstream/repositories.ts';
import { fetchUpstream } from './fetch.ts';
import { outputOf } from '../core/sh.ts';
import type { NamedSource } from './lock.ts';
import { vendorConfig } from './vendor.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const scratch = mkdtempSync(join(tmpdir(), 'fetch-upstream-'));
let server: ServedFolder;
const upstream = join(scratch, 'upstream');
mkdirSync(upstream);

test.before(async () => {
  server = await serveGit(upstream, { anyRevision: true });
});
const users: Fetching[] = [];
test.after(async () => {
  await server.close();
  for (const user of users) user.close();
  rmSync(scratch, { recursive: true, force: true });
});

function newUser(): Fetching {
  const user = new Fetching(env, fetchUpstream);
  users.push(user);
  return user;
}

let repositories = 0;
async function repository(): Promise<Repository & { readonly file: string; readonly name: string }> {
  const name = `repository-${repositories++}`;
  const made = await makeRepository(upstream, name);
  return { ...made, file: `file://${made.path}`, name };
}

test('crates of a Cargo.lock are vendored with their checksums, from the registry and from git', async () => {
  const [repo, library] = [await repository(), await repository()];
  const registry = await serveCrates([{ name: 'leftpad', version: '1.0.0', files: { 'src/lib.rs': 'pub fn pad() {}\n' } }], scratch);
  try {
    const packageText = '[package]\nname = "gitdep"\nversion = "0.1.0"\nedition = "2021"\n';
    const rev = await library.commit('library', { 'Cargo.toml': packageText, 'src/lib.rs': 'pub fn git() {}\n' });
    const lock = (sum: string): string =>
      [
        'version = 4\n',
        '[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = [\n "gitdep",\n "leftpad",\n]\n',
        `[[package]]\nname = "gitdep"\nversion = "0.1.0"\nsource = "git+https://git.invalid/${library.name}.git?branch=main#${rev}"\n`,
        `[[package]]\nname = "leftpad"\nversion = "1.0.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${sum}"\n`,
      ].join('\n');
    const dependencies = `[dependencies]\nleftpad = "1"\ngitdep = { git = "https://git.invalid/${library.name}.git", branch = "main" }\n`;
    await repo.commit('app', {
      'Cargo.toml': `[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n${dependencies}`,
      'Cargo.lock': lock(registry.checksum('leftpad')),
      'src/main.rs': 'fn main() { leftpad::pad(); gitdep::git() }\n',
    });
    const fetching = newUser();
    fetching.mirrors = [
      { from: 'https://git.invalid/', to: server.url },
      { from: 'crates-io', to: registry.url },
    ];
    const { sources } = await fetching.fetch(one('app', repo.file));
    const config = (await vendorConfig(sources[0]?.folder ?? '', fetching.cacheDir)) ?? '';
    assert.equal(readdirSync(join(config, '../../vendor')).sort(), ['gitdep-0.1.0', 'leftpad-1.0.0']);
    const target = join(fetching.folder, 'target');
    const words = ['cargo', 'build', '--offline', '--locked', '--target-dir', target, '--config', config];
    const home = join(fetching.folder, 'cargo-home');
    await outputOf('build it with cargo', ['/usr/bin/env', ...words], { cwd: sources[0]?.folder ?? '', env: { ...env, CARGO_HOME: home } });
    const asked = registry.requests.length;
    await fetching.fetch(one('app', repo.file));
    assert.is(registry.requests.length, asked);

    registry.damage('leftpad');
    fetching.forget();
    const { message } = await failure(fetching.fetch(one('app', repo.file)));
    assert.is(message, 'Cannot vendor the crates of app: a crate does not have the checksum of Cargo.lock');
    assert.equal(leftovers(fetching.cacheDir), []);
  } finally {
    await registry.close();
  }
});

test('an archive is unpacked without its top folder, and one with other bytes than the lock has is refused', async () => {
  const fetching = newUser();
  const top = join(fetching.folder, 'thing-1.0');
  mkdirSync(top);
  writeFileSync(join(top, 'a.txt'), 'one\n');
  const archive = join(fetching.folder, 'thing.tar.gz');
  const pack = (): Promise<string> =>
    outputOf('pack', ['/usr/bin/env', 'tar', '-czf', archive, '-C', fetching.folder, 'thing-1.0'], { cwd: '/', env });
  await pack();
  const files = await serve((_, response) => Promise.resolve(void response.end(readFileSync(archive))));
  try {
    const sources: readonly NamedSource[] = [{ name: 'thing', source: { tar: `${files.url}thing.tar.gz` }, cargoFolders: [] }];
    const { sources: fetched } = await fetching.fetch(sources);
    assert.is(readFileSync(join(fetched[0]?.folder ?? '', 'a.txt'), 'utf8'), 'one\n');
    writeFileSync(join(top, 'a.txt'), 'other\n');
    await pack();
    await fetching.fetch(sources);
    fetching.forget();
    assert.match((await failure(fetching.fetch(sources))).message, 'Cannot use the archive of thing: its SHA-256 is');
    const wrong: readonly NamedSource[] = [
      { name: 'thing', source: { tar: `${files.url}thing.tar.gz`, blake3: '0'.repeat(64) }, cargoFolders: [] },
    ];
    assert.match((await failure(newUser().fetch(wrong))).message, 'its BLAKE3 digest is');
  } finally {
    await files.close();
  }
});

test('patches are applied to a copy, and one that does not apply is named with its hunk', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\ntwo\nthree\n' });
  const fetching = newUser();
  const patch = join(fetching.folder, 'two.patch');
  const write = (line: string): void => writeFileSync(patch, `--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-${line}\n+2\n three\n`);
  const sources = one('part', repo.file).map((source) => ({ ...source, patches: [patch] }));
  write('two');
  const { sources: fetched } = await fetching.fetch(sources);
  assert.is(readFileSync(join(fetched[0]?.folder ?? '', 'a.txt'), 'utf8'), 'one\n2\nthree\n');
  write('other');
  const { message } = await failure(fetching.fetch(sources));
  assert.is(message, 'Cannot apply the patch "two.patch" to part: hunk 1 does not fit "a.txt" at line 1');
  assert.equal(leftovers(fetching.cacheDir), []);
});

test('a file with the revision is written to a copy', async () => {
  const repo = await repository();
  const rev = await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = newUser();
  const sources = one('part', repo.file).map((source) => ({ ...source, revisionFile: 'git_revision.txt' }));
  const { sources: fetched } = await fetching.fetch(sources);
  const folder = fetched[0]?.folder ?? '';
  assert.is(readFileSync(join(folder, 'git_revision.txt'), 'utf8'), `${rev}\n`);
  assert.is(readFileSync(join(folder, 'a.txt'), 'utf8'), 'one\n');
  const plain = await newUser().fetch(one('part', repo.file));
  assert.not.ok(existsSync(join(plain.sources[0]?.folder ?? '', 'git_revision.txt')));
});

test('a dry run reports the downloads and writes nothing', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = newUser();
  await fetching.fetch(one('part', repo.file), { dryRun: true });
  assert.match(fetching.notes.join('\n'), '1 of 1 sources will be downloaded');
  assert.not.ok(existsSync(fetching.lockPath));
  assert.not.ok(existsSync(fetching.cacheDir));
});

test('a damaged lock is named with the way out', async () => {
  const fetching = newUser();
  writeFileSync(fetching.lockPath, '{"version":1,"sources":[{"name":"x","git":"https://x","rev":"short"}]}');
  const { message, hint } = await failure(fetching.fetch([]));
  assert.is(message, `Cannot read "${fetching.lockPath}": its source 1 is not one`);
  assert.match(hint ?? '', 'fetch writes it again');
});

test.run();
