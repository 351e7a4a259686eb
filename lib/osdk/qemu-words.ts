// The machine of an OSDK.toml: [qemu] has a program and a text of arguments. A shell splits and expands the
// text, so that it may contain variables and call the project's own scripts.
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import type { OsdkManifest, OsdkSettings } from './manifest.ts';

/**
 * Prints the words of its argument, each followed by a NUL. The text comes from the author of the checkout,
 * and is meant for a shell.
 */
const printWords = 'set -f; eval "set -- $1" && if [ $# -gt 0 ]; then printf "%s\\0" "$@"; fi';

/**
 * Returns the words of `qemuArguments`, as a shell splits them in the folder of the file. `env` is the user's
 * environment. A failing command in the text is a Failure.
 */
export async function qemuWords(
  { folder }: Pick<OsdkManifest, 'folder'>,
  { qemuArguments = '' }: Pick<OsdkSettings, 'qemuArguments'>,
  env: Readonly<Record<string, string>>,
  { signal }: Context,
): Promise<readonly string[]> {
  const { exitCode, killedBy, stdout, stderr } = await run(['sh', '-e', '-c', printWords, 'sh', qemuArguments], {
    cwd: folder,
    env,
    signal,
  });
  if (exitCode !== 0) {
    throw cannot(`expand the arguments of QEMU in "${folder}/OSDK.toml"`, `the shell ended with ${killedBy ?? `status ${exitCode}`}`, {
      detail: stderr.trim(),
    });
  }
  // A script in $(...) that fails does not end the shell. Then there are too few words.
  const words = stdout.split('\0').slice(0, -1);
  if (words.length === 0 && qemuArguments.trim() !== '') {
    throw cannot(`expand the arguments of QEMU in "${folder}/OSDK.toml"`, `"${qemuArguments.trim()}" expands to nothing`, {
      detail: stderr.trim(),
    });
  }
  return words;
}
