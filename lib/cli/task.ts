// Runs every task: reads the command line, environment and clock once, passes the signal and the report
// function to the work, and converts the outcome to text and an exit code. Only this module prints, and only
// it uses the process.
import { resolve } from 'node:path';
import { cannot, cannotBecause, errnoOf, exitCodes, Failure, hostExhausted } from '../core/errors.ts';
import type { Context, Outcome } from '../core/events.ts';
import { asTyped, helpText, hintIn, parseCommandLine } from './command-line.ts';
import type { CommandLine, Usage } from './command-line.ts';
import { hostOf, scriptArguments } from './compile-cache.ts';
import type { Host } from './compile-cache.ts';
import { coloursFor } from '../report/progress.ts';
import type { Colours } from '../report/progress.ts';
import { progress } from '../report/progress.ts';

export interface Task extends Context {
  readonly args: CommandLine;
  readonly host: Host;
  /** A path as the user wrote it, made absolute. */
  readonly path: (text: string) => string;
  /** Writes a line of the result to standard output. */
  readonly print: (line: string) => void;
  /** Writes raw bytes to standard output at the speed of its reader. Returns false when the reader is gone. */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
}

const stuckHint = 'a page or a module that it imports may have an await that never ends; without such a page, please report it';

/**
 * Runs a task to its end. Sets the exit code and lets the process end by itself, so that output is never
 * truncated. `opened` is closed at the end, even if the command line is refused.
 */
export async function task(
  usage: Usage,
  work: (task: Task) => Promise<Outcome | void>,
  opened?: { close(): Promise<void> },
): Promise<void> {
  const abort = new AbortController();
  const colour = process.stderr.isTTY === true && !process.env['NO_COLOR'];
  const columns = process.stderr.isTTY === true ? process.stderr.columns : undefined;
  const colours = await coloursFor(colour);
  const folders = { repository, cwd: process.cwd() };
  const face = progress(
    {
      write: (text) => {
        process.stderr.write(text);
      },
      columns,
      colours,
    },
    isQuiet(process.argv),
  );
  const onSignal = (): void =>
    abort.abort(new Failure('interrupted', 'Cannot finish: interrupted', { hint: 'run the same command again: finished work is kept' }));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  // A reader that ends early (| head) is not an error, and errors of standard error cannot be reported.
  let isEnded = false;
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    if (errnoOf(error) === 'EPIPE' || abort.signal.aborted) return;
    const failure = cannotBecause('write to standard output', error);
    abort.abort(failure);
    if (isEnded) fail(failure);
  });
  const fail = (error: unknown): void => {
    face.clear();
    process.stderr.write(errorText(error, colours, (hint) => hintIn(hint, folders)));
    process.exitCode = error instanceof Failure ? error.exitCode : exitCodes.bug;
  };
  process.once('beforeExit', () => {
    if (!isEnded) fail(cannot('finish', 'the task waits for something that can never happen', { hint: stuckHint }));
    // All output was written. Without this call, Node frees its whole heap first, which takes about 4 ms.
    else process.exit();
  });

  try {
    const args = parseCommandLine(usage, scriptArguments(process.argv));
    if (args.help) {
      process.stdout.write(`${asTyped(helpText(usage), folders)}\n`);
      return;
    }
    const host = hostOf(process.cwd(), process.env);
    const outcome = await work({
      args,
      host,
      signal: abort.signal,
      report: (event) => face.report(event.kind === 'note' ? { ...event, text: asTyped(event.text, folders) } : event),
      path: (text) => resolve(host.cwd, text),
      print: (line) => {
        face.clear();
        process.stdout.write(`${line}\n`);
      },
      write: (bytes) =>
        new Promise((resolve) => {
          process.stdout.write(bytes, (error) => resolve(!error));
        }),
    });
    face.clear();
    if (outcome?.json !== undefined && args.has('json')) process.stdout.write(`${JSON.stringify(outcome.json)}\n`);
    process.exitCode = outcome?.exitCode ?? exitCodes.done;
  } catch (error) {
    fail(abort.signal.aborted ? abort.signal.reason : hostExhausted(error));
  } finally {
    await opened?.close();
    isEnded = true;
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, onSignal);
  }
}

/** Returns the sentence, the detail and the hint. A stack is only included for a bug. */
export function errorText(error: unknown, colours: Colours, hintOf = (hint: string): string => hint): string {
  if (error instanceof Failure) {
    const detail = error.detail ? `${error.detail}\n` : '';
    const hint = error.hint ? `${colours.dim('hint:')} ${hintOf(error.hint)}\n` : '';
    return `${detail}${colours.red('error:')} ${error.message}\n${hint}`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${colours.red('bug:')} Bloomery itself went wrong; please report this with the command that you ran.\n${stack}\n`;
}

/** Words after "--" may be for another program. */
function isQuiet(argv: readonly string[]): boolean {
  const [quiet, end] = [argv.indexOf('--quiet'), argv.indexOf('--')];
  return quiet !== -1 && (end === -1 || quiet < end);
}

/** The repository that this file belongs to. */
export const repository = resolve(import.meta.dirname, '../..');

/** Returns the cache directory of a command line. */
export function cacheDirOf({ args, host, path }: Pick<Task, 'args' | 'host' | 'path'>): string {
  const given = args.text('cache');
  return given === undefined ? host.cacheDir : path(given);
}
