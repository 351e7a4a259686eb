// Errors on the command line of tasks/bench.ts, which are reported before a measurement.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { benchFlags, measure } from './bench-task.ts';
import { parseCommandLine } from '../../cli/command-line.ts';

const usage = { command: 'bench', words: 'image|crates', about: '', count: [1, 1], flags: benchFlags, examples: [] } as const;

test('an unknown benchmark, corpus or program is an error with exit 2', async () => {
  for (const [words, sentence] of [
    [['boot'], 'Cannot measure "boot": the benchmarks are: image, crates, workspace, inner-loop'],
    [['crates', '--corpus', '/nowhere'], 'Cannot measure "/nowhere": there is no Cargo project in it'],
    [['crates', '--programs', 'none'], 'Cannot measure "none": there is no such program'],
    [['crates', '--set', '/nowhere.toml'], 'Cannot read "/nowhere.toml": it cannot be opened'],
    [['crates', '--repeat', '0'], 'Cannot use --repeat "0": it must be a whole number of at least 1'],
  ] as const) {
    const error = await measure({
      args: parseCommandLine(usage, words),
      host: { cwd: '/', env: {}, cacheDir: '/' },
      path: (text) => text,
      print: () => assert.unreachable('nothing was measured'),
      write: async () => true,
      signal: new AbortController().signal,
      report: () => {},
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Failure, String(error));
    if (error instanceof Failure) assert.equal([error.exitCode, error.message], [2, sentence]);
  }
});

test.run();
