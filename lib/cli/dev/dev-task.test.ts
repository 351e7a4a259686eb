// tasks/dev.ts with a fake watcher and a terminal of streams: rounds of a Cargo project, and of the system of
// fixtures/hello in a real QEMU.
import { cpSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { start } from '../../core/sh.ts';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import type { Watcher } from '../../watch/watcher.ts';
import type { WatchSet } from '../../watch/watch-set.ts';
import { repository } from '../task.ts';
import { devFlags } from './dev-flags.ts';
import { dev } from './dev-task.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/', '.cache'), 'bloomery');
const dir = await mkdtemp(join(tmpdir(), 'dev-task-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/**
 * A text that grows. A function waits until it matches a pattern. If a process ends meanwhile, the error
 * shows the text.
 */
class Growing {
  text = '';
  #wake: () => void = () => undefined;

  add(text: string): void {
    this.text += text;
    this.#wake();
  }

  /** Waits until the pattern matches after `from`, and returns the end of the match. */
  async until(pattern: RegExp, from = 0): Promise<number> {
    const show = (): void => console.error(`waited for ${String(pattern)} in:\n${this.text.slice(from)}`);
    process.once('beforeExit', show);
    while (!pattern.test(this.text.slice(from))) await new Promise<void>((resolve) => (this.#wake = resolve));
    process.off('beforeExit', show);
    return this.text.length;
  }
}

interface Run {
  readonly seen: Growing;
  readonly screen: Growing;
  /** The requests of the watcher, in order. */
  readonly sets: readonly WatchSet[];
  readonly open: () => number;
  changed(...paths: readonly string[]): void;
  key(keys: string): void;
  readonly ended: Promise<unknown>;
}

/** Runs the task. Results and reports are collected in one text. */
function running(words: readonly string[], more: Readonly<Record<string, string>> = {}): Run {
  const [seen, screen] = [new Growing(), new Growing()];
  const sets: WatchSet[] = [];
  let open = 0;
  let report: Parameters<Watcher>[1] = () => undefined;
  const watcher: Watcher = async (set, onChanges) => {
    sets.push(set);
    open++;
    report = onChanges;
    return { close: async () => void open-- };
  };
  const { task } = puppetTask(devFlags, words, dir, { ...env, ...more });
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const stdout = new PassThrough();
  stdout.on('data', (bytes: Buffer) => screen.add(String(bytes)));
  const own = {
    ...task,
    print: (line: string) => seen.add(`${line}\n`),
    report: (event: Parameters<typeof task.report>[0]) => (event.kind === 'note' ? seen.add(`${event.text}\n`) : undefined),
  };
  const ended = dev(own, { stdin, stdout }, watcher).catch((error: unknown) => {
    seen.add(`ended: ${String(error)}\n`);
    return error;
  });
  const changed = (...paths: readonly string[]): void => report(paths.map((path) => ({ path, created: false })));
  return { seen, screen, sets, open: () => open, changed, key: (keys) => void stdin.write(keys), ended };
}

async function project(name: string, main: string): Promise<string> {
  const folder = join(dir, name);
  await mkdir(join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'Cargo.toml'), `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`);
  await writeFile(join(folder, 'src/main.rs'), main);
  return folder;
}

test('a project is compiled at the start, after a change and when it is asked for; an error ends only its round', async () => {
  const folder = await project('p', 'fn main() {}\n');
  const file = join(folder, 'src/main.rs');
  const { seen, sets, changed, key, ended, open } = running(['p', '--only', 'compile', '--cache', cacheDir]);
  let at = await seen.until(/^built in \d+\.\d\d s \(\d+ compiled, \d+ hits?\)/m);
  assert.equal(sets[0]?.folders, [folder]);
  assert.ok(sets[0]?.excluded.includes(join(folder, 'target')) && sets[0].excluded.includes(cacheDir));
  await writeFile(file, 'fn main() { let x: u8 = ""; }\n');
  changed(file, join(folder, 'target/x'));
  at = await seen.until(/^p\/src\/main\.rs changed\n(?:.*\n)*failed: Cannot compile p 0\.1\.0 \(bin p\): rustc found 1 error/m, at);
  await writeFile(file, 'fn main() { println!("y"); }\n');
  changed(file);
  at = await seen.until(/^built in .* \(1 compiled, 0 hits\)/m, at);
  key('r');
  at = await seen.until(/^built in .* \(0 compiled, 1 hit\)/m, at);
  key('?');
  at = await seen.until(/^r rebuild, b reboot, c console, q quit$/m, at);
  key('c');
  at = await seen.until(/^no machine runs$/m, at);
  await writeFile(join(folder, 'Cargo.toml'), `${readFileSync(join(folder, 'Cargo.toml'), 'utf8')}[dependencies]\nq = { path = "../q" }\n`);
  await project('q', '');
  await writeFile(join(dir, 'q/src/lib.rs'), '');
  changed(join(folder, 'Cargo.toml'));
  await seen.until(/^built in /m, at);
  while (sets.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal([...(sets[1]?.folders ?? [])].sort(), [folder, join(dir, 'q')].sort());
  key('q');
  assert.is(await ended, undefined);
  assert.is(open(), 0);
});

test('the tests of a project run in each round with --run-tests, and a failing test fails the round with its output', async () => {
  const folder = await project('t', 'fn main() {}\n#[test] fn two() { assert_eq!(1 + 1, 2, "sums"); }\n');
  const file = join(folder, 'src/main.rs');
  const { seen, changed, key, ended } = running(['t', '--run-tests', '--cache', cacheDir]);
  let at = await seen.until(/^built in .*, 1 test passed \(\d from the cache\)/m);
  await edit(file, '1 + 1, 2', '1 + 1, 3');
  changed(file);
  at = await seen.until(/^two failed\n(?:.*\n)*.*sums(?:.*\n)*built in .*, 1 of 1 test failed/m, at);
  await edit(file, '1 + 1, 3', '1 + 1, 2');
  changed(file);
  at = await seen.until(/^built in .*, 1 test passed \(1 from the cache\)/m, at);
  key('q');
  assert.is(await ended, undefined);
});

test('flags that do not apply are refused before anything is watched', async () => {
  await project('r', 'fn main() {}\n');
  for (const [words, sentence] of [
    [['r', '--only', 'image'], 'Cannot use --only image: a Cargo project has no image'],
    [['r', '--run', 'ls'], 'Cannot read the command line: --run is for a system'],
    [['r', '--accel', 'tcg'], 'Cannot read the command line: --accel is for a system'],
    [['hello', '--bin', 'x'], 'Cannot read the command line: --bin is for a Cargo project'],
    [['hello', '--only', 'compile', '--run', 'ls'], 'Cannot read the command line: --run needs a machine, and --only compile boots none'],
    [['hello', '--on-busy', 'wiat'], 'Cannot use --on-busy "wiat": it must be restart, wait'],
    [['./nothing'], 'Cannot watch "./nothing": it is neither a system nor the folder of a Cargo project'],
    [['redoks'], 'Cannot find system "redoks"'],
  ] as const) {
    const { ended, sets } = running([...words, '--cache', cacheDir]);
    const error = await ended;
    assert.ok(error instanceof Failure && error.blame === 'usage' && error.message.startsWith(sentence), String(error));
    assert.is(sets.length, 0);
  }
});

/** Creates a copy of the smallest system, whose page imports the builder by its path. */
async function hello(name: string): Promise<string> {
  const folder = join(dir, name);
  cpSync(join(repository, 'fixtures/hello'), folder, { recursive: true });
  const page = join(folder, 'hello.ts');
  await writeFile(page, readFileSync(page, 'utf8').replaceAll('../../lib', join(repository, 'lib')));
  return folder;
}

async function edit(file: string, from: string, to: string): Promise<void> {
  await writeFile(file, readFileSync(file, 'utf8').replace(from, to));
}

test('a system is built, booted and judged again; its page is loaded again; its console is typed into', async () => {
  const folder = await hello('one');
  const [page, main] = [join(folder, 'hello.ts'), join(folder, 'kernel/src/main.rs')];
  const { seen, screen, sets, changed, key, ended } = running(['./one/hello.ts', '--accel', 'tcg', '--cache', cacheDir], { TMPDIR: dir });
  let at = await seen.until(/^built in .*, booted after .*: ">"/m);
  assert.equal([sets[0]?.folders, sets[0]?.files], [[join(folder, 'kernel')], [page]]);

  await writeFile(main, `${readFileSync(main, 'utf8')}// a remark\n`);
  changed(main);
  at = await seen.until(/^built in .*, the same bytes: the machine runs on/m, at);

  await edit(main, 'panic!("as you wish")', 'panic!("as you like")');
  await edit(main, 'let mut line = [0; 80];', 'if information != 0 { panic!("at once") }\n    let mut line = [0; 80];');
  changed(main);
  at = await seen.until(/^FAIL .*\(kernel-panic\): "panic: at once"\n(?:.*\n)*built in .*, failed to boot/m, at);

  await edit(
    page,
    'panics: [{',
    "panics: [{ kind: 'other', fatal: 'always', pattern: /^panic: at/, source, example: 'panic: at once' }, {",
  );
  changed(page);
  at = await seen.until(/^one\/hello\.ts changed\n(?:.*\n)*built in .*, failed to boot .*\(other\)/m, at);

  await edit(main, 'if information != 0 { panic!("at once") }\n', '');
  changed(main);
  at = await seen.until(/^built in .*, booted after/m, at);
  key('c');
  await screen.until(/> /);
  key('reader\r');
  await screen.until(/Hello, reader!/);
  key('\x1d');
  await screen.until(/\x1b\[\?1049l/);
  key('b');
  at = await seen.until(/^booted after .*: ">"/m, at);
  key('q');
  assert.is(await ended, undefined);
  assert.equal(
    (await readdir(dir)).filter((name) => name.startsWith('bloomery')),
    [],
  );
});

test('with a real watcher a saved file is a round, printed as one object, and an interruption leaves no process or file', async () => {
  const folder = await hello('two');
  const temporary = join(dir, 'temporary');
  await mkdir(temporary);
  const words = [join(repository, 'tasks/dev.ts'), './two/hello.ts', '--json', '--accel', 'tcg', '--cache', cacheDir];
  const said = new Growing();
  // Results and reports are one stream, so that the test can wait for either.
  const shell = ['/bin/sh', '-c', 'exec "$@" 1>&2', 'sh', process.execPath, ...words];
  const child = start(shell, { cwd: dir, env: { ...env, TMPDIR: temporary }, onStderr: (text) => said.add(text) });
  await said.until(/^watching two\/kernel for \.\/two\/hello\.ts; \^C ends it$/m);
  await said.until(/^\{"round":1,"cause":"start",.*"verdict":\{"kind":"booted"/m);
  await edit(join(folder, 'kernel/src/main.rs'), 'Hello from a kernel', 'Hello from a new kernel');
  await said.until(/^\{"round":2,"cause":"change","files":\["two\/kernel\/src\/main\.rs"\],.*"ok":true,.*"verdict":\{"kind":"booted"/m);
  assert.match(readFileSync(join(folder, 'out/logs/hello-default.log'), 'latin1'), 'Hello from a new kernel');
  process.kill(child.pid, 'SIGINT');
  assert.is((await child.ended).exitCode, 130);
  assert.equal(await readdir(temporary), []);
});

test.run();
