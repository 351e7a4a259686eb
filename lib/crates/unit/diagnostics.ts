// rustc's JSON messages to text for a person: its own rendering, with the user's paths in place of ours. Pure.
import type { View } from '../../actions/sandbox/sandbox.ts';
import { toHostPaths } from '../../actions/sandbox/sandbox.ts';

export interface Diagnostic {
  /** rustc's own word ("warning", "error"), or "printed" for a line that is no message: what a macro printed, or a crash of rustc. */
  readonly level: string;
  readonly rendered: string;
}

/** How paths are shown. */
export interface Showing {
  /** place -> host path. */
  readonly mounts: Readonly<Record<string, string>>;
  /** The host's folder that relative paths of rustc start from. */
  readonly baseDir: string;
  /** Shortens an absolute path for the person. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
}

/** The messages of one rustc run, in order; lines that are not messages (a crash of rustc) are kept as they are. */
export function diagnosticsOf(stderr: string, showing: Showing): readonly Diagnostic[] {
  return stderr
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line): Diagnostic[] => {
      const message = line.startsWith('{') ? messageOf(line) : undefined;
      if (!message) return [{ level: 'printed', rendered: line }];
      if (message.rendered === undefined || /^(aborting due to|\d+ warnings? emitted)/.test(message.text)) return [];
      return [{ level: message.level, rendered: shown(message.rendered, message.files, showing) }];
    });
}

function shown(rendered: string, files: ReadonlySet<string>, { mounts, baseDir, shorten, colour }: Showing): string {
  const view: View = { readOnly: mounts, writable: {} };
  let text = colour ? rendered : rendered.replace(/\x1b\[[0-9;]*m/g, '');
  for (const file of files) {
    const absolute = file.startsWith('/') ? toHostPaths(file, view) : `${baseDir}/${file}`;
    // Only where rustc points at a place in a file, never in code or text that happens to hold the same letters.
    const pointer = new RegExp(`((?:-->|:::)${colours} ${colours})${escaped(file)}(?=:|\\x1b|$)`, 'gm');
    text = text.replaceAll(pointer, (_, arrow: string) => arrow + shorten(absolute));
  }
  return toHostPaths(text, view);
}

/** Changes of colour, which rustc puts before or behind the space after an arrow. */
const colours = '(?:\\x1b\\[[0-9;]*m)*';

interface Message {
  readonly level: string;
  readonly text: string;
  readonly rendered: string | undefined;
  readonly files: ReadonlySet<string>;
}

interface RawMessage {
  readonly message?: string;
  readonly level?: string;
  readonly rendered?: string | null;
  readonly spans?: readonly { readonly file_name: string }[];
  readonly children?: readonly RawMessage[];
}

function messageOf(line: string): Message | undefined {
  let raw: RawMessage;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined;
  }
  const files = new Set<string>();
  const collect = ({ spans = [], children = [] }: RawMessage): void => {
    for (const { file_name: file } of spans) files.add(file);
    children.forEach(collect);
  };
  collect(raw);
  return { level: raw.level ?? 'note', text: raw.message ?? '', rendered: raw.rendered ?? undefined, files };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
