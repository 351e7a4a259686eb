// tasks/cache.ts and tasks/explain.ts with a cache that real builds have filled: the output and exit code of
// each verb, and that removed results are built again to the same bytes.
import { appendFile, chmod, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../../cache/cache.ts';
import { digestFile } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { parseAge, parseSize } from '../command-line.ts';
import { roleOf } from './cache-results.ts';
import { cacheFlags, strayFlag } from './cache-task.ts';
import { matching } from './explain-task.ts';

const project = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'bloomery-cache-task-'));
const [cacheDir, checkout] = [join(dir, 'cache'), join(dir, 'checkout')];
await cp(join(project, 'fixtures/crates'), checkout, { recursive: true });
test.after(() => rm(dir, { recursive: true, force: true }));

const task = (name: string, ...words: readonly string[]): Promise<RunResult> =>
  run([process.execPath, join(project, `tasks/${name}.ts`), ...words, '--cache', cacheDir], { cwd: dir, env });

interface Json {
  readonly units: readonly {
    readonly unit: string;
    readonly reasons: readonly string[];
    readonly record: { readonly argv: readonly string[] };
  }[];
  readonly misses: number;
  readonly missed: readonly { readonly unit: string; readonly reasons: readonly string[] }[];
  readonly savedSeconds: number;
  readonly bytes: number;
  readonly blobs: { readonly count: number };
  readonly usage: Readonly<Record<string, { readonly builds: number; readonly built: number }>>;
  readonly roles: Readonly<Record<string, { readonly count: number }>>;
  readonly damage: readonly { readonly path: string }[];
  readonly rebuilt: { readonly same: number; readonly results: readonly unknown[] };
  readonly records: number;
  readonly freedBytes: number;
  readonly running: number;
}

function jsonOf({ stdout, stderr }: RunResult): Json {
  assert.match(stdout, /\{.*\}\n$/, stderr);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Json;
}

async function build(...words: readonly string[]): Promise<{ readonly json: Json; readonly stderr: string; readonly program: Digest }> {
  const result = await task('crates', checkout, '--release', '--out', 'out', '--json', ...words);
  assert.is(result.exitCode, 0, result.stderr);
  return { json: jsonOf(result), stderr: result.stderr, program: await digestFile(join(dir, 'out/bin/greeter')) };
}

