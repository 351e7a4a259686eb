// The operations of an edit on a checkout, as data that can be stored in a file. Paths are relative to the
// top of the checkout. An operation does nothing if its file is missing or is a folder, so that a history
// stays valid when a part of its project is dropped.
export type Operation =
  | { readonly op: 'write'; readonly path: string; readonly text: string; readonly manner?: Manner }
  /** Replaces the first `from` by `to`, or `to` by `from` if only that occurs. */
  | { readonly op: 'swap'; readonly path: string; readonly from: string; readonly to: string; readonly manner?: Manner }
  | { readonly op: 'append'; readonly path: string; readonly text: string }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly path: string; readonly to: string }
  /** Replaces the entry at the path, if there is one, by a symbolic link. */
  | { readonly op: 'link'; readonly path: string; readonly target: string }
  | { readonly op: 'mode'; readonly path: string; readonly mode: number }
  /** Writes the same bytes again, which changes only the times. */
  | { readonly op: 'touch'; readonly path: string }
  | { readonly op: 'git'; readonly words: readonly string[] }
  /** Sets an environment variable for the following builds. Without a value it is removed. */
  | { readonly op: 'variable'; readonly name: string; readonly value?: string }
  /** Sets the flags of the following builds. Both cargo and tasks/crates.ts accept them. */
  | { readonly op: 'flags'; readonly flags: readonly string[] }
  /** Continues in a copy of the checkout, with the same cache. */
  | { readonly op: 'copy' }
  /** Undoes the operations of the previous step. */
  | { readonly op: 'undo' };

/**
 * How a file gets another content: a new file is renamed to its name, as editors do, or its modification time
 * is set to an earlier time, as archivers do.
 */
export type Manner = 'renamed' | 'dated back';

/**
 * The cargo build that gives the correct outcome. Cargo's incremental build misses some edits, and a build in
 * an empty folder misses none.
 */
export type Reference = 'incremental' | 'fresh';

/** One edit, and the condition that must be true after it. */
export interface Step {
  /** A label for reports: "include-text: change". */
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly reference: Reference;
  /** No unit may be built after this step. */
  readonly idle: boolean;
}
