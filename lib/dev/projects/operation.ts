// What an edit does to a checkout, as data that can be kept in a file. Paths are relative to the top of the checkout. An operation whose file
// is absent, or a folder, does nothing, so that a history stays valid when a part of its project is dropped.
export type Operation =
  | { readonly op: 'write'; readonly path: string; readonly text: string; readonly manner?: Manner }
  /** Replaces the first `from` by `to`, or `to` by `from` where only that is found. */
  | { readonly op: 'swap'; readonly path: string; readonly from: string; readonly to: string; readonly manner?: Manner }
  | { readonly op: 'append'; readonly path: string; readonly text: string }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly path: string; readonly to: string }
  /** Replaces what is at the path, if anything, by a symbolic link. */
  | { readonly op: 'link'; readonly path: string; readonly target: string }
  | { readonly op: 'mode'; readonly path: string; readonly mode: number }
  /** Writes the same bytes again: only the time stamps change. */
  | { readonly op: 'touch'; readonly path: string }
  | { readonly op: 'git'; readonly words: readonly string[] }
  /** Sets an environment variable for the builds that follow; without a value it is absent. */
  | { readonly op: 'variable'; readonly name: string; readonly value?: string }
  /** Sets the flags of the builds that follow; both cargo and tasks/crates.ts accept them. */
  | { readonly op: 'flags'; readonly flags: readonly string[] }
  /** Continues in a copy of the checkout, with the same cache. */
  | { readonly op: 'copy' }
  /** Takes back the operations of the step before. */
  | { readonly op: 'undo' };

/** How a file gets another content: a new file is renamed to its name, as editors do, or its time of modification is set back, as archivers do. */
export type Manner = 'renamed' | 'dated back';

/** Which cargo build decides what is right: cargo's incremental build overlooks some edits, a build in an empty folder overlooks none. */
export type Reference = 'incremental' | 'fresh';

/** One edit, and what must hold after it. */
export interface Step {
  /** A label for reports: "include-text: change". */
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly reference: Reference;
  /** No unit may be built after this step. */
  readonly idle: boolean;
}
