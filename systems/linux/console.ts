// What a Linux says on the serial console: the kernel, systemd, initramfs scripts of the common kinds, getty and shells. Texts of kernels from
// 3.18 to 6.18. Each rule names its source and a line that it matches. Other systems with a Linux kernel, or systemd, take from here.
import type { ConsoleRules, FindingRule, LineRule, Milestone, PanicRule, PromptRule } from '../../lib/console/rules.ts';
import { firmwareEndings, hostFindings } from '../firmware/console.ts';

/** Loader and kernel: the machine has started over when one of these returns. */
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

/** systemd and what leads to it. */
export const systemdMilestones: readonly Milestone[] = [
  {
    name: 'stage 1',
    stage: 'init',
    pattern: /^(?:machine # )?<<< ?NixOS Stage 1 >>>/,
    source: 'nixpkgs, stage-1-init.sh',
    example: '<<< NixOS Stage 1 >>>',
  },
  {
    name: 'stage 2',
    stage: 'init',
    pattern: /^(?:machine # )?<<< ?NixOS Stage 2 >>>/,
    source: 'nixpkgs, stage-2-init.sh',
    example: '<<< NixOS Stage 2 >>>',
  },
  {
    name: 'systemd',
    stage: 'init',
    pattern: /^(?:systemd\[1\]: )?(?:systemd \d+\S* running in system mode|Welcome to (?!GRUB!).+!$)/,
    source: 'systemd, main.c',
    example: 'Welcome to Debian GNU/Linux 12 (bookworm)!',
  },
  {
    name: 'basic system',
    stage: 'userland',
    pattern: /^(?:\[ +OK +\] |systemd\[1\]: )?Reached target (?:basic\.target - )?Basic System/,
    source: 'systemd, basic.target, its line before and since version 246',
    example: '[  OK  ] Reached target basic.target - Basic System.',
  },
  {
    name: 'multi-user',
    stage: 'userland',
    pattern: /^(?:\[ +OK +\] |systemd\[1\]: )?Reached target (?:multi-user\.target - )?Multi-User System/,
    source: 'systemd, multi-user.target',
    example: '[  OK  ] Reached target Multi-User System.',
  },
];

export const linuxPrompts: readonly PromptRule[] = [
  {
    // A host's name, or "(none)" where it has none; often with kernel text after it.
    pattern: /^(?:machine # )?(?:\(none\)|[A-Za-z0-9][A-Za-z0-9._-]{0,63}) login:/,
    source: 'util-linux agetty, busybox getty; "machine #" is the NixOS test driver',
    example: 'buildvm login: [    7.130130] sysrq: Show Memory',
  },
  {
    pattern: /^(?:[/~]\S{0,80} |\S{1,80}:[/~]\S{0,80}|\[\S{1,60} \S{1,60}\]|\[\S{1,60}@\S{1,60}:\S{1,80}\]|(?:ba|da)?sh-\d[\d.]*)[#$] /,
    shell: true,
    source: 'busybox sh, bash with the prompts of Debian, Red Hat and NixOS',
    example: '/ # ',
  },
];

/** Lines that look like a prompt or a panic and are neither. */
export const linuxDecoys: readonly LineRule[] = [
  {
    pattern: /^Last login: /,
    source: 'util-linux login, pam_lastlog',
    example: 'Last login: Tue Mar 14 21:08:02 UTC 2017 on ttyS0',
  },
  {
    pattern: /^(?:Kernel command|[Cc]ommand) line: /,
    source: 'linux init/main.c: options may be called as failures are',
    example: '[    0.000000] Command line: console=ttyS0 panic=-1 oops=panic systemd.log_level=debug',
  },
  {
    pattern: /^(?:audit: )?type=\d+ audit\(/,
    source: 'linux kernel/audit.c: names of profiles and units stand in these lines',
    example: '[    4.005254] audit: type=1400 audit(1568973482.659:4): apparmor="STATUS" name="libreoffice-oopslash"',
  },
];

/** How the kernel ends a boot: before, on and after other text, with any of the prefixes that a line may have. */
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
];

/** How systemd, or the scripts before it, end a boot. */
export const userlandEndings: readonly PanicRule[] = [
  {
    kind: 'emergency-mode',
    fatal: 'always',
    pattern: /^ *You are in (?:emergency|rescue) mode\./,
    source: 'systemd, sulogin-shell',
    example: 'You are in emergency mode. After logging in, type "journalctl -xb" to view',
  },
  {
    kind: 'emergency-mode',
    fatal: 'always',
    pattern:
      /^(?:\[ +OK +\] |systemd\[1\]: )?(?:Reached target (?:emergency\.target - )?Emergency Mode|Started (?:emergency\.service - )?Emergency Shell)\./,
    source: 'systemd, emergency.target',
    example: '[  OK  ] Reached target emergency.target - Emergency Mode.',
  },
  {
    kind: 'emergency-mode',
    fatal: 'always',
    pattern: /^(?:Entering emergency mode\. Exit the shell to continue|Generating "\/run\/initramfs\/rdsosreport\.txt")/,
    source: 'dracut',
    example: 'Generating "/run/initramfs/rdsosreport.txt"',
  },
  {
    kind: 'emergency-mode',
    fatal: 'always',
    pattern: /^(?:\(initramfs\)|ALERT! .* Dropping to a shell!$)/,
    source: 'Debian initramfs-tools',
    example: 'ALERT!  /dev/vda1 does not exist.  Dropping to a shell!',
  },
  {
    kind: 'emergency-mode',
    fatal: 'always',
    pattern: /^(?:Give root password for maintenance|Cannot open access to console, the root account is locked)/,
    source: 'util-linux sulogin',
    example: 'Cannot open access to console, the root account is locked.',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^(?:machine # )?An error occurred in stage 1 of the boot process/,
    source: 'nixpkgs, stage-1-init.sh',
    example: 'An error occurred in stage 1 of the boot process, which must mount the',
  },
  {
    kind: 'service-failed',
    fatal: 'always',
    pattern: /local-fs\.target: Triggering OnFailure= dependencies/,
    source: 'systemd: a file system is missing, and emergency.target follows',
    example: 'systemd[1]: local-fs.target: Triggering OnFailure= dependencies.',
  },
  {
    kind: 'other',
    fatal: 'always',
    pattern: /^(?:systemd\[1\]: )?(?:Caught <(?:SEGV|ABRT|BUS|ILL|FPE|QUIT)>|Freezing execution\.)/,
    source: 'systemd, crash-handler.c: its own end',
    example: 'Caught <SEGV>, core dump failed (child 770, code=killed, status=11/SEGV).',
  },
];

export const linuxFindings: readonly FindingRule[] = [
  {
    kind: 'service-failed',
    pattern: /^(?:\[FAILED\] |systemd\[1\]: \S+: Failed with result ')/,
    source: 'systemd: the boot goes on',
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

export const kernelStamp: LineRule = {
  pattern: /\[ *(?<seconds>\d+\.\d{6})\](?:\[ *[TC]\d+\])? /,
  source: 'linux kernel/printk/printk.c, with CONFIG_PRINTK_CALLER or without',
  example: '[   19.676010][    T1] random: nonblocking pool is initialized',
};

/** Rules for any Linux: `--system linux`. */
export const console: ConsoleRules = {
  milestones: [...kernelMilestones, ...systemdMilestones],
  prompts: linuxPrompts,
  panics: [...kernelEndings, ...userlandEndings, ...firmwareEndings],
  findings: [...linuxFindings, ...hostFindings],
  decoys: linuxDecoys,
  powerOffs: linuxPowerOffs,
  stamp: kernelStamp,
  limits: { timeoutMs: 300_000, silenceMs: 90_000, graceMs: 2000 },
};
