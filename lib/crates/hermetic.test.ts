// Runs build scripts and macros that do forbidden things in the real sandbox. Each fails with an error that
// names the package and the forbidden act, and the attempt has no effect. The flag --allow permits the act
// and is part of the key.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bubblewrap } from '../dev/testing/sandboxes.ts';
import { openCache } from '../cache/cache.ts';
import { Failure } from '../core/errors.ts';
import { outputOf } from '../core/sh.ts';
import type { Allowances } from './compiled.ts';
import { compile } from './compile.ts';
import { publish } from './compiled.ts';

const fixture = resolve(import.meta.dirname, '../../fixtures/crates-unruly');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-hermetic-'));
const home = join(dir, 'home');
const key = join(home, '.ssh/id_test');
const checkout = join(dir, 'checkout');
const present = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const [rustupHome, cargoHome] = [join(homedir(), '.rustup'), join(homedir(), '.cargo')];
const hostEnv = { RUSTUP_HOME: rustupHome, CARGO_HOME: cargoHome, ...present, HOME: home };
let connections = 0;
const server = createServer((socket) => {
  connections++;
  socket.end();
});

test.before(async () => {
  await bubblewrap();
  await cp(fixture, checkout, { recursive: true });
  await mkdir(join(home, '.ssh'), { recursive: true });
  await writeFile(key, 'a secret\n');
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
});

test.after(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

interface Wish {
  readonly env?: Readonly<Record<string, string>>;
  readonly allow?: Allowances;
  readonly from?: string;
  readonly sandbox?: boolean;
}

/** Compiles one package of the fixture; gives how many units were built. The program, if it has one, is below `out`. */
async function build(name: string, { env = {}, allow = {}, from = checkout, sandbox = true }: Wish = {}): Promise<number> {
  const context = { report: () => undefined, signal: new AbortController().signal };
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    const project = {
      name,
      dir: from,
      packages: [name],
      bins: [],
      lib: false,
      features: [],
      defaultFeatures: true,
      profile: 'release',
      triple: undefined,
      buildStd: [],
      buildStdFeatures: [],
      cargoConfigs: [],
      env: { UNRULY_PORT: String((server.address() as AddressInfo).port), ...env },
    };
    const shared = { cache, hostEnv, toolchain: undefined, rustSrc: undefined, jobs: 2, colour: false };
    const compiled = await compile([project], { ...shared, sandbox, allow, shorten: (path) => path }, context);
    for (const one of compiled.projects) await publish(one, join(dir, 'out'), cache);
    return compiled.misses;
  } finally {
    await cache.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => new Error('it should have failed'),
    (reason: unknown) => reason,
  );
  if (error instanceof Failure) return error;
  throw error;
}

const says = (name: string): Promise<string> => outputOf('run it', [join(dir, 'out/bin', name)], { cwd: dir, env: {} });

const unruly: readonly (readonly [act: string, name: string, env: Readonly<Record<string, string>>, sentence: RegExp, hint: RegExp])[] = [
  ['opens a socket', 'net-user', {}, /it tried to use the network \(127\.0\.0\.1 port \d+\)$/, /--allow net-user=net$/],
  ['looks a name up', 'net-user', { UNRULY_NETWORK: 'name' }, /the network \(example\.invalid\)$/, /--allow net-user=net$/],
  ['sends a datagram', 'net-user', { UNRULY_NETWORK: 'datagram' }, /the network \(192\.0\.2\.1 port \d+\)$/, /--allow net-user=net$/],
  ['lets a shell connect, unsaid', 'net-user', { UNRULY_NETWORK: 'shell' }, /the network \(127\.0\.0\.1 port \d+\)$/, /=net$/],
  ['reads a key below $HOME', 'home-reader', {}, /it tried to read ".*\/home\/\.ssh\/id_test", which is outside its package$/, /id_test$/],
  [
    'reads a key by its path',
    'home-reader',
    { UNRULY_PATH: key },
    /it tried to read ".*\/\.ssh\/id_test"/,
    /--allow home-reader=.*id_test$/,
  ],
  ['writes into its source', 'self-writer', {}, /it tried to write "src\/generated\.rs", and sources are read-only$/, /OUT_DIR/],
];

