// The interface by which files of a binary cache are fetched by name, from a folder or over HTTP. The files are not trusted:
// the caller sets their greatest length, and checks their content.
import type { Context } from '../../core/events.ts';

export interface Transport {
  /** The name in messages. */
  readonly url: string;
  /** Returns a small file, or undefined if it does not exist. */
  text(name: string, context: Context): Promise<string | undefined>;
  /** Writes a file to `to`. */
  download(name: string, to: string, expected: ExpectedFile, context: Context): Promise<void>;
}

export interface ExpectedFile {
  /** A longer file is a Failure. */
  readonly mostBytes: number;
  /** The size, if it is known. A shorter file is returned too, unless the connection was the cause. */
  readonly exactBytes?: number;
}

export interface TransportHost {
  /** A folder for files while they are fetched. */
  readonly tempDir: string;
  /** A value of PATH. */
  readonly searchPath: string;
  /** The pause between two attempts. Default: a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const largestText = 1 << 20;
