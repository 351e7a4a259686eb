// Reads the console of a kernel that runs its own tests, line by line (source: asterinas,
// osdk/deps/test-kernel): "test PATH ..." and then "ok" or "FAILED", and at the end of a crate the text of
// each failure. A test that ends the kernel prints neither word, and the lines after it are its output. A
// newer runner runs tests concurrently and prints the whole line when a test has ended. There a test that
// ends the kernel has no name.

export interface KernelTest {
  /** The path as printed: "ostd::mm::tests::a_test". */
  readonly path: string;
  readonly result: 'passed' | 'failed' | 'unfinished';
  /** The output of the test, and the reason of a failure. */
  readonly output: readonly string[];
  /** Time from its first to its last line. */
  readonly ms: number;
}

interface Running {
  readonly path: string;
  readonly startMs: number;
  readonly output: string[];
}

/**
 * Takes lines as they arrive. A line of a running test may be unfinished, so its end is searched for anywhere
 * in the line.
 */
export class KernelTestLines {
  readonly #tests: KernelTest[] = [];
  #running: Running | undefined;
  /** The test of a line without an end. */
  #begun: Running | undefined;
  #announced: number | undefined;
  /** Tests of the crates that were begun, without those that were filtered out. */
  #selected = 0;
  #isPartial = false;
  #crateEnded = false;
  #done = false;
  /** Index of the test whose failure text is being printed at the end of a crate. */
  #explained: number | undefined;

  /** Number of tests that the kernel announced. */
  get announced(): number | undefined {
    return this.#announced;
  }

  /** Number of tests that should run: all tests, or only those of the started crates if a selection was made. */
  get expected(): number {
    return this.#isPartial ? this.#selected : (this.#announced ?? 0);
  }

  /** Whether the result of the last started crate was printed. Some runners end after a result with a failure. */
  get crateEnded(): boolean {
    return this.#crateEnded;
  }

  /** Whether the kernel printed that all crates were tested. */
  get done(): boolean {
    return this.#done;
  }

  /** The tests that have ended. */
  get tests(): readonly KernelTest[] {
    return this.#tests;
  }

  /** The test that runs. */
  get running(): string | undefined {
    return this.#running?.path;
  }

  /**
   * Handles the beginning of a line that has no end yet. It may be a test that prints nothing more for a long
   * time.
   */
  unfinished(text: string, atMs: number): void {
    const path = /^test (\S+) \.\.\./.exec(text)?.[1];
    if (path === undefined || path === this.#begun?.path) return;
    this.#begun = { path, startMs: atMs, output: [] };
  }

  line(text: string, atMs: number): void {
    const count = /^\[ktest runner\] running (\d+) tests in \d+ crates/.exec(text)?.[1];
    if (count !== undefined) this.#announced = Number(count);
    if (text.startsWith('[ktest runner] All crates tested.')) this.#done = true;
    if (text.startsWith('[ktest runner] skipping crate ')) this.#isPartial = true;
    const selected = /^running (\d+) tests in crate /.exec(text)?.[1];
    if (selected !== undefined) {
      this.#selected += Number(selected);
      this.#crateEnded = false;
    }
    const filtered = /^test result: .* (\d+) filtered out\.$/.exec(text)?.[1];
    if (filtered !== undefined) {
      this.#crateEnded = true;
      if (filtered !== '0') this.#isPartial = true;
    }
    const [, path, rest = ''] = /^test (\S+) \.\.\.(.*)$/.exec(text) ?? [];
    if (path !== undefined && path !== 'result:') {
      this.#running = this.#begun?.path === path ? this.#begun : { path, startMs: atMs, output: [] };
      this.#begun = undefined;
      this.#rest(rest, atMs);
    } else if (this.#running) this.#rest(text, atMs);
    else this.#explain(text);
  }

  /** Handles the end of the kernel. The running test did not end. */
  end(atMs: number): void {
    if (this.#running) this.#finish('unfinished', atMs);
  }

  #rest(text: string, atMs: number): void {
    const [, before = '', word] = /^(.*?) ?(ok|FAILED)$/.exec(text) ?? [];
    const own = word === undefined ? text : before;
    if (own.trim() !== '') this.#running?.output.push(own);
    if (word !== undefined) this.#finish(word === 'ok' ? 'passed' : 'failed', atMs);
  }

  #finish(result: KernelTest['result'], atMs: number): void {
    if (!this.#running) return;
    const { path, startMs, output } = this.#running;
    this.#tests.push({ path, result, output, ms: atMs - startMs });
    this.#running = undefined;
  }

  /** "---- kernel/src/a.rs:1:2 - name ----", and the lines after it. */
  #explain(text: string): void {
    const name = /^---- \S+:\d+:\d+ - (\S+) ----$/.exec(text)?.[1];
    if (name !== undefined) {
      this.#explained = this.#tests.findLastIndex(({ path, result }) => result === 'failed' && path.endsWith(`::${name}`));
    } else if (/^(?:running \d+ tests|\[ktest runner\])/.test(text)) this.#explained = undefined;
    else if (this.#explained !== undefined && text.trim() !== '') {
      const failed = this.#tests[this.#explained];
      if (failed) this.#tests[this.#explained] = { ...failed, output: [...failed.output, text] };
    }
  }
}
