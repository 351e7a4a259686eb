// The output of tasks/closure.ts for a generated store and for manifests. Tests in lib/nix compare the results with those of Nix.
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { closureFlags, studyClosure } from './closure-task.ts';
import type { Outcome } from '../../core/events.ts';

const root = await mkdtemp(join(tmpdir(), 'closure-task-'));
test.after(() => rm(root, { recursive: true }));

const [lib, by, app] = ['1'.repeat(32) + '-lib-1.0', '2'.repeat(32) + '-lib-2.0', '3'.repeat(32) + '-app-1.0'];
const store = join(root, 'store');
await mkdir(store);
await writeFile(join(store, lib), 'lib');
await writeFile(join(store, by), 'new');
await writeFile(join(store, app), `${store}/${lib}`);
await symlink(join(store, app), join(root, 'result'));

const node = (id: string, version: string, bytes: number, ...references: readonly string[]): object => {
  return { id, name: id, version, kind: id === 'image' ? 'component' : 'package', bytes, references };
};
const image = (...nodes: readonly object[]): string => JSON.stringify({ closure: { root: 'image', nodes } });
await mkdir(join(root, 'out'));
await writeFile(
  join(root, 'out/toy-plain.json'),
  image(node('image', '', 0, 'coreutils'), node('coreutils', '9.7', 18_000, 'libc6'), node('libc6', '2.41', 12_000)),
);
await writeFile(
  join(root, 'out/toy-rust.json'),
  image(node('image', '', 0, 'uutils'), node('uutils', '0.0.30', 10_000, 'libc6'), node('libc6', '2.41', 12_000)),
);

async function ran(...words: readonly string[]): Promise<{ lines: readonly string[]; outcome: Outcome }> {
  const { task, lines } = puppetTask(closureFlags, words, root);
  return { outcome: await studyClosure(task), lines };
}

async function said(...words: readonly string[]): Promise<string> {
  const error: unknown = await ran(...words).then(
    () => 'nothing',
    (reason: unknown) => reason,
  );
  return error instanceof Failure ? `${error.exitCode} ${error.message} | ${error.hint}` : String(error);
}

test('the image of a page is named after the page, whatever the name of its file is', async () => {
  await writeFile(join(root, 'my-page.ts'), "export const system = { name: 'toy' };\n");
  const { lines } = await ran('size', './my-page.ts:plain');
  assert.equal(lines, (await ran('size', 'toy:plain')).lines);
});

test('size of a store path, by path, by link, by a file in it, by name with --store', async () => {
  const { lines, outcome } = await ran('size', join(store, app));
  assert.match(lines.join('\n'), new RegExp(`${lib} +120 +120\n${app} +\\d+ +\\d+\n\n2 in all`));
  const { json } = outcome as { json: { closures: [{ bytes: number; nodes: number }] } };
  assert.is(json.closures[0].nodes, 2);
  for (const words of [['result'], [join(store, app, 'bin/x')], [app, '--store', store], [`/elsewhere/${app}`, '--store', store]]) {
    const again = (await ran('size', ...words)).outcome as typeof outcome & { json: typeof json };
    assert.is(again.json.closures[0].bytes, json.closures[0].bytes, words.join(' '));
  }
});

test('two images are compared', async () => {
  const { lines, outcome } = await ran('size', 'toy:plain', 'toy:rust');
  assert.equal(lines, [
    '               toy:plain     toy:rust  difference',
    'components  1    0 bytes  1   0 bytes          ±0',
    'packages    2   29.3 KiB  2  21.5 KiB    -7.8 KiB',
    'in all      3   29.3 KiB  3  21.5 KiB    -7.8 KiB',
    '',
    'coreutils: 9.7 → ∅, -17.6 KiB',
    'uutils: ∅ → 0.0.30, +9.8 KiB',
  ]);
  const { json } = outcome as { json: { difference: number } };
  assert.is(json.difference, -8000);
});

test('packages, tree and why', async () => {
  assert.equal((await ran('packages', 'toy:plain', 'toy:rust')).lines, ['coreutils: 9.7 → ∅, -17.6 KiB', 'uutils: ∅ → 0.0.30, +9.8 KiB']);
  assert.equal((await ran('packages', 'out/toy-plain.json')).lines, [
    'coreutils 9.7, 17.6 KiB',
    'image ε, 0 bytes',
    'libc6 2.41, 11.7 KiB',
  ]);
  assert.equal((await ran('packages', 'toy:rust', 'toy:rust')).lines, ['The same packages.']);
  assert.equal((await ran('tree', 'toy:rust')).lines, ['image', '└───uutils', '    └───libc6']);
  assert.equal((await ran('why', 'toy:rust', 'libc6')).lines, ['image', '└───uutils', '    └───libc6']);
  assert.equal((await ran('why', 'result', join(store, lib))).lines, [`${store}/${app}`, `└───${store}/${lib}`]);
  assert.match(await said('why', 'toy:rust', 'coreutils'), '1 Cannot find "coreutils" in toy:rust: there is no such part in it');
  assert.match(await said('why', 'result', join(store, by)), /1 Cannot find ".*-lib-2.0" in result/);
});

