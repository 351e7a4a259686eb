// The launch file with which Visual Studio Code attaches to the gdb server of a machine (source: the manual
// of CodeLLDB, "Remote debugging"). Only computes.
import { here } from '../../actions/place.ts';
import { cannot } from '../../core/errors.ts';

/** The path of the file, relative to the folder that is opened in the editor. */
export const launchFile = '.vscode/launch.json';

export interface LaunchConfiguration {
  readonly name: string;
  /** The absolute path of the kernel with its symbols. */
  readonly elf: string;
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** The user's folder to which a place of the sandbox in debug information is mapped. */
  readonly sources?: string | undefined;
}

/**
 * Returns the text of the file with the configuration. It replaces one of the same name, and other
 * configurations are kept. Throws a Failure for a file that is not plain JSON.
 */
export function launchText(existing: string | undefined, { name, elf, port, sources }: LaunchConfiguration): string {
  const file = existing === undefined ? { version: '0.2.0', configurations: [] } : parsed(existing);
  const own = {
    name,
    type: 'lldb',
    request: 'launch',
    targetCreateCommands: [`target create ${JSON.stringify(elf)}`],
    processCreateCommands: [`gdb-remote 127.0.0.1:${port}`],
    ...(sources !== undefined && { sourceMap: { [here]: sources } }),
  };
  const others = file.configurations.filter((one) => !isRecord(one) || one['name'] !== name);
  return `${JSON.stringify({ ...file, configurations: [...others, own] }, null, 2)}\n`;
}

function parsed(text: string): { readonly configurations: readonly unknown[] } {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    value = undefined;
  }
  if (isRecord(value) && Array.isArray(value['configurations'])) return { ...value, configurations: value['configurations'] };
  throw cannot(`add to ${launchFile}`, 'it is not plain JSON with a list of configurations', {
    hint: 'remove its comments, or move it away',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
