// Fetching upstream sources from real git repositories, over file:// and http, and crates from a registry on this machine.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { Context, Event } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { serveCrates } from '../../fixtures/upstream/crate-registry.ts';
import { serve, serveGit } from '../../fixtures/upstream/git-server.ts';
import type { ServedFolder } from '../../fixtures/upstream/git-server.ts';
import { makeRepository } from '../../fixtures/upstream/repositories.ts';
import type { Repository } from '../../fixtures/upstream/repositories.ts';
import { fetchUpstream } from './fetch.ts';
import type { FetchedUpstream, UpstreamRequest } from './fetch.ts';
import type { Mirror } from './mirror.ts';
import type { NamedSource } from './source.ts';
import { vendorConfig } from './vendor.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const scratch = mkdtempSync(join(tmpdir(), 'fetch-upstream-'));
let number = 0;
let server: ServedFolder;
let strict: ServedFolder;
const upstream = join(scratch, 'upstream');
mkdirSync(upstream);

test.before(async () => {
  server = await serveGit(upstream, { anyRevision: true });
  strict = await serveGit(upstream, { anyRevision: false });
});
test.after(async () => {
  await server.close();
  await strict.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** A lock and a cache of its own, and what it reports. */
class Fetching {
  readonly folder = join(scratch, `fetching-${number++}`);
  readonly lockPath = join(this.folder, 'sources.lock');
  readonly notes: string[] = [];
  readonly #context: Context = {
    signal: new AbortController().signal,
    report: (event: Event) => {
      if (event.kind === 'note') this.notes.push(event.text);
    },
  };
  cacheDir = join(this.folder, 'cache');
  mirrors: readonly Mirror[] = [];

  constructor() {
    mkdirSync(this.folder);
  }

  async fetch(sources: readonly NamedSource[], more: Partial<UpstreamRequest> = {}): Promise<FetchedUpstream> {
    return await fetchUpstream(
      {
        ...{ sources, only: [], update: false, dryRun: false, lockPath: this.lockPath, cacheDir: this.cacheDir },
        ...{ host: { env, mirrors: this.mirrors }, sysroot },
        ...more,
      },
      this.#context,
    );
  }

  /** A user whose cache is empty. */
  forget(): void {
    rmSync(this.cacheDir, { recursive: true, force: true });
  }

  lock(): string {
    return readFileSync(this.lockPath, 'utf8');
  }
}

async function sysroot(): Promise<string> {
  return (await outputOf('find the toolchain', ['/usr/bin/env', 'rustc', '--print', 'sysroot'], { cwd: '/', env })).trim();
}

const one = (name: string, git: string, pin: object = { branch: 'main' }): readonly NamedSource[] => [
  { name, source: { git, ...pin }, cargoFolders: ['.'] },
];

async function failure(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`there is no failure but ${String(error)}`);
  return error;
}

/** What is in a cache besides finished folders. */
function leftovers(cacheDir: string): readonly string[] {
  return readdirSync(join(cacheDir, 'upstream')).filter((name) => name.includes('partial'));
}

let repositories = 0;
async function repository(): Promise<Repository & { readonly file: string; readonly name: string }> {
  const name = `repository-${repositories++}`;
  const made = await makeRepository(upstream, name);
  return { ...made, file: `file://${made.path}`, name };
}

for (const protocol of ['file', 'http'] as const) {
  test(`a branch is locked, and its files are fetched without git data over ${protocol}`, async () => {
    const repo = await repository();
    const rev = await repo.commit('first', { 'a.txt': 'one\n', 'deep/b.txt': 'two\n' });
    const fetching = new Fetching();
    const url = protocol === 'file' ? repo.file : `${server.url}${repo.name}.git`;
    const { sources, wroteLock } = await fetching.fetch(one('part', url));
    assert.is(sources[0]?.locked && 'rev' in sources[0].locked && sources[0].locked.rev, rev);
    const folder = sources[0]?.folder ?? '';
    assert.is(readFileSync(join(folder, 'deep/b.txt'), 'utf8'), 'two\n');
    assert.not.ok(existsSync(join(folder, '.git')));
    assert.ok(wroteLock);
    assert.equal(leftovers(fetching.cacheDir), []);
    assert.match(fetching.notes.join('\n'), `to download: part from ${url}, branch "main" at ${rev.slice(0, 12)}`);
  });
}

test('a second fetch asks no server', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  const sources = one('part', `${server.url}${repo.name}.git`);
  await fetching.fetch(sources);
  const before = server.requests.length;
  const again = await fetching.fetch(sources);
  assert.is(server.requests.length, before);
  assert.equal([again.sources[0]?.fetched, again.wroteLock], [false, false]);
});

