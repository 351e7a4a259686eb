// Creates a machine from a checkout's OSDK.toml, which replaces the program and the arguments of the page's
// machine.
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { readOsdkManifest } from '../osdk/manifest.ts';
import type { OsdkAction } from '../osdk/manifest.ts';
import { qemuWords } from '../osdk/qemu-words.ts';

export interface OsdkMachineRequest {
  readonly machine: MachineDescription;
  /** The folder of OSDK.toml, an absolute path. Undefined if the kernel does not come from a checkout. */
  readonly checkout: string | undefined;
  readonly action: OsdkAction;
  readonly scheme: string | undefined;
  /** The user's environment. The arguments may contain its variables. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the machine with the arguments of the file. A file without [qemu] is a Failure. */
export async function osdkMachine(request: OsdkMachineRequest, context: Context): Promise<MachineDescription> {
  const { machine, checkout, action, scheme, env } = request;
  const what = 'run the machine of an OSDK.toml';
  if (checkout === undefined) {
    throw cannot(what, 'the booted image was not built from a checkout', { blame: 'usage', hint: 'build it with --source asterinas=DIR' });
  }
  const manifest = await readOsdkManifest(join(checkout, 'OSDK.toml'));
  const settings = manifest.settings(action, scheme);
  if (settings.qemu === undefined && settings.qemuArguments === undefined) throw cannot(what, `"${checkout}/OSDK.toml" has no [qemu]`);
  const words = await qemuWords(manifest, settings, env, context);
  return { ...machine, written: { words, folder: checkout, ...(settings.qemu !== undefined && { program: settings.qemu }) } };
}
