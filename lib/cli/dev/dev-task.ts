// The work of tasks/dev.ts: watches the sources of a system or a Cargo project, and builds and boots after
// each change.
import { existsSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { checkTypeable } from '../../boot/guest-command.ts';
import { Failure } from '../../core/errors.ts';
import { plural } from '../../core/sizes.ts';
import { withoutIgnored } from '../../watch/ignored-paths.ts';
import { Debounce } from '../../watch/debounce.ts';
import { News } from '../../watch/news.ts';
import type { Change } from '../../watch/news.ts';
import { withoutGeneration } from '../../watch/page-reload.ts';
import { realSet } from '../../watch/real-paths.ts';
import { Rounds } from '../../watch/rounds.ts';
import type { OnBusy, RoundCause } from '../../watch/rounds.ts';
import { counts, isSameSet } from '../../watch/watch-set.ts';
import type { WatchSet } from '../../watch/watch-set.ts';
import { parcelWatcher } from '../../watch/watcher.ts';
import type { Watch, Watcher } from '../../watch/watcher.ts';
import type { Task } from '../task.ts';
import { joinTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { kindOf, onBusyOf, onlyOf, refuseOthers } from './dev-flags.ts';
import { Keys } from './keys.ts';
import { projectSubject } from './project-subject.ts';
import { roundJson, roundLine } from './round-result.ts';
import type { RoundResult } from './round-result.ts';
import { Screen } from './screen.ts';
import type { Subject } from './subject.ts';
import { SystemSubject } from './system-subject.ts';

const keysText = 'r rebuild, b reboot, c console, q quit';
/** The alternate screen, as editors use it (xterm's control sequences, DECSET 1049). */
const otherScreen = { enter: '\x1b[?1049h\x1b[2J\x1b[H', leave: '\x1b[?1049l' } as const;

/** Watches until the user quits or the task is interrupted. `watcher`: tests pass their own. */
export async function dev(task: Task, terminal: Terminal, watcher: Watcher = parcelWatcher): Promise<void> {
  const { args, path } = task;
  const kind = await kindOf(args.words[0] ?? '', task);
  refuseOthers(args, kind);
  const only = onlyOf(args, kind);
  checkTypeable(args.text('run') ?? '');
  const more = args.list('watch').map(path);
  const subject = kind === 'system' ? new SystemSubject(task, only, more) : projectSubject(task, more);
  await new Loop(task, subject, terminal).run(watcher, onBusyOf(args));
}

class Loop {
  readonly #task: Task;
  readonly #subject: Subject;
  readonly #terminal: Terminal;
  readonly #screen: Screen;
  readonly #keys: Keys;
  readonly #news = new News();
  #rounds: Rounds | undefined;
  #count = 0;
  #set: WatchSet = { folders: [], files: [], excluded: [] };
  #watch: Watch | undefined;
  #isInConsole = false;

  constructor(task: Task, subject: Subject, terminal: Terminal) {
    this.#task = task;
    this.#subject = subject;
    this.#terminal = terminal;
    this.#screen = new Screen(task);
    this.#keys = new Keys(terminal, (key) => this.#key(key));
  }

  async run(watcher: Watcher, onBusy: OnBusy): Promise<void> {
    const { signal } = this.#task;
    const lost = new AbortController();
    const rounds = new Rounds(
      (cause, stop) => this.#round(cause, stop, watching),
      onBusy,
      (cause, then) => this.#late(cause, then),
    );
    this.#rounds = rounds;
    const debounce = new Debounce((changes) => void this.#changed(changes).catch((error: unknown) => lost.abort(error)));
    const watching = async (): Promise<void> => {
      const set = realSet(await this.#subject.watched());
      if (this.#watch && isSameSet(set, this.#set)) return;
      const next = await watcher(
        set,
        (changes) => debounce.add(changes.filter(({ path }) => this.#counts(path))),
        (error) => lost.abort(error),
      );
      await this.#watch?.close();
      this.#watch = next;
      this.#set = set;
    };
    try {
      await watching();
      this.#screen.note(this.#watchedText());
      rounds.ask({ kind: 'start', paths: [] });
      this.#keys.open();
      await rounds.run(AbortSignal.any([signal, lost.signal]));
    } finally {
      this.#keys.close();
      debounce.close();
      await this.#watch?.close();
      await this.#subject.close();
      this.#screen.release();
    }
  }

  /** Runs a round and prints its status line. Then updates the set of watched files. */
  async #round(cause: RoundCause, signal: AbortSignal, watching: () => Promise<void>): Promise<void> {
    const { args } = this.#task;
    const startMs = performance.now();
    const round = ++this.#count;
    if (cause.kind === 'change') this.#screen.note(`${this.#named(cause.paths)} changed`);
    const result = await this.#attempt(cause, signal, round);
    const files = cause.paths.map((one) => this.#shown(one));
    const seconds = Math.round((performance.now() - startMs) / 10) / 100;
    const line = args.has('json') ? JSON.stringify(roundJson(result, { round, cause: cause.kind, files, seconds })) : roundLine(result);
    this.#screen.print(line);
    if (cause.kind === 'change' && cause.paths.some((one) => this.#set.files.includes(one) || one.endsWith('/Cargo.toml'))) {
      await watching().catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error; // the round has reported it
      });
    }
  }

  async #attempt(cause: RoundCause, signal: AbortSignal, round: number): Promise<RoundResult> {
    try {
      return await this.#subject.round(cause, { signal, report: this.#screen.report });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || error.blame === 'interrupted') throw error;
      if (round === 1 && error.blame !== 'failed') throw error; // the command line or the host must be fixed first
      for (const text of [error.detail, error.hint && `hint: ${error.hint}`]) if (text) this.#screen.note(withoutGeneration(text));
      return { ok: false, error: withoutGeneration(error.message), parts: {} };
    }
  }

  /** If a lock file changes during a round, cargo wrote it. */
  #counts(file: string): boolean {
    return counts(file, this.#set) && !(this.#rounds?.isRunning === true && basename(file) === 'Cargo.lock');
  }

  async #changed(changes: readonly Change[]): Promise<void> {
    const { host, signal } = this.#task;
    const paths = this.#news.of(changes);
    if (paths.length === 0) return;
    const kept = await withoutIgnored(paths, { folders: this.#set.folders, env: host.env }, { signal });
    if (kept.length > 0) this.#rounds?.ask({ kind: 'change', paths: kept });
  }

  #late({ kind, paths }: RoundCause, onBusy: OnBusy): void {
    const what = kind === 'change' ? `${this.#named(paths)} changed` : `asked for a ${kind}`;
    this.#screen.note(onBusy === 'restart' ? `${what}: this round is stopped` : `${what}: the next round follows this one`);
  }

  #key(key: string): void {
    if (key === 'r' || key === 'b') this.#rounds?.ask({ kind: key === 'r' ? 'rebuild' : 'reboot', paths: [] });
    else if (key === 'c') void this.#console();
    else if (key === 'q' || key === '\x04') this.#rounds?.end();
    else if (key === '\x03') process.kill(process.pid, 'SIGINT');
    else if (key === '\r' || key === '\n') this.#screen.note('');
    else this.#screen.note(keysText);
  }

  /** Connects the console of the machine to the whole terminal, until ^] or the end of the machine. */
  async #console(): Promise<void> {
    const machine = this.#subject.machine;
    const serial = machine?.serial;
    if (!machine || !serial || this.#isInConsole) return this.#screen.note('no machine runs');
    this.#isInConsole = true;
    this.#keys.close();
    this.#screen.hold();
    const { stdin, stdout } = this.#terminal;
    stdout.write(otherScreen.enter);
    stdout.write(machine.shown);
    try {
      const joined = joinTerminal(serial, this.#terminal, this.#task.signal);
      stdin.resume(); // closing the keys paused it
      await joined;
    } finally {
      stdout.write(otherScreen.leave);
      this.#screen.release();
      this.#isInConsole = false;
      this.#keys.open();
    }
  }

  #watchedText(): string {
    const { folders, files } = this.#set;
    const [first] = folders.length > 0 ? folders : files;
    const count = folders.length > 0 ? plural(folders.length, 'folder') : plural(files.length, 'file');
    const what = folders.length === 1 && first !== undefined ? this.#shown(first) : count;
    const keys = this.#terminal.stdin.isTTY === true ? `; ${keysText}` : '; ^C ends it';
    const { title } = this.#subject;
    return `watching ${what === title ? what : `${what} for ${title}`}${keys}`;
  }

  /** Returns "src/main.rs and 2 more files". */
  #named(paths: readonly string[]): string {
    const there = paths.filter((one) => existsSync(one)); // editors and git write temporary files too
    const [first = '', ...rest] = (there.length === 0 ? paths : there).map((one) => this.#shown(one));
    return rest.length === 0 ? first : `${first} and ${plural(rest.length, 'more file')}`;
  }

  /** Returns a path relative to the working directory if it is inside. */
  #shown(file: string): string {
    const inside = relative(this.#task.host.cwd, file);
    return inside === '' ? '.' : inside.startsWith('..') ? file : inside;
  }
}