test('the lock decides after the branch has moved, and --update reports the commits between', async () => {
  const repo = await repository();
  const first = await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  const sources = one('part', `${server.url}${repo.name}.git`);
  await fetching.fetch(sources);
  await repo.commit('second', { 'a.txt': 'two\n' });
  const third = await repo.commit('third: a colon\tand a tab', { 'a.txt': 'three\n' });
  fetching.forget();
  const locked = await fetching.fetch(sources);
  assert.is(readFileSync(join(locked.sources[0]?.folder ?? '', 'a.txt'), 'utf8'), 'one\n');
  const { updates, sources: updated } = await fetching.fetch(sources, { update: true });
  assert.is(readFileSync(join(updated[0]?.folder ?? '', 'a.txt'), 'utf8'), 'three\n');
  assert.equal(
    updates.map(({ from, to, history }) => [from, to, history.descends, history.commits?.map(({ subject }) => subject)]),
    [[first, third, true, ['third: a colon\tand a tab', 'second']]],
  );
});

test('a force-pushed branch: the lock is built from what the cache has, and from the server while it still has the commit', async () => {
  const repo = await repository();
  await repo.commit('root', { 'a.txt': 'root\n' });
  await repo.commit('lost', { 'a.txt': 'lost\n' });
  const fetching = new Fetching();
  const sources = one('part', `${server.url}${repo.name}.git`);
  await fetching.fetch(sources);
  await repo.git('reset', '--quiet', '--hard', 'HEAD~1');
  await repo.commit('another', { 'a.txt': 'another\n' });
  assert.is(readFileSync(join((await fetching.fetch(sources)).sources[0]?.folder ?? '', 'a.txt'), 'utf8'), 'lost\n');
  fetching.forget();
  assert.is(readFileSync(join((await fetching.fetch(sources)).sources[0]?.folder ?? '', 'a.txt'), 'utf8'), 'lost\n');
  const { updates } = await fetching.fetch(sources, { update: true });
  assert.is(updates[0]?.history.descends, false);
});

test('a force-pushed branch on a server that gives only what its branches have: the failure names the revision', async () => {
  const repo = await repository();
  await repo.commit('root', { 'a.txt': 'root\n' });
  const lost = await repo.commit('lost', { 'a.txt': 'lost\n' });
  const fetching = new Fetching();
  const sources = one('part', `${strict.url}${repo.name}.git`);
  await fetching.fetch(sources);
  const lock = fetching.lock();
  await repo.git('reset', '--quiet', '--hard', 'HEAD~1');
  await repo.commit('another', { 'a.txt': 'another\n' });
  fetching.forget();
  const { message, hint } = await failure(fetching.fetch(sources));
  assert.match(message, `no longer has the locked revision ${lost} on its branch "main"`);
  assert.match(hint ?? '', '--update part');
  assert.is(fetching.lock(), lock);
  assert.equal(leftovers(fetching.cacheDir), []);
});

test('an old commit of a branch is found on a server that gives only what its branches have', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  const sources = one('part', `${strict.url}${repo.name}.git`);
  await fetching.fetch(sources);
  await repo.commit('second', { 'a.txt': 'two\n' });
  fetching.forget();
  assert.is(readFileSync(join((await fetching.fetch(sources)).sources[0]?.folder ?? '', 'a.txt'), 'utf8'), 'one\n');
});

test('a moved tag stops an update of all sources, and is taken if its source is named', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  await repo.git('tag', '-a', 'v1', '-m', 'one');
  await repo.git('push', '--quiet', 'origin', 'v1');
  const fetching = new Fetching();
  const sources = one('part', repo.file, { tag: 'v1' });
  await fetching.fetch(sources);
  const lock = fetching.lock();
  const moved = await repo.commit('second', { 'a.txt': 'two\n' });
  await repo.git('tag', '-f', 'v1');
  await repo.git('push', '--quiet', '--force', 'origin', 'v1');
  const { message } = await failure(fetching.fetch(sources, { update: true }));
  assert.match(message, 'its tag "v1" has moved');
  assert.is(fetching.lock(), lock);
  await fetching.fetch(sources, { update: true, only: ['part'] });
  assert.match(fetching.lock(), moved);
});

test('submodules are fetched, also by relative addresses and nested', async () => {
  const [inner, middle, outer] = [await repository(), await repository(), await repository()];
  await inner.commit('inner', { 'inner.txt': 'inner\n' });
  await middle.commit('middle', { 'middle.txt': 'middle\n' });
  await middle.git('submodule', '--quiet', 'add', `../${inner.name}.git`, 'in');
  await middle.commit('with inner', {});
  await outer.commit('outer', { 'outer.txt': 'outer\n' });
  await outer.git('submodule', '--quiet', 'add', middle.file, 'parts/mid');
  await outer.commit('with middle', {});
  const fetching = new Fetching();
  const { sources } = await fetching.fetch(one('part', `${server.url}${outer.name}.git`));
  assert.is(readFileSync(join(sources[0]?.folder ?? '', 'parts/mid/in/inner.txt'), 'utf8'), 'inner\n');
  assert.not.ok(existsSync(join(sources[0]?.folder ?? '', 'parts/mid/.git')));
});

