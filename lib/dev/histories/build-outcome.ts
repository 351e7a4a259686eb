// The outcome of a build: refused, or programs with their output. Builds by cargo and by tasks/crates.ts have
// the same form, so that they can be compared.
import { byCodeUnit } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { run } from '../../core/sh.ts';
import type { Settings } from './checkout.ts';

/** The exit status of a program, and its standard output. */
export interface ProgramOutput {
  readonly exitCode: number | null;
  readonly stdout: string;
}

export type BuildOutcome =
  | { readonly kind: 'built'; readonly outputs: Readonly<Record<string, ProgramOutput>>; readonly units: number }
  /** `text`: the messages of the build. */
  | { readonly kind: 'refused'; readonly text: string }
  /** The build ended in a way that no project may cause. */
  | { readonly kind: 'crashed'; readonly text: string };

/** Builds the project in a folder. `place` is the folder for outputs and incremental state of the builder. */
export type Builder = (folder: string, place: string, settings: Settings, context: Context) => Promise<BuildOutcome>;

const longestRunMs = 10_000;

/** Runs each program, given by name and path, without the variables of the build. */
export async function outputsOf(
  programs: Readonly<Record<string, string>>,
  { signal }: Context,
): Promise<Readonly<Record<string, ProgramOutput>>> {
  const outputs: Record<string, ProgramOutput> = {};
  for (const [name, program] of Object.entries(programs).sort(([a], [b]) => byCodeUnit(a, b))) {
    const { exitCode, stdout } = await run([program], { cwd: '/', env: {}, signal, timeoutMs: longestRunMs });
    outputs[name] = { exitCode, stdout };
  }
  return outputs;
}

/**
 * Returns the difference of two outcomes, of which `theirs` is correct, as one sentence. Returns undefined
 * if they are equal.
 */
export function difference(ours: BuildOutcome, theirs: BuildOutcome): { readonly kind: string; readonly text: string } | undefined {
  if (ours.kind === 'crashed') return { kind: 'crash', text: ours.text };
  if (theirs.kind !== 'built')
    return ours.kind === 'built' ? { kind: 'accepted', text: `cargo refuses it: ${reasonOf(theirs.text)}` } : undefined;
  if (ours.kind !== 'built') return { kind: 'refused', text: `cargo builds it, ours does not: ${reasonOf(ours.text)}` };
  const names = [...new Set([...Object.keys(ours.outputs), ...Object.keys(theirs.outputs)])].sort(byCodeUnit);
  for (const name of names) {
    const [own, right] = [ours.outputs[name], theirs.outputs[name]];
    if (!own) return { kind: 'programs', text: `there is no program "${name}"` };
    if (!right) return { kind: 'programs', text: `cargo builds no program "${name}"` };
    if (own.exitCode !== right.exitCode)
      return { kind: 'differs', text: `"${name}" ends with ${own.exitCode}, cargo's with ${right.exitCode}` };
    if (own.stdout !== right.stdout) return { kind: 'differs', text: `"${name}" prints ${firstDifference(own.stdout, right.stdout)}` };
  }
  return undefined;
}

function firstDifference(own: string, right: string): string {
  const [lines, rightLines] = [own.split('\n'), right.split('\n')];
  const longer = lines.length > rightLines.length ? lines : rightLines;
  const index = longer.findIndex((_, at) => lines[at] !== rightLines[at]);
  const shown = (line: string | undefined): string => (line === undefined ? 'nothing more' : JSON.stringify(line));
  return `${shown(lines[index])}, cargo's ${shown(rightLines[index])}`;
}

const mostCharacters = 600;

/** Returns the lines with the reason why a build failed, otherwise the end of its messages. */
function reasonOf(text: string): string {
  const lines = text.split('\n').filter((line) => /^(?:error|bug|hint|Caused by|thread )|^  (?!note|warning|[|=]|-->)\S/.test(line));
  return (lines.length > 0 ? lines.join('\n').slice(0, mostCharacters) : text.trim().slice(-mostCharacters)).trim();
}
