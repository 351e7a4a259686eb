// Messages of the Linux kernel on the serial console, for every architecture, and how it ends a boot. Texts
// of kernels from 2.4 to 6.18. Each rule names its source and a line that it matches.
import type { FindingRule, LineRule, Milestone, PanicRule } from '../../lib/console/rules.ts';

/** Loader and kernel. If one of these lines is repeated, the machine has started over. */
export const kernelMilestones: readonly Milestone[] = [
  {
    name: 'firmware',
    stage: 'firmware',
    once: true,
    pattern: /^(?:SeaBIOS \(version |>>>>SecStartup)/,
    source: 'own recording, SeaBIOS 1.16; firmware of servers after a reset',
    example: 'SeaBIOS (version 1.16.2-debian-1.16.2-1)',
  },
  {
    name: 'boot device',
    stage: 'loader',
    pattern: /^(?:Booting from (?:Hard Disk|ROM)|BdsDxe: starting Boot)/,
    source: 'own recordings, SeaBIOS and OVMF',
    example: 'BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x2,0x0)',
  },
  {
    name: 'kernel',
    stage: 'kernel',
    once: true,
    pattern: /^Linux version \d+\.\d+/,
    source: 'linux init/version-timestamp.c, its first line',
    example: '[    0.000000] Linux version 6.1.0-13-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0)',
  },
  {
    name: 'init',
    stage: 'init',
    pattern: /^Run \S+ as init process$/,
    source: 'linux init/main.c since 4.14',
    example: '[    1.383549] Run /init as init process',
  },
];

/**
 * How the kernel ends a boot. The text may be before, inside of or after other text, with any of the prefixes
 * of a line.
 */
export const kernelEndings: readonly PanicRule[] = [
  {
    kind: 'oom',
    fatal: 'always',
    pattern: /^(?:---\[ end )?Kernel panic - not syncing: (?:System is deadlocked on memory|Out of memory)/,
    source: 'linux mm/oom_kill.c',
    example: '[    5.082426] Kernel panic - not syncing: System is deadlocked on memory',
  },
  {
    kind: 'oom',
    fatal: 'always',
    pattern: /^Out of memory and no killable processes/,
    source: 'linux mm/oom_kill.c',
    example: 'Out of memory and no killable processes...',
  },
  {
    kind: 'oom',
    fatal: 'always',
    pattern: /^\S*(?:init|systemd) invoked oom-killer: /,
    source: 'linux mm/oom_kill.c, when the first program is the one that asks',
    example: '[   50.039496] gui-init invoked oom-killer: gfp_mask=0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO), order=1, oom_score_adj=0',
  },
  {
    kind: 'kernel-panic',
    fatal: 'always',
    pattern: /^(?:---\[ end )?Kernel panic - not syncing: /,
    source: 'linux kernel/panic.c, with or without its end marker',
    example: '[    2.073575] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00',
  },
  {
    kind: 'page-fault',
    fatal: 'always',
    pattern: /^(?:BUG: unable to handle|Unable to handle kernel|BUG: kernel NULL pointer dereference)/,
    source: 'linux arch/*/mm/fault.c',
    example: '[  149.188010] BUG: unable to handle kernel NULL pointer dereference at 000000000000058c',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern:
      /^(?:traps: )?(?:general protection fault|divide error|invalid opcode|stack segment|double fault|alignment check)[^:]*: [0-9a-f]{4} \[#\d+\]/,
    source: 'linux arch/x86/kernel/traps.c',
    example: '[ 1722.511384] general protection fault: 0000 [#1] SMP KASAN',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^(?:Oops(?: - \w+)?: |Internal error: |kernel BUG at \S+:\d+!)/,
    source: 'linux kernel/panic.c, arch/*/kernel/traps.c',
    example: '[   58.760053] kernel BUG at drivers/net/phy/mdio_bus.c:651!',
  },
  {
    kind: 'kernel-panic',
    fatal: 'always',
    pattern: /^(?:---\[ end )?Kernel panic(?: -)? (?:not syncing: |: )/,
    source: 'linux kernel/panic.c, as retyped by people; kernels before 2.6',
    example: 'Kernel panic not syncing: Attempted to kill init!',
  },
  {
    kind: 'kernel-panic',
    fatal: 'always',
    pattern: /^Kernel panic: /,
    source: 'linux 2.4 kernel/panic.c',
    example: 'Kernel panic: VFS: Unable to mount root fs on 03:02',
  },
  {
    kind: 'kernel-panic',
    fatal: 'always',
    pattern: /^(?:\(XEN\) )?(?:\[[-0-9: .]+\] )?(?:Panic on CPU \d+:|FATAL TRAP|Xen BUG at|Hardware Dom0 (?:crashed|halted))/,
    source: 'xen common/panic, xen/arch/x86/traps.c',
    example: '(XEN) Panic on CPU 0:',
  },
  {
    kind: 'kernel-panic',
    fatal: 'always',
    pattern: /^\(XEN\) (?:\[[-0-9: .]+\] )?(?:Assertion '.{1,100}' failed|----\[ Xen-\d)/,
    source: 'xen, the head of its registers',
    example: '(XEN) ----[ Xen-4.17.2  x86_64  debug=n  Not tainted ]----',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^PANIC: (?:early exception 0x[0-9a-f]+|double fault)/,
    source: 'linux arch/x86/kernel/head_64.S, doublefault.c',
    example: 'PANIC: early exception 0x0e IP 10:ffffffff81000110 error 0 cr2 0x0',
  },
  {
    kind: 'page-fault',
    fatal: 'always',
    pattern:
      /^(?:CPU \d+ )?(?:BUG: [Uu]nable to handle|BUG: [Kk]ernel NULL pointer dereference|Unable to handle (?:kernel|krnl)|Kernel tried to execute)/,
    source: 'linux arch/{mips,loongarch,powerpc,s390}/mm/fault.c',
    example: 'CPU 0 Unable to handle kernel paging request at virtual address 00000000, epc == 8003a5f4, ra == 8003a5d0',
  },
  {
    kind: 'page-fault',
    fatal: 'always',
    pattern: /^(?:BUG: )?(?:TASK )?stack guard page was hit at /,
    source: 'linux arch/x86/kernel/dumpstack.c',
    example: 'BUG: TASK stack guard page was hit at 00000000f7bfb1a5',
  },
  {
    kind: 'page-fault',
    fatal: 'always',
    pattern: /^(?:Insufficient stack space to handle exception!|Kernel stack overflow)/,
    source: 'linux arch/arm64/kernel/traps.c, arch/s390/kernel/traps.c',
    example: 'Insufficient stack space to handle exception!',
  },
  {
    kind: 'page-fault',
    fatal: 'always',
    pattern: /^(?:8<--- cut here ---|Unhandled (?:fault|prefetch abort): )/,
    source: 'linux arch/arm/mm/fault.c',
    example: 'Unhandled fault: external abort on non-linefetch (0x1008) at 0xf0c00000',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^Bad mode in .+ handler detected/,
    source: 'linux arch/arm64/kernel/traps.c, arch/arm/kernel/traps.c',
    example: 'Bad mode in Synchronous Abort handler detected on CPU0, code 0xbe000011',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^SError Interrupt on CPU\d+, code /,
    source: 'linux arch/arm64/kernel/traps.c',
    example: 'SError Interrupt on CPU0, code 0x00000000bf000002 -- SError',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^[A-Z][\w /()?-]{3,60}: Code=\d+ \(.{1,60}\) at addr /,
    source: 'linux arch/parisc/kernel/traps.c',
    example: 'Kernel Fault: Code=26 (Data memory access rights trap) at addr 0000000000000000',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /\[#[1-9]\d*\](?<=^\w[\w ,'!:()./-]{2,100}\[#\d{1,4}\])(?::|\s|$)/,
    source: 'linux: what die() of every architecture prints, the word and the count of such faults',
    example: 'Reserved instruction in kernel code[#1]:',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^Kernel BUG at \S+/,
    source: 'linux lib/bug.c before 2.6.16',
    example: 'Kernel BUG at mm/slab.c:1234',
  },
  {
    kind: 'oom',
    fatal: 'always',
    pattern: /^Out of memory: Kill(?:ed)? process 1 \(/,
    source: 'linux mm/oom_kill.c: the first program',
    example: 'Out of memory: Killed process 1 (systemd) total-vm:10276kB, anon-rss:1028kB, file-rss:4kB, shmem-rss:0kB',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^Starting init: \/bin\/sh exists but couldn't execute it/,
    source: 'linux init/main.c: what was named as the first program cannot start',
    example: "Starting init: /bin/sh exists but couldn't execute it (error -8)",
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^EFI stub: ERROR: (?:efi_main\(\) failed|exit_boot\(\) failed|Failed to (?:relocate|decompress|allocate))/,
    source: 'linux drivers/firmware/efi/libstub',
    example: 'EFI stub: ERROR: efi_main() failed!',
  },
  {
    kind: 'emergency-mode',
    fatal: 'if-shell-follows',
    pattern: /^Run \/bin\/init as init process/,
    source: 'linux init/main.c: the last program that it looks for before a shell',
    example: '[    1.900000] Run /bin/init as init process',
  },
  {
    kind: 'oops',
    fatal: 'always',
    pattern: /^(?:\*\*\* [A-Z ]{3,40} \*\*\* +FORMAT=|BAD KERNEL TRAP: )/,
    source: 'linux arch/m68k/kernel/traps.c',
    example: '*** ILLEGAL INSTRUCTION ***   FORMAT=4',
  },
];

export const kernelFindings: readonly FindingRule[] = [
  {
    kind: 'service-failed',
    pattern: /^(?:\[FAILED\] |systemd\[1\]: \S+: Failed with result ')/,
    source: 'systemd: the boot continues',
    example: '[FAILED] Failed to start Journal Service.',
  },
  {
    kind: 'dependency-failed',
    pattern: /^\[DEPEND\] /,
    source: 'systemd',
    example: '[DEPEND] Dependency failed for /data.',
  },
  {
    kind: 'kernel-warning',
    pattern:
      /^(?:WARNING: (?:CPU: \d|possible|suspicious|bad unlock)|\[ INFO: suspicious RCU|UBSAN: |BUG: K[ACMF]\w+: |unreferenced object 0x)/,
    source: 'linux kernel/panic.c, lockdep, the sanitizers',
    example: '[   55.967976] WARNING: CPU: 1 PID: 8377 at arch/x86/kvm/x86.c:7209 kvm_arch_vcpu_ioctl_run+0x1f7/0x5a00',
  },
  {
    kind: 'lockup',
    pattern:
      /^(?:(?:NMI )?watchdog: |rcu: )?(?:BUG: soft lockup - CPU#\d+|INFO: \S+ (?:self-)?detected stalls?|INFO: task \S+ blocked for more than)/,
    source: 'linux kernel/watchdog.c, kernel/rcu, kernel/hung_task.c; on a loaded host a guest lives through it',
    example: 'watchdog: BUG: soft lockup - CPU#0 stuck for 79s! [systemd:1]',
  },
  {
    kind: 'oom-kill',
    pattern: /^Out of memory: Killed process \d+/,
    source: 'linux mm/oom_kill.c',
    example: '[   49.957214] Out of memory: Killed process 472 (whiptail) total-vm:10276kB, anon-rss:1028kB',
  },
  {
    kind: 'rust-panic',
    pattern: /^thread '[^']*'(?: \(\d+\))? panicked at /,
    source: 'Rust std, of any program: that of the first one ends in a kernel panic',
    example: "thread 'main' (1) panicked at rinit/init.rs:5:137:",
  },
];

export const linuxPowerOffs: readonly LineRule[] = [
  {
    pattern: /^reboot: (?:Power down|System halted|Restarting system)/,
    source: 'linux kernel/reboot.c',
    example: '[   12.345678] reboot: Power down',
  },
];

/** Lines that announce a restart of the machine, or of the kernel alone. */
export const linuxRestarts: readonly LineRule[] = [
  {
    pattern: /^(?:reboot: (?:Restarting system|machine restart)|Restarting system\.|kexec_core: Starting new kernel|Starting new kernel$)/,
    source: 'linux kernel/reboot.c, kernel/kexec_core.c',
    example: '[    6.100000] kexec_core: Starting new kernel',
  },
  {
    pattern: /^(?:systemd-shutdown\[1\]: Rebooting\.|Requesting system reboot|The system is going down for reboot)/,
    source: 'systemd shutdown.c, busybox init, shutdown of sysvinit',
    example: 'systemd-shutdown[1]: Rebooting.',
  },
  {
    pattern: /^(?:INIT: Switching to runlevel: 6|Rebooting (?:now|the system|in \d+))/,
    source: 'sysvinit, scripts of first boots',
    example: 'INIT: Switching to runlevel: 6',
  },
];

export const kernelStamp: LineRule = {
  pattern: /\[ *(?<seconds>\d+\.\d{6})\](?:\[ *[TC]\d+\])? /,
  source: 'linux kernel/printk/printk.c, with CONFIG_PRINTK_CALLER or without',
  example: '[   19.676010][    T1] random: nonblocking pool is initialized',
};
