// The compilation benchmark: which programs it chooses, how figures become a table, and one real run with a
// program of one crate.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { projectSet } from '../../crates/project.ts';
import { rowOf, tableOf } from './crates-benchmark-table.ts';
import { benchmarkCrates, benchmarkEdits } from './crates-benchmark.ts';
import { leafFile, openWorkload, setText } from './crates-workload.ts';

const dir = await mkdtemp(join(tmpdir(), 'bloomery-benchmark-test-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text);
}

const manifest = (name: string): string => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`;
const hello = 'fn main() {\n    println!("hello");\n}\n';
await write('corpus/apps/tiny/Cargo.toml', manifest('tiny'));
await write('corpus/apps/tiny/src/main.rs', hello);
await write('corpus/apps/tiny/README.md', 'Tiny.\n');
await write('corpus/apps/other/Cargo.toml', manifest('other'));
await write('corpus/apps/other/src/bin/other.rs', hello);
await write('corpus/apps/README.md', '');
await write(
  'set.toml',
  '[[project]]\npath = "corpus/apps/other"\nname = "x"\nfeatures = ["a"]\ndefault-features = false\nenv = { A = "1" }\n',
);

test('the programs are those of a set file, of apps/, the folder itself, or the named ones', async () => {
  const corpus = join(dir, 'corpus');
  const names = async (...words: Parameters<typeof openWorkload>): Promise<readonly string[]> =>
    (await openWorkload(...words)).projects.map(({ name }) => name);
  assert.equal(await names(corpus, undefined, []), ['other', 'tiny']);
  assert.equal(await names(corpus, undefined, ['tiny']), ['tiny']);
  assert.equal(await names(corpus, join(dir, 'set.toml'), []), ['x']);
  assert.equal(await names(join(corpus, 'apps/tiny'), undefined, []), ['tiny']);
  for (const [wrong, hint] of [
    [() => openWorkload(corpus, undefined, ['tinny']), 'did you mean tiny?'],
    [() => openWorkload(join(corpus, 'apps/tiny'), join(dir, 'set.toml'), []), undefined],
    [() => openWorkload(join(dir, 'none'), undefined, []), undefined],
  ] as const) {
    const error = await wrong().then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(error instanceof Failure && error.exitCode === 2);
    if (error instanceof Failure) assert.is(error.hint, hint);
  }
});

test('a workload that is written as a set file is read back unchanged', async () => {
  const { projects } = await openWorkload(join(dir, 'corpus'), join(dir, 'set.toml'), []);
  const [project] = projects;
  assert.ok(project);
  if (project)
    assert.equal(projectSet(setText(projects), '/set.toml', { ...project, features: [], env: {}, defaultFeatures: true }), projects);
  if (project) assert.is(await leafFile({ ...project, name: 'other' }), join(dir, 'corpus/apps/other/src/bin/other.rs'));
});

test('figures become medians and ratios', () => {
  const cost = (wallMs: number): { wallMs: number; cpuMs: number } => ({ wallMs, cpuMs: 2 * wallMs });
  const ours = [500, 100, 300].map((wallMs) => ({ ...cost(wallMs), ownCpuMs: wallMs / 10, peakBytes: wallMs, misses: 1 }));
  const row = rowOf({ name: 'x cold', cargo: [cost(900), cost(300)], ours, sccache: [] });
  assert.equal([row.cargoMs, row.oursMs, row.ratio, row.ownCpuMs, row.peakBytes, row.sccacheMs], [600, 300, 0.5, 30, 500, undefined]);
  assert.equal(tableOf([row]), [
    '| case   | cargo s | ours s | ratio | cargo CPU s | ours CPU s | ratio | own CPU s |      peak | built | runs |',
    '|--------|--------:|-------:|------:|------------:|-----------:|------:|----------:|----------:|------:|-----:|',
    '| x cold |    0.60 |   0.30 | 0.500 |        1.20 |       0.60 | 0.500 |      0.03 | 500 bytes |     1 |    3 |',
  ]);
  assert.match(tableOf([rowOf({ name: 'x', cargo: [cost(1)], ours, sccache: [cost(2500)] })]).join('\n'), /sccache s.*\n.*\n.* 2\.50 \|/);
});

test('a real run has every case, builds only the expected units, and changes no file of the user', async () => {
  const workload = await openWorkload(join(dir, 'corpus'), undefined, ['tiny']);
  const scratch = await mkdtemp(join(dir, 'scratch-'));
  const cases = await benchmarkCrates({ workload, repeat: 1, scratch, env }, context);
  assert.equal(
    cases.map(({ name, ours }) => [name, ours.map(({ misses }) => misses)]),
    [
      ['tiny cold', [1]],
      ['system profile, cold', [1]],
      ['system profile, nothing changed', [0]],
      ['system profile, main.rs touched, README edited', [0]],
      ['system profile, second checkout', [0]],
      ['tiny edited', [1]],
    ],
  );
  for (const { cargo, ours } of cases) for (const { wallMs, cpuMs } of [...cargo, ...ours]) assert.ok(wallMs > 0 && cpuMs >= 0);
  assert.ok(cases.every(({ ours }) => ours.every(({ ownCpuMs = 0, peakBytes = 0 }) => ownCpuMs > 0 && peakBytes > 1 << 20)));
  assert.is(await readFile(join(dir, 'corpus/apps/tiny/src/main.rs'), 'utf8'), hello);
});

test('the inner loop of a program and of a workspace is measured alternately with cargo, in both profiles', async () => {
  const scratch = join(dir, 'scratch-edits');
  await mkdir(scratch);
  const workload = await openWorkload(join(dir, 'corpus'), undefined, ['tiny']);
  const cases = await benchmarkEdits({ workload, repeat: 1, scratch, env }, 13, context);
  const expected = ['tiny', 'workspace of 13'].flatMap((name) =>
    ['dev, nothing changed', 'dev, one line edited', 'release, nothing changed', 'release, one line edited'].map(
      (what) => `${name} ${what}`,
    ),
  );
  assert.equal(
    cases.map(({ name }) => name),
    expected,
  );
  assert.equal(
    cases.map(({ ours }) => ours.map(({ misses }) => misses)),
    [[0], [1], [0], [1], [0], [1], [0], [1]],
  );
  assert.ok(cases.every(({ cargo }) => cargo.length === 1));
});

test.run();
