// The output of programs on a console, without the kernel's lines and without the lines before the programs
// ran.
import { Cleaner } from './clean.ts';
import type { OutputFacts } from '../rules.ts';

/** Returns the lines of the output in a console's bytes. The list is empty if it does not begin. */
export function programOutput(bytes: Uint8Array, { from, to, kernel }: OutputFacts): readonly string[] {
  const cleaner = new Cleaner();
  const lines = [...cleaner.push(bytes), ...cleaner.end()];
  const start = lines.findIndex((line) => from.test(line));
  if (start === -1) return [];
  const length = lines.slice(start).findIndex((line) => to.test(line));
  return lines.slice(start, length === -1 ? undefined : start + length + 1).filter((line) => !kernel.test(line));
}

/** A line in which two outputs differ. A side is undefined if that output has ended. */
export interface OutputDifference {
  /** The first line has the number 1. */
  readonly line: number;
  readonly left: string | undefined;
  readonly right: string | undefined;
}

/** Returns the first difference. */
export function firstDifference(left: readonly string[], right: readonly string[]): OutputDifference | undefined {
  const at = Array.from({ length: Math.max(left.length, right.length) }).findIndex((_, index) => left[index] !== right[index]);
  return at === -1 ? undefined : { line: at + 1, left: left[at], right: right[at] };
}
