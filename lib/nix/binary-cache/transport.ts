// The interface by which files of a binary cache are fetched by name, from a folder or over HTTP. The files are not trusted:
// the caller sets their greatest length, and checks their content.
import type { Context } from '../../core/events.ts';

export interface Transport {
  /** As messages name it. */
  readonly url: string;
  /** A small file; undefined where there is none. */
  text(name: string, context: Context): Promise<string | undefined>;
  /** Writes a file to `to`. */
  download(name: string, to: string, expected: ExpectedFile, context: Context): Promise<void>;
}

export interface ExpectedFile {
  /** A longer file is a Failure. */
  readonly mostBytes: number;
  /** Where the size is known. A shorter file is returned too, unless the connection is to blame. */
  readonly exactBytes?: number;
}

export interface TransportHost {
  /** A folder for files while they are fetched. */
  readonly tempDir: string;
  /** A PATH value. */
  readonly searchPath: string;
  /** The pause between two attempts. Default: a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const largestText = 1 << 20;
