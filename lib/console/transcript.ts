// The transcript of a console: the raw bytes in X.log and their arrival times in X.log.times. Both are
// written as the bytes arrive, so a killed run leaves everything up to that moment. This module does not
// interpret the bytes.
//
// X.log.times has a line for each event in order: "<ms since start> <bytes>" for bytes of X.log, or "<ms
// since start> <mark>" with the mark "expecting <JSON text>", "dialogue-over", "asks", "asked <JSON text>",
// "exited", "exited passed" or "ended" (`Mark`).
import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cannot, cannotBecause, errnoOf } from '../core/errors.ts';

/** A piece of a transcript, in order. `atMs` is undefined if the transcript has no times. */
export type Recorded =
  | { readonly kind: 'bytes'; readonly atMs: number | undefined; readonly bytes: Uint8Array }
  | { readonly kind: 'mark'; readonly atMs: number; readonly mark: Mark };

export interface Transcript {
  readonly path: string;
  bytes(atMs: number, bytes: Uint8Array): void;
  mark(atMs: number, mark: Mark): void;
  close(): void;
}

/**
 * Begins a transcript at `path` and replaces an older one. Writing is synchronous: a serial console is slow,
 * and no bytes may be lost.
 */
export function transcript(path: string): Transcript {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw cannotBecause(`write the transcript "${path}"`, error, 'choose another file with --log FILE');
    }
  };
  const [log, times] = attempt(() => {
    mkdirSync(dirname(path), { recursive: true });
    return [openSync(path, 'w'), openSync(timesPath(path), 'w')] as const;
  });
  return {
    path,
    bytes: (atMs, bytes) =>
      attempt(() => {
        for (let from = 0; from < bytes.length;) from += writeSync(log, bytes, from);
        writeSync(times, `${atMs} ${bytes.length}\n`);
      }),
    mark: (atMs, mark) =>
      attempt(() => {
        writeSync(times, `${atMs} ${markText(mark)}\n`);
      }),
    close: () => {
      closeSync(log);
      closeSync(times);
    },
  };
}

/** Reads a transcript piece by piece. Bytes without a time at the end (the run was killed) get the last time. */
export async function* readTranscript(path: string): AsyncGenerator<Recorded> {
  const times = await timesOf(path);
  let untold: Buffer = Buffer.alloc(0);
  const chunks: AsyncIterator<Buffer> = createReadStream(path, { highWaterMark: 1 << 17 })[Symbol.asyncIterator]();
  const more = async (): Promise<boolean> => {
    try {
      const next = await chunks.next();
      if (next.done) return false;
      untold = untold.length === 0 ? next.value : Buffer.concat([untold, next.value]);
      return true;
    } catch (error) {
      throw cannotBecause(`read the transcript "${path}"`, error);
    }
  };
  let lastMs: number | undefined;
  for (const { atMs, what } of times ?? []) {
    lastMs = atMs;
    if (typeof what !== 'number') {
      yield { kind: 'mark', atMs, mark: what };
      continue;
    }
    while (untold.length < what && (await more()));
    if (untold.length < what) {
      const file = timesPath(path);
      const hint = `remove "${file}" to judge the bytes alone`;
      throw cannot(`read the transcript "${path}"`, `"${file}" describes more bytes than the transcript has`, { hint });
    }
    yield { kind: 'bytes', atMs, bytes: untold.subarray(0, what) };
    untold = untold.subarray(what);
  }
  while (untold.length > 0 || (await more())) {
    yield { kind: 'bytes', atMs: lastMs, bytes: untold };
    untold = Buffer.alloc(0);
  }
}

/** Whether there is a file of times next to the bytes. */
export async function hasTimes(path: string): Promise<boolean> {
  return (await timesOf(path)) !== undefined;
}

function timesPath(path: string): string {
  return `${path}.times`;
}

async function timesOf(path: string): Promise<readonly { atMs: number; what: number | Mark }[] | undefined> {
  const file = timesPath(path);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw cannotBecause(`read "${file}"`, error);
  }
  // A last line without a line end was cut by a kill and is ignored.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      const blank = line.indexOf(' ');
      const atMs = blank > 0 ? Number(line.slice(0, blank)) : NaN;
      const what = blank > 0 ? parsedWhat(line.slice(blank + 1)) : undefined;
      if (atMs >= 0 && what !== undefined) return { atMs, what };
      throw cannot(`read "${file}"`, `line ${index + 1} is not "<ms> <bytes>"`, { hint: 'remove the file to judge the bytes alone' });
    });
}

function markText(mark: Mark): string {
  if (mark.kind === 'exited' && mark.passed) return 'exited passed';
  return mark.kind === 'expecting' || mark.kind === 'asked' ? `${mark.kind} ${JSON.stringify(mark.text)}` : mark.kind;
}

function parsedWhat(text: string): number | Mark | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  if (text === 'dialogue-over' || text === 'asks' || text === 'exited' || text === 'ended') return { kind: text };
  if (text === 'exited passed') return { kind: 'exited', passed: true };
  const [, kind, quoted] = /^(expecting|asked) (".*")$/.exec(text) ?? [];
  if (quoted === undefined) return undefined;
  try {
    return { kind: kind === 'asked' ? 'asked' : 'expecting', text: String(JSON.parse(quoted)) };
  } catch {
    return undefined;
  }
}

export type Mark =
  /** A dialogue waits for a text: the boot is not done before it has come. */
  | { readonly kind: 'expecting'; readonly text: string }
  /** The dialogue is over. The grace window begins again. */
  | { readonly kind: 'dialogue-over' }
  /** The machine ended by itself. `passed`: with the exit status by which a guest reports success. */
  | { readonly kind: 'exited'; readonly passed?: true }
  /** A prompt that is only a sign leads to a question (prompts.ts), and counts when the shell answers. */
  | { readonly kind: 'asks' }
  /** The question was typed. A shell prints the text. */
  | { readonly kind: 'asked'; readonly text: string }
  /** The recording ended. */
  | { readonly kind: 'ended' };
