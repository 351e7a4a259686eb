// Parses the output of rustc's test harness into one row per test. The format is that of the harness
// (library/test/src/formatters/pretty.rs): a line `test NAME ... RESULT` for each test, a section for each
// failure, and a summary. Only computes.

export interface TestCase {
  readonly name: string;
  readonly result: 'passed' | 'failed' | 'ignored';
  /** The output of a failed test. */
  readonly output: string;
  /** Duration in milliseconds, if the test ran in its own process. */
  readonly durationMs?: number;
}

export interface HarnessReport {
  readonly cases: readonly TestCase[];
  /** Whether the harness printed its summary. Otherwise the program crashed or ended early. */
  readonly finished: boolean;
}

/**
 * Parses the standard output of a program with the harness. With `--nocapture`, other text may be between a
 * name and its result.
 */
export function parseHarness(stdout: string): HarnessReport {
  const text = stdout.replace(/\x1b\[[0-9;]*m/g, '');
  const failures = failureOutputs(text);
  const failed = new Set([...failedNames(text), ...failures.keys()]);
  const cases = new Map<string, TestCase>();
  const resultOf = (name: string, word: string | undefined): TestCase['result'] => {
    if (failed.has(name) || word?.startsWith('FAILED')) return 'failed';
    return word?.startsWith('ignored') ? 'ignored' : 'passed';
  };
  // A benchmark is a test whose result is a time.
  for (const [, shown = '', word] of text.matchAll(/^test (.+?) \.\.\. *(ok|FAILED|ignored|bench:)?/gm)) {
    const name = shown.replace(/ - should panic$/, '');
    cases.set(name, { name, result: resultOf(name, word), output: failures.get(name) ?? '' });
  }
  return { cases: [...cases.values()], finished: /^test result: /m.test(text) };
}

/** Returns the names in the output of `--list --format terse`: "NAME: test" and "NAME: benchmark". */
export function parseList(stdout: string): readonly string[] {
  return [...stdout.matchAll(/^(.+): (?:test|benchmark)$/gm)].map(([, name = '']) => name);
}

/** Flags of the harness whose value is the next word. */
const withValue = ['--test-threads', '--skip', '--logfile', '--color', '--format', '--shuffle-seed', '-Z'];

/**
 * Returns the flags among the arguments of the harness, without names of tests and without --exact. These are
 * passed to a run of one test by its name.
 */
export function harnessFlags(words: readonly string[]): readonly string[] {
  return words.filter((word, index) => {
    const isValue = withValue.includes(words[index - 1] ?? '');
    return isValue || (word.startsWith('-') && word !== '--exact');
  });
}

/** Returns the output of failed tests by name, from the sections `---- NAME stdout ----`. */
function failureOutputs(text: string): ReadonlyMap<string, string> {
  const outputs = new Map<string, string>();
  const heads = [...text.matchAll(/^---- (.+) stdout ----$/gm)];
  for (const [position, { 0: head, 1: name = '', index }] of heads.entries()) {
    const rest = text.slice(index + head.length, heads[position + 1]?.index);
    outputs.set(name.replace(/ - should panic$/, ''), rest.split(/^failures:$/m)[0]?.trim() ?? '');
  }
  return outputs;
}

/** Returns the last list of names after `failures:`. */
function failedNames(text: string): readonly string[] {
  const lists = [...text.matchAll(/^failures:\n((?: {4}.+\n)+)/gm)];
  const names = lists.at(-1)?.[1] ?? '';
  return names.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}
