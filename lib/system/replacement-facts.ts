// The rows of a page by which programs of a base give way to components.
import type { GuestCheck } from './guest-session.ts';
import type { FileFacts } from './image-facts.ts';

export interface Replacement {
  /** Packages of the base that give way. One that the base does not have is none. */
  readonly original: readonly string[];
  /** What it provides instead. */
  readonly provides: FileFacts;
  /** Files of the original that stay: paths, or folders ending with a slash. */
  readonly stays?: readonly string[];
  /** Commands of the original that nothing needs here. */
  readonly dispensable?: readonly string[];
  /** A multicall program and the names by which it is called; it is asked (`--list`) whether it has them all. */
  readonly multicall?: Multicall;
  /** What is done in the guest to see that it works. */
  readonly checks: readonly GuestCheck[];
}

export interface Multicall {
  /** The output of a component: "coreutils/coreutils". */
  readonly program: string;
  readonly at: string;
  /** Link -> name. */
  readonly links: Readonly<Record<string, string>>;
}
