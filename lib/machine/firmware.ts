// UEFI firmware for a machine (EDK II's OVMF): where distributions install its two files, and which variables
// belong to which code. Copies nothing and starts nothing.
import { realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cannot } from '../core/errors.ts';
import { installHint } from '../core/tools.ts';
import type { Flash } from './qemu/command-line.ts';

interface Pair {
  readonly from: string;
  readonly code: string;
  readonly variables: string;
  readonly format: Flash['format'];
}

/**
 * Firmware without secure boot. The 4 MiB build is before the 2 MiB one, because newer distributions have
 * only that.
 */
const pairs: readonly Pair[] = [
  { from: 'Debian', code: 'usr/share/OVMF/OVMF_CODE_4M.fd', variables: 'usr/share/OVMF/OVMF_VARS_4M.fd', format: 'raw' },
  { from: 'Debian', code: 'usr/share/OVMF/OVMF_CODE.fd', variables: 'usr/share/OVMF/OVMF_VARS.fd', format: 'raw' },
  { from: 'Fedora', code: 'usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2', variables: 'usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2', format: 'qcow2' },
  { from: 'Fedora', code: 'usr/share/edk2/ovmf/OVMF_CODE.fd', variables: 'usr/share/edk2/ovmf/OVMF_VARS.fd', format: 'raw' },
  { from: 'Arch', code: 'usr/share/edk2/x64/OVMF_CODE.4m.fd', variables: 'usr/share/edk2/x64/OVMF_VARS.4m.fd', format: 'raw' },
  { from: 'Arch', code: 'usr/share/edk2-ovmf/x64/OVMF_CODE.fd', variables: 'usr/share/edk2-ovmf/x64/OVMF_VARS.fd', format: 'raw' },
  { from: 'openSUSE', code: 'usr/share/qemu/ovmf-x86_64-4m-code.bin', variables: 'usr/share/qemu/ovmf-x86_64-4m-vars.bin', format: 'raw' },
];

/**
 * QEMU contains its own EDK II builds. On Nix and in a prefix that the user built, they are the only ones.
 * Its 32-bit variables fit its 64-bit code.
 */
const besideQemu: Pair = { from: 'QEMU', code: 'share/qemu/edk2-x86_64-code.fd', variables: 'share/qemu/edk2-i386-vars.fd', format: 'raw' };

/**
 * Returns the firmware of this host: code, and the original variables, of which runs use copies. `root` is
 * the folder that distributions' paths are under ("/"). Missing firmware is a Failure (host).
 */
export async function uefiFlash(qemu: string, root = '/'): Promise<Flash> {
  const prefix = dirname(dirname(await realpath(qemu)));
  for (const [folder, pair] of [...pairs.map((pair) => [root, pair] as const), [prefix, besideQemu] as const]) {
    const flash: Flash = { code: join(folder, pair.code), variables: join(folder, pair.variables), format: pair.format };
    if ((await isFile(flash.code)) && (await isFile(flash.variables))) return flash;
  }
  throw cannot('find UEFI firmware', `none of ${pairs.length + 1} known places has OVMF`, {
    blame: 'host',
    hint: installHint('OVMF'),
  });
}

/** Paths of EDK II for Cloud Hypervisor in its packages. */
const cloudHypervisorPlaces = [
  'usr/share/cloud-hypervisor/CLOUDHV.fd',
  'usr/share/cloud-hypervisor/CLOUDHV_EFI.fd',
  'usr/share/edk2/x64/CLOUDHV.fd',
  'usr/lib/cloud-hypervisor/CLOUDHV.fd',
];

/** Returns the path of the firmware. Missing firmware is a Failure (host). */
export async function cloudHypervisorFirmware(root = '/'): Promise<string> {
  for (const place of cloudHypervisorPlaces) if (await isFile(join(root, place))) return join(root, place);
  throw cannot('find firmware for Cloud Hypervisor', `there is no CLOUDHV.fd in ${cloudHypervisorPlaces.length} known places`, {
    blame: 'host',
    hint: `put EDK II's CloudHv build at /${cloudHypervisorPlaces[0]}`,
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
