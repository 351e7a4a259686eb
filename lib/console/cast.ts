// A recording of a console that terminals play back: asciicast version 2 (docs.asciinema.org, "asciicast
// v2"). The first line is a header, each further line is [seconds, "o", text]. Only output is recorded. The
// clock is the caller's.
import { closeSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/paths.ts';

export interface CastHeader {
  /** Size of the terminal, in characters. */
  readonly width: number;
  readonly height: number;
  readonly title?: string;
}

export function castHeader({ width, height, title }: CastHeader): string {
  return `${JSON.stringify({ version: 2, width, height, ...(title === undefined ? {} : { title }) })}\n`;
}

/**
 * Converts bytes of a console to events. If a character of several bytes arrives in pieces, it is in the
 * event of its last piece. Bytes that are not UTF-8 become U+FFFD, because JSON contains only text.
 */
export class CastEvents {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #lastMs = 0;

  /**
   * Returns the line for bytes that arrived `atMs` after the start. It is empty if they complete no
   * character.
   */
  bytes(atMs: number, bytes: Uint8Array): string {
    this.#lastMs = Math.max(this.#lastMs, atMs);
    return this.#line(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Returns the line for an incomplete character at the end. It is empty if the last character is complete. */
  end(): string {
    return this.#line(this.#decoder.decode());
  }

  /** Times never decrease. Their precision is microseconds, as in asciinema. */
  #line(text: string): string {
    return text === '' ? '' : `${JSON.stringify([Math.round(this.#lastMs * 1000) / 1e6, 'o', text])}\n`;
  }
}

export interface Cast {
  bytes(atMs: number, bytes: Uint8Array): void;
  close(): void;
}

/**
 * Begins a recording at `path` and replaces an older one. Each event is written at once, so a run that is
 * killed leaves a recording.
 */
export async function castFile(path: string, header: CastHeader): Promise<Cast> {
  const failure = (error: unknown): unknown =>
    cannotBecause(`write the recording "${path}"`, error, 'choose another file with --cast FILE');
  await makeFolder(dirname(path)).catch((error: unknown) => {
    throw failure(error);
  });
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw failure(error);
    }
  };
  const file = attempt(() => openSync(path, 'w'));
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    attempt(() => {
      for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from);
    });
  };
  const events = new CastEvents();
  write(castHeader(header));
  return {
    bytes: (atMs, bytes) => write(events.bytes(atMs, bytes)),
    close: () => {
      write(events.end());
      closeSync(file);
    },
  };
}