/** Returns the paths of the blobs of the cache. */
async function blobPaths(): Promise<readonly string[]> {
  const entries = await readdir(join(cacheDir, 'v1/content'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}

test('a miss is explained while it is built, and afterwards by name', async () => {
  const first = await build('--explain');
  assert.ok(first.json.missed.every(({ reasons }) => reasons.join() === 'first time'));
  await appendFile(join(checkout, 'greeter/words.txt'), 'four\n');
  const second = await build('--explain', '--timings', 'timeline.html');
  assert.match(second.stderr, 'missed greeter 0.1.0 (run build script): greeter/words.txt changed\n');
  assert.equal(
    second.json.missed.map(({ unit }) => unit),
    ['greeter 0.1.0 (run build script)', 'greeter 0.1.0', 'greeter 0.1.0 (bin greeter)'],
  );
  assert.match(await readFile(join(dir, 'timeline.html'), 'utf8'), /<svg[^]*greeter 0\.1\.0/);
  assert.equal((await build('--explain')).json.missed, []);

  const one = await task('explain', 'greeter 0.1.0 (run build script)', '--json');
  assert.equal(
    jsonOf(one).units.map(({ reasons }) => reasons),
    [['greeter/words.txt changed']],
  );
  assert.match(one.stdout, /^greeter 0\.1\.0 \(run build script\)\n {2}key {6}[0-9a-f]{64}\n/);
  assert.is(jsonOf(await task('explain', 'greeter', '--json')).units.length, 4);
  const wrong = await task('explain', 'gretter');
  assert.equal([wrong.exitCode, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /Cannot explain "gretter": .*\nhint: did you mean "greeter"\?/);
});

test('stats distinguish programs from libraries', async () => {
  const { bytes, blobs, roles, usage } = jsonOf(await task('cache', 'stats', '--json'));
  const own = usage['checkout'];
  assert.ok(own && own.builds > 0 && own.built > 0, 'what the builds of this file had of the cache');
  assert.ok(bytes > 1 * MiB && blobs.count > 10);
  assert.ok((roles['programs']?.count ?? 0) >= 3 && (roles['libraries']?.count ?? 0) >= 3, JSON.stringify(roles));
});

test('a clean cache verifies, and results compiled again are the same', async () => {
  const result = await task('cache', 'verify', '--rebuild', '3', '--seed', 'x', '--json');
  assert.is(result.exitCode, 0, result.stdout + result.stderr);
  assert.equal([jsonOf(result).rebuilt.results.length, jsonOf(result).rebuilt.same, jsonOf(result).damage.length], [3, 3, 0]);
});

test('damage is found, repaired, and built again to the same bytes', async () => {
  const { program } = await build();
  const blobs = await blobPaths();
  for (const path of blobs) await flip(path);
  await rm(join(dir, 'out'), { recursive: true });
  const found = await task('cache', 'verify', '--json');
  assert.is(found.exitCode, 1);
  assert.equal(
    jsonOf(found).damage.map(({ path }) => path),
    blobs,
  );
  assert.is((await task('cache', 'verify', '--repair')).exitCode, 1);
  assert.equal(await blobPaths(), []);
  const again = await build('--explain');
  assert.is(again.program, program);
  assert.ok(
    again.json.missed.length > 0 && again.json.missed.every(({ reasons }) => reasons.join() === 'its result is no longer in the cache'),
  );
  // Results of earlier sources still lack their blobs. A second repair removes them.
  await task('cache', 'verify', '--repair');
  assert.is((await task('cache', 'verify')).exitCode, 0);
});

test('gc frees the printed size and leaves a valid cache, and removed results are built again', async () => {
  const { program } = await build();
  const dry = jsonOf(await task('cache', 'gc', '--max-size', '1M', '--dry-run', '--json'));
  const collected = jsonOf(await task('cache', 'gc', '--max-size', '1M', '--json'));
  assert.equal([collected.freedBytes, collected.records], [dry.freedBytes, dry.records]);
  assert.ok(collected.freedBytes > 1 * MiB);
  assert.equal(await readdir(join(cacheDir, 'v1/tmp')), []);
  assert.is((await task('cache', 'verify')).exitCode, 0);
  assert.is((await build()).program, program);
});

test('gc keeps results that a running build may use', async () => {
  const other = await openCache(cacheDir, process.pid, () => {});
  try {
    const before = await blobPaths();
    const { running } = jsonOf(await task('cache', 'gc', '--max-size', '0', '--older-than', '0s', '--json'));
    assert.is(running, 1);
    assert.equal(await blobPaths(), before);
  } finally {
    await other.close();
  }
  assert.is((await build()).json.misses, 0);
});

test('errors are sentences with exit 2, and no file is left', async () => {
  const none = join(dir, 'none');
  for (const [words, sentence] of [
    [['lint'], 'Cannot do "lint" with the cache: the verbs are stats, verify, gc'],
    [['stats', '--max-size', '1G'], '--max-size belongs to gc'],
    [['gc', '--older-than', 'soon'], 'Cannot use --older-than "soon": it must be an age'],
    [['verify', '--rebuild', '0'], 'it must be a whole number of at least 1'],
    [['verify', '--cache', none], `Cannot open the cache in "${none}": there is no cache in that folder`],
  ] as const) {
    const { exitCode, stderr } = await run([process.execPath, join(project, 'tasks/cache.ts'), '--cache', cacheDir, ...words], {
      cwd: dir,
      env,
    });
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, sentence);
    assert.not.match(stderr, /^ +at /m);
  }
  assert.is(await stat(none).catch(() => undefined), undefined);
});

test('every flag belongs either to all verbs or to one', () => {
  const own = Object.keys(cacheFlags).filter((flag) => !['cache', 'json'].includes(flag));
  assert.ok(own.length >= 6);
  for (const flag of own) {
    const takers = ['stats', 'verify', 'gc'].filter((verb) => strayFlag(verb, (given) => given === flag) === undefined);
    assert.is(takers.length, 1, flag);
  }
});

test('sizes and ages are read in their usual forms', () => {
  assert.equal(
    ['4096', '1K', '1.5 MiB', '2G'].map((text) => parseSize('x', text)),
    [4096, KiB, 1.5 * MiB, 2048 * MiB],
  );
  assert.equal(
    ['90s', '2m', '12h', '30d', '1w'].map((text) => parseAge('x', text)),
    [90e3, 120e3, 12 * 3600e3, 30 * 86400e3, 7 * 86400e3],
  );
  for (const bad of ['', '-1G', '1X', 'G', '1 2', 'constructor']) {
    assert.throws(
      () => parseSize('max-size', bad),
      (error: unknown) => error instanceof Failure && error.exitCode === 2,
    );
  }
});

test('artifacts are distinguished by name and mode, units by package and version', () => {
  const roles = [
    ['a.rlib', false],
    ['liba.so', true],
    ['a.rmeta', false],
    ['a', true],
    ['a.d', true],
    ['out/gen.rs', false],
  ] as const;
  assert.equal(
    roles.map(([path, executable]) => roleOf({ path, executable })),
    ['libraries', 'libraries', 'metadata', 'programs', 'other artifacts', 'other artifacts'],
  );
  const labels = ['a 1.0', 'a 1.0 (bin a)', 'a 2.0', 'ab 1.0'];
  assert.equal(
    ['a', 'a 1.0', 'a 1', 'b'].map((wanted) => matching(wanted, labels)),
    [labels.slice(0, 3), ['a 1.0'], [], []],
  );
});

test.run();
