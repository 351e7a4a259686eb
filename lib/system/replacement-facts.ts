// The rows of a page by which programs of a base give way to components.
import type { GuestCheck } from './guest-session.ts';
import type { FileFacts } from './image-facts.ts';

/** `Made`: the outputs of components that it may name. */
export interface Replacement<Made extends string = string> {
  /** Packages of the base that give way. One that the base does not have is none. */
  readonly original: readonly string[];
  /** What it provides instead. */
  readonly provides: FileFacts<Made>;
  /** Files of the original that stay: paths, or folders ending with a slash. */
  readonly stays?: readonly string[];
  /** Commands of the original that nothing needs here. */
  readonly dispensable?: readonly string[];
  /** A multicall program and the names by which it is called; it is asked (`--list`) whether it has them all. */
  readonly multicall?: Multicall<Made>;
  /** What is done in the guest to see that it works. */
  readonly checks: readonly GuestCheck[];
}

export interface Multicall<Made extends string = string> {
  /** The output of a component: "coreutils/coreutils". */
  readonly program: Made;
  readonly at: string;
  /** Link -> name. */
  readonly links: Readonly<Record<string, string>>;
}
