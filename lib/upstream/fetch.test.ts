// Fetching git sources from real repositories, over file:// and http.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Fetching, failure, leftovers, one } from '../dev/upstream/fetching.ts';
import { serveGit } from '../dev/upstream/git-server.ts';
import type { ServedFolder } from '../dev/upstream/git-server.ts';
import { makeRepository } from '../dev/upstream/repositories.ts';
import type { Repository } from '../dev/upstream/repositories.ts';
import { fetchUpstream } from './fetch.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const scratch = mkdtempSync(join(tmpdir(), 'fetch-upstream-'));
let server: ServedFolder;
let strict: ServedFolder;
const upstream = join(scratch, 'upstream');
mkdirSync(upstream);

test.before(async () => {
  server = await serveGit(upstream, { anyRevision: true });
  strict = await serveGit(upstream, { anyRevision: false });
});
const users: Fetching[] = [];
test.after(async () => {
  await server.close();
  await strict.close();
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

for (const protocol of ['file', 'http'] as const) {
  test(`a branch is locked, and its files are fetched without git data over ${protocol}`, async () => {
    const repo = await repository();
    const rev = await repo.commit('first', { 'a.txt': 'one\n', 'deep/b.txt': 'two\n' });
    const fetching = newUser();
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
  const fetching = newUser();
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
  const fetching = newUser();
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

test('a force-pushed branch: the lock is built from the cache, and from the server while it still has the commit', async () => {
  const repo = await repository();
  await repo.commit('root', { 'a.txt': 'root\n' });
  await repo.commit('lost', { 'a.txt': 'lost\n' });
  const fetching = newUser();
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

test('a force-pushed branch on a server that sends only branches: the failure names the revision', async () => {
  const repo = await repository();
  await repo.commit('root', { 'a.txt': 'root\n' });
  const lost = await repo.commit('lost', { 'a.txt': 'lost\n' });
  const fetching = newUser();
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

test('an old commit of a branch is found on a server that sends only branches', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = newUser();
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
  const fetching = newUser();
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
  const fetching = newUser();
  const { sources } = await fetching.fetch(one('part', `${server.url}${outer.name}.git`));
  assert.is(readFileSync(join(sources[0]?.folder ?? '', 'parts/mid/in/inner.txt'), 'utf8'), 'inner\n');
  assert.not.ok(existsSync(join(sources[0]?.folder ?? '', 'parts/mid/.git')));
});

test('a mirror replaces an address, the longest prefix first, and the lock keeps the address', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = newUser();
  fetching.mirrors = [
    { from: 'https://git.invalid/', to: 'https://wrong.invalid/' },
    { from: 'https://git.invalid/group/', to: server.url },
  ];
  await fetching.fetch(one('part', `https://git.invalid/group/${repo.name}.git`));
  assert.match(fetching.lock(), `"https://git.invalid/group/${repo.name}.git"`);
});

test('no network is a failure of the host that leaves the lock as it was', async () => {
  const fetching = newUser();
  const { blame, message } = await failure(fetching.fetch(one('part', 'http://127.0.0.1:9/part.git')));
  assert.is(blame, 'host');
  assert.match(message, 'its server cannot be reached');
  assert.not.ok(existsSync(fetching.lockPath));
});

test('a server that fails once is asked again', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n' });
  const fetching = newUser();
  server.failNext(1);
  await fetching.fetch(one('part', `${server.url}${repo.name}.git`));
  assert.match(fetching.notes.join('\n'), 'trying again in 1 s');
});

test('a failed source does not affect the others, and the next fetch continues from there', async () => {
  const [good, bad] = [await repository(), await repository()];
  await good.commit('good', { 'a.txt': 'good\n' });
  await bad.commit('bad', { 'a.txt': 'bad\n' });
  const fetching = newUser();
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
  const { message, hint } = await failure(newUser().fetch(one('part', repo.file, { branch: 'mian' })));
  assert.match(message, 'resolve the branch "mian" of part');
  assert.is(hint, 'did you mean main?');
});

test('hooks, filters and configuration of the user are not run', async () => {
  const repo = await repository();
  await repo.commit('first', { 'a.txt': 'one\n', '.gitattributes': '*.txt filter=evil\n' });
  const fetching = newUser();
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
    assert.match((await failure(newUser().fetch(one('part', git)))).message, 'is not an address of a git repository');
  }
});

test.run();
