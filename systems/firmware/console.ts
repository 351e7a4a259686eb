// Messages of firmware and boot loaders of PC machines when there is nothing to boot. The pages of all
// systems share these rules.
import type { ConsoleRules, FindingRule, PanicRule } from '../../lib/console/rules.ts';
import { loaderEndings } from './loaders.ts';

/** Failures before any system has started. */
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
    // Not final: firmware may try another device.
    kind: 'no-bootdev',
    fatal: 'unless-claimed',
    pattern: /^Boot from SAN device 0x[0-9a-f]+ failed/,
    source: 'iPXE',
    example: 'Boot from SAN device 0x80 failed: Input/output error (https://ipxe.org/1a852039)',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /!!!! [A-Z0-9]+ Exception Type - /,
    source: 'EDK II CpuExceptionHandlerLib',
    example: '!!!! X64 Exception Type - 0D(#GP - General Protection)  CPU Apic ID - 00000000 !!!!',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^(?:DXE_)?ASSERT(?:!:)? ?(?:\[\w+\] )?\S+ ?\(\d+\): /,
    source: 'EDK II DebugLib of all ages',
    example: 'ASSERT [PlatformPei] /build/edk2/OvmfPkg/PlatformPei/MemDetect.c(294): !(((INTN)(RETURN_STATUS)(Status)) < 0)',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^ASSERT_(?:EFI|RETURN)_ERROR \(Status = /,
    source: 'EDK II DebugLib',
    example: 'ASSERT_EFI_ERROR (Status = Device Error)',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^(?:Synchronous|SError|IRQ|FIQ|Undefined Instruction|SWI|Reset) Exception at 0x/,
    source: 'EDK II ArmPkg DefaultExceptionHandlerLib',
    example: 'Synchronous Exception at 0x000000005F0D2F8C',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^(?:Data abort|Prefetch abort) Exception (?:PC )?at 0x/,
    source: 'EDK II ArmPkg, 32 bits',
    example: 'Data abort Exception PC at 0x5F0D2F8C',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^(?:KVM internal error\. Suberror: \d+|KVM: entry failed, hardware error|kvm run failed )/,
    source: 'QEMU accel/kvm: the machine stops',
    example: 'KVM internal error. Suberror: 1',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /^qemu(?:-system-\w+)?: (?:fatal: |Trying to execute code outside RAM or ROM)/,
    source: 'QEMU accel/tcg',
    example: 'qemu: fatal: Trying to execute code outside RAM or ROM at 0xe59f300c',
  },
  {
    kind: 'no-bootdev',
    fatal: 'unless-claimed',
    pattern: /^(?:Boot failed: |PXE-[EM][0-9A-F]{2}: )/,
    source: 'SeaBIOS boot.c, PXE of Intel: the next device may have something',
    example: 'Boot failed: not a bootable disk',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^map: No mapping found\.|\bBoot Maintenance Manager\b/,
    source: 'EDK II: its shell without a disk, its menu',
    example: 'map: No mapping found.',
  },
  {
    kind: 'other',
    fatal: 'unless-claimed',
    pattern: /^qemu(?:-system-\w+)?: (?!terminating on signal|warning: |info: )/,
    source: 'QEMU, when it says nothing more: in a run of ours these lines never get to the console',
    example: 'qemu: linux kernel too old to load a ram disk',
  },
  {
    kind: 'other',
    fatal: 'unless-claimed',
    pattern: /^Could not access KVM kernel module: /,
    source: 'QEMU accel/kvm/kvm-all.c',
    example: 'Could not access KVM kernel module: Permission denied',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^(?:Error booting VM: |Error: Cloud Hypervisor exited|VMM thread exited with error)/,
    source: 'Cloud Hypervisor',
    example: 'Error booting VM: VmBoot(KernelLoad(Elf(ReadKernelImage)))',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^Error: RunWith(?:out)?Api|\bFirecracker exiting with error\b/,
    source: 'Firecracker',
    example: '2026-02-12T17:18:27.185731205 [anonymous-instance:main] Firecracker exiting with error. exit_code=1',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /\bcrosvm has exited (?:with error|due to a kernel panic)|\bexiting with error \d+: /,
    source: 'crosvm',
    example: '[ERROR crosvm] crosvm has exited with error: failed to create kvm: Permission denied (os error 13)',
  },
  {
    kind: 'no-bootdev',
    fatal: 'always',
    pattern: /^(?:sh:)?grub(?: rescue)?>/,
    source: 'GRUB 2, its two prompts',
    example: 'grub rescue> ',
  },
  {
    kind: 'no-bootdev',
    fatal: 'unless-claimed',
    pattern: /^(?:Shell|(?:FS|BLK)\d{1,3}:\\?[^>]{0,80})> ?$/,
    source: 'EDK II, the prompt of its shell',
    example: 'FS0:\\efi\\boot\\> ',
  },
  {
    kind: 'firmware',
    fatal: 'always',
    pattern: /Exception happened, ExceptionNum is \d+, EIP = /,
    source: 'EDK II SourceLevelDebugPkg',
    example: 'Exception happened, ExceptionNum is 6, EIP = 0xE0000.',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^(?:Guest crashed on cpu \d+: |Failed to emulate instruction \[|vm exit\[\d+\]$)/,
    source: 'QEMU for s390, bhyve, HyperKit',
    example: 'Guest crashed on cpu 0: disabled-wait',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /\bbhyve exited with status (?:[3-9]|\d\d)|^ *#? ?KVM exit reason: \d+ \("KVM_EXIT_(?!SHUTDOWN|SYSTEM)/,
    source: 'vm-bhyve, kvmtool',
    example: 'KVM exit reason: 17 ("KVM_EXIT_INTERNAL_ERROR")',
  },
];

/**
 * Lines of the machine monitor that were recorded into the same file. They come from the host and not from
 * the guest. In runs of this project they are never in the file.
 */
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

/**
 * The prompt of a board's loader: a word and a sign. If a system may follow, such a prompt could be that of a
 * shell.
 */
const loaderPrompt: PanicRule = {
  kind: 'no-bootdev',
  fatal: 'unless-claimed',
  pattern: /^[\w.-]{1,20}(?: [#$>]|[#$>]|=>) ?$/,
  source: 'U-Boot with the prompt of a board (CONFIG_SYS_PROMPT)',
  example: '8311 # ',
};

/**
 * A panic of a machine monitor or a loader in Rust. If a system runs, the same message could come from any
 * program.
 */
const monitorPanic: PanicRule = {
  kind: 'rust-panic',
  fatal: 'always',
  pattern: /^thread '[^']*'(?: \(\d+\))? panicked at /,
  source: 'Rust std, panicking.rs, before and since 1.73',
  example: "thread 'main' panicked at src/main.rs:10:5:",
};

/** Rules for a machine of which only the firmware is known: `--system firmware`. */
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
  panics: [...firmwareEndings, ...loaderEndings, loaderPrompt, monitorPanic],
  findings: hostFindings,
  decoys: [],
  powerOffs: [],
  limits: { timeoutMs: 120_000, silenceMs: 30_000, graceMs: 2000 },
};
