// Sets extended attributes of extracted files with setfattr(1), of the namespace "user." only: the others give programs privileges, restrict access or
// belong to the system, and an image is not trusted. They are left out like set-id bits and owners.
import { Buffer } from 'node:buffer';
import { encodePath } from '../../core/paths.ts';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';
import type { Xattrs } from '../xattrs.ts';

/** Whether an attribute may be set on a file of the host. */
export function isRestorable(name: string): boolean {
  return name.startsWith('user.');
}

/**
 * Sets the restorable attributes of files and directories, whose paths are relative to the folder. No link may be in the folder. Returns the complaints:
 * a sentence for each attribute that could not be set.
 */
export async function setXattrs(
  rows: readonly (readonly [path: string, xattrs: Xattrs])[],
  folder: string,
  host: ImageHost,
  context: Context,
): Promise<readonly string[]> {
  const restored = rows.flatMap(([path, xattrs]) => {
    const of = [...xattrs].filter(([name]) => isRestorable(name));
    return of.length === 0
      ? []
      : [`# file: ${escaped(`./${path}`, '\\')}\n${of.map(([name, value]) => attributeLine(name, value)).join('')}\n`];
  });
  if (restored.length === 0) return [];
  try {
    const call = { what: 'set extended attributes', argv: ['setfattr', '--restore=-'], stdin: restored.join(''), cwd: folder } as const;
    const { exitCode, stderr } = await tried(call, host, context);
    const complaints = stderr.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^setfattr: (?:\.\/)?/, '')]));
    return exitCode === 0 || complaints.length > 0 ? complaints : [`setfattr ended with status ${exitCode}`];
  } catch (error) {
    if (error instanceof Failure) return [`${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`];
    throw error;
  }
}

function attributeLine(name: string, value: Uint8Array): string {
  return `${escaped(name, '=\\')}=0s${Buffer.from(value).toString('base64')}\n`;
}

/** The form of getfattr(1): a backslash and three octal digits for each byte that is not printable ASCII, and for some signs. */
function escaped(text: string, signs: string): string {
  return [...Buffer.from(encodePath(text))]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || signs.includes(String.fromCharCode(byte))
        ? `\\${byte.toString(8).padStart(3, '0')}`
        : String.fromCharCode(byte),
    )
    .join('');
}
