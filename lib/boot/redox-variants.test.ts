// Builds variants of the bundled Redox with tasks/build.ts, as a user would: a live image, which is booted,
// and an encrypted one.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system } from '../../systems/redox.ts';
import type { Judgement } from '../console/verdict.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { bootTest } from './boot-test.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'redox-variants-'));
const image = join(dir, 'redox-minimal.img');
test.after(() => rm(dir, { recursive: true, force: true }));

const task = async (name: string, ...words: readonly string[]): Promise<RunResult> =>
  await run([process.execPath, join(project, 'tasks', `${name}.ts`), ...words], { cwd: dir, env });
const build = async (...words: readonly string[]): Promise<RunResult> =>
  await task('build', 'redox', '--profile', 'minimal', '--out', dir, '--size', '256', ...words);

async function boot(path: string): Promise<Judgement> {
  return await bootTest(
    {
      machine: system.machine,
      image: path,
      accelerator: 'tcg',
      cacheDir: join(dir, 'cache'),
      env: { PATH: pathOf(env) },
      rules: system.console,
      limits: { timeoutMs: 300_000, silenceMs: 120_000, graceMs: 500 },
      steps: [],
      log: `${path}.log`,
    },
    context,
  );
}

test('a live image boots, and the kernel finds the file system in memory', async () => {
  const built = await build('--live');
  assert.is(built.exitCode, 0, built.stderr);
  const live = join(dir, 'redox-minimal-live.img');
  const { verdict } = await boot(live);
  const text = await readFile(`${live}.log`, 'utf8');
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  const [, sizeMiB] = /^RedoxFS [0-9a-f-]+: (\d+) MiB/m.exec(text) ?? [];
  assert.match(text, `live: ${sizeMiB}/${sizeMiB} MiB`);
  const [, address, size] = /Live disk: ([0-9A-F]+):([0-9A-F]+)/.exec(text) ?? [];
  assert.ok(address);
  assert.is(Math.floor(Number.parseInt(size ?? '', 16) / 1024 / 1024), Number(sizeMiB));
});

test('an encrypted image is kept while its password is, and only the password opens it', async () => {
  const [first, second] = [join(dir, 'first'), join(dir, 'second')];
  await writeFile(first, 'one password\n');
  await writeFile(second, 'another\n');
  const built = await build('--encrypt', '--password-file', first);
  assert.is(built.exitCode, 0, built.stderr);
  const { mtimeMs } = await stat(image);
  assert.is((await build('--encrypt', '--password-file', first)).exitCode, 0);
  assert.is((await stat(image)).mtimeMs, mtimeMs, 'nothing changed');
  const list = async (password: string): Promise<RunResult> => await task('image', 'ls', image, 'RedoxFS/etc', '--password-file', password);
  assert.match((await list(first)).stdout, /RedoxFS\/etc\/hostname/);
  assert.match((await list(second)).stderr, /the password does not open it/);
  const asked = await task('image', 'ls', image);
  assert.is(asked.exitCode, 2);
  assert.match(asked.stderr, /Cannot read the password of the disk: standard input is not a terminal/);
  assert.is((await build('--encrypt', '--password-file', second)).exitCode, 0);
  assert.match((await list(second)).stdout, /RedoxFS\/etc\/hostname/);
  const manifest = await readFile(join(dir, 'redox-minimal.json'), 'utf8');
  const { partitions } = JSON.parse(manifest).image;
  assert.equal(
    partitions.map((row: { name: string; encrypted?: boolean }) => [row.name, row.encrypted]),
    [
      ['EFI', undefined],
      ['RedoxFS', true],
    ],
  );
  assert.not.match(manifest, /another|one password/);
});

test('the bundled bootloader reports that an encrypted file system is locked', async () => {
  const { verdict } = await boot(image);
  assert.is(verdict.kind, 'failed', JSON.stringify(verdict));
  assert.match(await readFile(`${image}.log`, 'utf8'), /Failed to open RedoxFS: /);
});

test('images without RedoxFS, and a password without --encrypt, are refused before anything is built', async () => {
  const plain = await build('--password-file', 'first');
  assert.is(plain.exitCode, 2);
  assert.match(plain.stderr, /Cannot use --password-file: the image is not to be encrypted/);
  const linux = await task('build', 'rust-nixos', '--encrypt', '--out', dir);
  assert.is(linux.exitCode, 2);
  assert.match(linux.stderr, /Cannot encrypt the image of rust-nixos: it has no RedoxFS/);
});

test.run();