test('a mirror takes the place of an address, the longest prefix first, and the lock keeps the address', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  fetching.mirrors = [
    { from: 'https://git.invalid/', to: 'https://wrong.invalid/' },
    { from: 'https://git.invalid/group/', to: server.url },
  ];
  await fetching.fetch(one('part', `https://git.invalid/group/${repo.name}.git`));
  assert.match(fetching.lock(), `"https://git.invalid/group/${repo.name}.git"`);
});

test('no network is a failure of the host that leaves the lock as it was', async () => {
  const fetching = new Fetching();
  const { blame, message } = await failure(fetching.fetch(one('part', 'http://127.0.0.1:9/part.git')));
  assert.is(blame, 'host');
  assert.match(message, 'its server cannot be reached');
  assert.not.ok(existsSync(fetching.lockPath));
});

test('a server that fails once is asked again', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  server.failNext(1);
  await fetching.fetch(one('part', `${server.url}${repo.name}.git`));
  assert.match(fetching.notes.join('\n'), 'trying again in 1 s');
});

test('a failed source does not lose the others, and the next fetch goes on from there', async () => {
  const [good, bad] = [await repository(), await repository()];
  await good.commit('good', { 'a.txt': 'good\n' });
  await bad.commit('bad', { 'a.txt': 'bad\n' });
  const fetching = new Fetching();
  const sources = [...one('good', good.file), ...one('bad', `${strict.url}${bad.name}.git`)];
  await fetching.fetch(sources);
  fetching.forget();
  await bad.git('commit', '--quiet', '--amend', '-m', 'rewritten');
  await bad.git('push', '--quiet', '--force', 'origin', 'HEAD');
  await failure(fetching.fetch(sources));
  assert.is(readdirSync(join(fetching.cacheDir, 'upstream')).filter((name) => /^git-[0-9a-f]{40}$/.test(name)).length, 1);
  const again = await fetching.fetch(sources, { update: true, only: ['bad'] });
  assert.is(again.sources.length, 1);
  assert.match(fetching.lock(), '"good"');
});

test('a branch that does not exist is named with the nearest one', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const { message, hint } = await failure(new Fetching().fetch(one('part', repo.file, { branch: 'mian' })));
  assert.match(message, 'resolve the branch "mian" of part');
  assert.is(hint, 'did you mean main?');
});

test('hooks, filters and configuration of the user are not run', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n', '.gitattributes': '*.txt filter=evil\n' });
  const fetching = new Fetching();
  const home = join(fetching.folder, 'home');
  const [proof, hooks] = [join(home, 'proof'), join(home, 'hooks')];
  mkdirSync(hooks, { recursive: true });
  writeFileSync(join(hooks, 'post-checkout'), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 });
  writeFileSync(join(home, '.gitconfig'), `[core]\nhooksPath = ${hooks}\n[filter "evil"]\nsmudge = touch ${proof}\n`);
  await fetching.fetch(one('part', repo.file), { host: { env: { ...env, HOME: home }, mirrors: [] } });
  assert.not.ok(existsSync(proof));
});

test('addresses that start programs are refused', async () => {
  for (const git of ['ext::sh -c touch% /tmp/x', '--upload-pack=touch /tmp/x', 'fd::7']) {
    assert.match((await failure(new Fetching().fetch(one('part', git)))).message, 'is not an address of a git repository');
  }
});

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
    const fetching = new Fetching();
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
  const fetching = new Fetching();
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
    assert.match((await failure(new Fetching().fetch(wrong))).message, 'its BLAKE3 digest is');
  } finally {
    await files.close();
  }
});

test('a dry run reports what would be downloaded and writes nothing', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = new Fetching();
  await fetching.fetch(one('part', repo.file), { dryRun: true });
  assert.match(fetching.notes.join('\n'), '1 of 1 sources will be downloaded');
  assert.not.ok(existsSync(fetching.lockPath));
  assert.not.ok(existsSync(fetching.cacheDir));
});

test('a damaged lock is named with the way out', async () => {
  const fetching = new Fetching();
  writeFileSync(fetching.lockPath, '{"version":1,"sources":[{"name":"x","git":"https://x","rev":"short"}]}');
  const { message, hint } = await failure(fetching.fetch([]));
  assert.is(message, `Cannot read "${fetching.lockPath}": its source 1 is not one`);
  assert.match(hint ?? '', 'fetch writes it anew');
});

test.run();