for (const [act, name, env, sentence, hint] of unruly) {
  test(`a build script that ${act} fails, and the error names it and the act`, async () => {
    const failure = await failureOf(build(name, { env }));
    assert.is(failure.exitCode, 1);
    assert.match(failure.message, new RegExp(`^Cannot run the build script of ${name} 1\\.0\\.0: it tried to `));
    assert.match(failure.message, sentence);
    assert.match(failure.hint ?? '', hint);
    assert.is(connections, 0);
    assert.equal(await readdir(join(checkout, 'self-writer/src')), ['lib.rs']);
    assert.equal(await readdir(join(dir, 'cache/v1/tmp')), []);
  });
}

test('a macro that reads a file of the host fails the compilation of its user, by name', async () => {
  const failure = await failureOf(build('spied'));
  assert.match(failure.message, 'Cannot compile spied 1.0.0: a procedural macro tried to read "/etc/shadow", which is outside its package');
  assert.match(failure.detail ?? '', 'spied/src/lib.rs:2');
});

test('an act whose refusal a script swallows has no effect', async () => {
  await build('net-user', { env: { UNRULY_NETWORK: 'silent' } });
  assert.is(connections, 0);
});

test('--allow NAME=net lets a script reach the host, is part of the key, and is for that package only', async () => {
  const allow = { 'net-user': { network: true, paths: [] } };
  assert.is(await build('net-user', { allow }), 1); // only the run; what it leads to is as it was
  assert.is(connections, 1);
  assert.is(await build('net-user', { allow }), 0);
  await failureOf(build('net-user', { allow: { spy: { network: true, paths: [] } } }));
  assert.is(connections, 1);
});

test('--allow NAME=PATH shows that path, and its content is an input', async () => {
  const wish = { env: { UNRULY_PATH: key }, allow: { 'home-reader': { network: false, paths: [key] } } };
  assert.ok((await build('home-reader', wish)) > 0);
  assert.is(await build('home-reader', wish), 0);
  await writeFile(key, 'another secret\n');
  assert.is(await build('home-reader', wish), 3);
  await failureOf(build('home-reader', { env: wish.env }));
});

test('an allowed path within the workspace is the same place for every checkout', async () => {
  const other = join(dir, 'other');
  await cp(fixture, other, { recursive: true });
  const wish = (from: string): Wish => ({ from, allow: { 'sibling-reader': { network: false, paths: [join(from, 'home-reader')] } } });
  assert.ok((await build('sibling-reader', wish(checkout))) > 0);
  assert.is(await build('sibling-reader', wish(other)), 0);
});

test('an --allow without effect is a usage error', async () => {
  const unknown = await failureOf(build('net-user', { allow: { 'net-usr': { network: true, paths: [] } } }));
  assert.equal([unknown.exitCode, unknown.hint], [2, 'did you mean "net-user"?']);
  assert.match(unknown.message, 'Cannot allow "net-usr" anything: there is no package of that name in this build');
  const nowhere = await failureOf(build('net-user', { allow: { 'net-user': { network: false, paths: [join(dir, 'nowhere')] } } }));
  assert.equal([nowhere.exitCode, nowhere.message], [2, `Cannot allow "${dir}/nowhere" to net-user: it does not exist`]);
});

test("a script of the user's package sees its neighbour in the workspace, and the files that it read are inputs", async () => {
  assert.ok((await build('sibling-reader')) > 0);
  assert.is(await build('sibling-reader'), 0);
  await writeFile(join(checkout, 'home-reader/src/unread.rs'), '');
  assert.is(await build('sibling-reader'), 0);
  const manifest = join(checkout, 'home-reader/Cargo.toml');
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, `${text}\n`);
  assert.ok((await build('sibling-reader')) > 0);
  await writeFile(manifest, text);
});

test('a file outside of the package may be read once the script declares it, and is an input from then on', async () => {
  await build('proto-user');
  assert.is(await says('proto-user'), 'hello\n');
  assert.is(await build('proto-user'), 0);
  await writeFile(join(checkout, 'proto/greeting.txt'), 'good day\n');
  assert.is(await build('proto-user'), 2);
  assert.is(await says('proto-user'), 'good day\n');
});

test('without a sandbox a program that holds the path of its checkout is not cached for other checkouts; in a sandbox it contains a place', async () => {
  for (const _ of [1, 2]) {
    assert.is(await build('path-baker', { sandbox: false }), 1);
    assert.is(await says('path-baker'), `${checkout}/path-baker\n`);
  }
  assert.is(await build('path-baker'), 1);
  assert.is(await build('path-baker'), 0);
  assert.is(await says('path-baker'), '/bloomery/above/above/above/above/here/path-baker\n');
});

test.run();