test('hash and replace', async () => {
  const { outcome } = await ran('hash', join(store, lib));
  assert.match(JSON.stringify(outcome.json), /"narHash":"sha256:[0-9a-z]{52}","narSize":120/);
  const { outcome: replaced } = await ran('replace', 'result', '--replacement', `${lib}=${by}`, '--store', store, '--to', 'new');
  const { json } = replaced as { json: { path: string; at: string; rewritten: readonly { old: string; new: string }[] } };
  assert.equal((await readdir(join(root, 'new'))).sort(), ['.narinfo', json.rewritten[0]?.new]);
  assert.is(json.path, `${store}/${json.rewritten[0]?.new}`);
  assert.is(json.at, `${root}/new/${json.rewritten[0]?.new}`);
  const { lines } = await ran('replace', join(store, lib), '--replacement', `${app}=${app}`, '--store', store, '--to', 'none');
  assert.match(lines.join(), 'nothing had to be rewritten');
});

test('a cache is written, asked, copied from and verified', async () => {
  const { lines } = await ran('cache', 'result', '--to', 'cache');
  assert.match(lines.join(), /^2 paths \(\d+ bytes\) in cache$/);
  const asked = (await ran('size', app, '--from', 'cache')).outcome as { json: { closures: [{ nodes: number }] } };
  assert.is(asked.json.closures[0].nodes, 2);
  assert.match(
    (await ran('copy', 'cache', join(store, app), '--to', 'copied')).lines.join(),
    /^2 paths \(\d+ bytes\) in copied, 2 of them new$/,
  );
  assert.match(
    (await ran('copy', `file://${root}/cache`, app, '--to', 'copied')).lines.join(),
    /^2 paths \(\d+ bytes\) in copied, 0 of them new$/,
  );
  assert.equal((await ran('verify', 'copied')).lines, ['2 paths read, 0 damaged, 0 not known']);
  await writeFile(join(root, 'copied', lib), 'bil');
  const { outcome, lines: told } = await ran('verify', join('copied', app));
  assert.is(outcome.exitCode, 1);
  assert.match(told.join('\n'), new RegExp(`damaged ${lib}: its hash is .*\n2 paths read, 1 damaged`));
  assert.match(await said('copy', 'cache', app, '--to', 'copied'), /^1 Cannot copy ".*-lib-1.0": ".*" is there and is something else/);
  const { outcome: unknown } = await ran('verify', 'store');
  assert.equal([unknown.exitCode, (unknown.json as { unknown: string[] }).unknown.length], [0, 3]);
});

test('the replacement may come from a cache, and the result is the same', async () => {
  for (const path of ['result', join(store, by)]) await ran('cache', path, '--to', 'both');
  const pair = `${lib}=${by}`;
  const here = (await ran('replace', 'result', '--replacement', pair, '--to', 'swapped-here')).outcome.json;
  const there = (await ran('replace', app, '--from', 'both', '--replacement', pair, '--to', 'swapped-there', '--whole')).outcome.json;
  assert.is((here as { path: string }).path, (there as { path: string }).path);
  assert.equal((await ran('verify', 'swapped-there')).lines, ['2 paths read, 0 damaged, 0 not known']);
});

test('an invalid cache and an invalid key are refused', async () => {
  assert.match(await said('copy', 'out', app, '--to', 'x'), /^1 Cannot use the binary cache ".*out": it has no nix-cache-info/);
  assert.match(await said('copy', 'cache', app, '--to', 'x', '--trusted-key', 'k'), /^2 Cannot use a public key/);
  assert.match(await said('copy', 'cache', 'bin', '--to', 'x'), /^2 Cannot copy "bin": it is not a store path/);
  assert.match(await said('cache', 'result', '--to', 'x', '--secret-key', 'nowhere'), /^1 Cannot read ".*nowhere": it does not exist/);
});

test('an unknown verb, an invalid closure and missing arguments are usage errors', async () => {
  assert.match(await said('sise', 'x'), /^2 Cannot do "sise" with a closure: the verbs are size, .* \| did you mean size\?/);
  assert.match(await said('why', 'x'), /^2 Cannot read the command line: why needs A B/);
  assert.match(await said('hash', 'x', 'y'), /^2 .*"y" is one word too many/);
  assert.match(await said('size', 'nonsense'), /^2 Cannot use "nonsense": it is neither/);
  assert.match(await said('replace', 'result'), /^2 Cannot replace: it needs --to DIR/);
  assert.match(await said('replace', 'result', '--to', 'x'), /^2 Cannot replace: it needs --replacement OLD=NEW/);
  assert.match(await said('replace', 'result', '--to', 'x', '--replacement', 'y'), /^2 Cannot use --replacement "y": it is not OLD=NEW/);
  assert.match(await said('size', 'toy:none'), /^1 Cannot read the closure in ".*out\/toy-none.json": it does not exist/);
  assert.match(await said('size', `/nowhere/${app}`), /^1 Cannot read the store "\/nowhere": it does not exist/);
});

test.run();
