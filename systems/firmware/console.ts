// What firmware and boot loaders of PC machines say when there is nothing to boot: shared by the pages of all systems.
import type { ConsoleRules, FindingRule, PanicRule } from '../../lib/console/rules.ts';

/** Endings before any system has begun. */
export const firmwareEndings: readonly PanicRule[] = [
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^BdsDxe: (?:loading|starting) Boot[0-9A-F]{4} "EFI Internal Shell"/,
    source: 'own recording, OVMF of Debian 12 with an empty disk',
    example: 'BdsDxe: loading Boot0002 "EFI Internal Shell" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)/FvFile(7C04A583)',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^BdsDxe: No bootable option or device was found/,
    source: 'EDK II, MdeModulePkg BdsDxe, when no shell is built in',
    example: 'BdsDxe: No bootable option or device was found.',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^UEFI Interactive Shell v\d/,
    source: 'EDK II ShellPkg, its banner',
    example: 'UEFI Interactive Shell v2.2',
  },
  {
    kind: 'boot-loop',
    fatal: 'always',
    pattern: /^No bootable device\. +Retrying in \d+ seconds/,
    source: 'own recording, SeaBIOS 1.16 with -boot reboot-timeout',
    example: 'No bootable device.  Retrying in 1 seconds.',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^No bootable device\./,
    source: 'own recording, SeaBIOS 1.16 with an empty disk',
    example: 'No bootable device.',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^No more network devices/,
    source: 'iPXE, when every network card was tried',
    example: 'No more network devices',
  },
  {
    // Not the last word: firmware may go on to another device.
    kind: 'no-bootdev',
    fatal: 'unless-claimed',
    pattern: /^Boot from SAN device 0x[0-9a-f]+ failed/,
    source: 'iPXE',
    example: 'Boot from SAN device 0x80 failed: Input/output error (https://ipxe.org/1a852039)',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^grub(?: rescue)?>/,
    source: 'GRUB 2, its two prompts',
    example: 'grub rescue> ',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^!!!! [A-Z0-9]+ Exception Type - /,
    source: 'EDK II CpuExceptionHandlerLib',
    example: '!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^ASSERT \S+\(\d+\): /,
    source: 'EDK II DebugLib',
    example: 'ASSERT /build/MdePkg/Library/BaseLib/String.c(127): String != ((void *) 0)',
  },
];

/** Rules for a machine of which only the firmware is known: `--system firmware`. */
/** Lines of the machine monitor that were recorded into the same file: the host speaks, not the guest. In a run of ours they never get there. */
export const hostFindings: readonly FindingRule[] = [
  {
    kind: 'host',
    pattern: /^qemu-system-\w+: /,
    source: "QEMU's util/error-report.c: the program's name before each message",
    example: 'qemu-system-x86_64: terminating on signal 15 from pid 4961 (timeout)',
  },
  {
    kind: 'host',
    pattern: /[ER]AX=[0-9a-f]{8,16} [ER]BX=[0-9a-f]{8,16} /,
    source: "QEMU's target/i386/cpu-dump.c: registers, which may begin in the midst of a guest's line",
    example: '[EFI stub] Decoding tEAX=00000000 EBX=00000000 ECX=00000000 EDX=000306a9',
  },
];

export const console: ConsoleRules = {
  milestones: [
    {
      name: 'firmware',
      stage: 'firmware',
      once: true,
      pattern: /^(?:SeaBIOS \(version |>>>>SecStartup)/,
      source: 'own recording, SeaBIOS 1.16; the first words of EDK II on some servers',
      example: 'SeaBIOS (version 1.16.2-debian-1.16.2-1)',
    },
    {
      name: 'boot device',
      stage: 'loader',
      pattern: /^(?:Booting from |BdsDxe: starting Boot)/,
      source: 'own recordings, SeaBIOS and OVMF',
      example: 'Booting from Hard Disk...',
    },
  ],
  prompts: [],
  panics: firmwareEndings,
  findings: hostFindings,
  decoys: [],
  powerOffs: [],
  limits: { timeoutMs: 120_000, silenceMs: 30_000, graceMs: 2000 },
};
