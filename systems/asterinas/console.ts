// The serial console of Asterinas, and of AsterNixOS on it: texts of the kernel from 2023 to early 2026,
// which changed several times. Each rule names its source and a line that it matches. A fault of a user
// program is not a failure of the kernel.
import type { ConsoleRules, LineRule } from '../../lib/console/rules.ts';
import { firmwareEndings, hostFindings } from '../firmware/console.ts';
import { loaderEndings } from '../firmware/loaders.ts';
import { systemdMilestones, userlandEndings } from '../linux/init.ts';
import { linuxPrompts } from '../linux/shells.ts';

/** The last line of the boot test's program. */
export const bootMark: LineRule = {
  pattern: /^Successfully booted\./,
  source: 'asterinas, test/boot_hello.sh',
  example: 'Successfully booted.',
};

export const console: ConsoleRules = {
  milestones: [
    {
      name: 'loader',
      stage: 'loader',
      pattern: /^\[EFI stub\] Entering the Asterinas entry point/,
      source: 'asterinas, ostd/libs/linux-bzimage',
      example: '[EFI stub] Entering the Asterinas entry point at 0x8001200',
    },
    {
      name: 'kernel',
      stage: 'kernel',
      once: true,
      pattern: /^(?:Enter riscv_boot|(?:\[kernel\] )?OSTD initialized\.)/,
      source: 'asterinas, kernel/src/lib.rs',
      example: '[kernel] OSTD initialized. Preparing components.',
    },
    {
      name: 'root',
      stage: 'init',
      pattern: /^\[kernel\] (?:rootfs is ready|unpacking initramfs|Mounted rootfs)/,
      source: 'asterinas, kernel/src/fs/rootfs.rs',
      example: '[kernel] rootfs is ready',
    },
    ...systemdMilestones,
  ],
  prompts: [bootMark, ...linuxPrompts],
  panics: [
    // The reason is on the line after "Uncaught panic", or on the same line.
    {
      kind: 'oom',
      fatal: 'always',
      pattern: /Heap allocation error, layout = Layout/,
      source: 'asterinas, ostd/src/mm/heap',
      example: 'Heap allocation error, layout = Layout { size: 659468632, align: 1 (1 << 0) }',
    },
    {
      kind: 'page-fault',
      fatal: 'always',
      pattern: /kernel page fault: |Uncaught panic: .*page fault|cannot handle kernel cpu fault now/,
      source: 'asterinas, ostd/src/arch/x86/trap',
      example: '\tkernel page fault: the address is outside the range of the linear mapping',
    },
    {
      kind: 'kernel-panic',
      fatal: 'always',
      pattern: /^Failed to run the init process/,
      source: 'asterinas, kernel/src/init.rs',
      example: 'Failed to run the init process: ... ENOENT',
    },
    {
      kind: 'kernel-panic',
      fatal: 'always',
      pattern: /Too many oops\. The kernel panics|Non-resettable panic!|The panic handler panicked/,
      source: 'asterinas, kernel/src/thread/oops.rs, ostd/src/panic.rs',
      example: 'Too many oops. The kernel panics.',
    },
    {
      kind: 'boot-loop',
      fatal: 'always',
      pattern: /^qemu-system-\w+: cpus are not resettable, terminating/,
      source: 'qemu, when a guest resets that it cannot start anew',
      example: 'qemu-system-x86_64: cpus are not resettable, terminating',
    },
    {
      kind: 'rust-panic',
      fatal: 'unless-claimed',
      pattern: /Uncaught panic[:!]|^\[panic\]:PanicInfo \{/,
      source: 'asterinas, kernel/src/thread/oops.rs since 2023',
      example: '[    10.175] ERROR : Uncaught panic:',
    },
    {
      kind: 'rust-panic',
      fatal: 'unless-claimed',
      pattern: /^panicked at \S+:\d+:\d+:/,
      source: 'asterinas of 2024: a panic with no word before it; a program says "thread"',
      example: 'panicked at /src/asterinas/kernel/src/fs/fs_resolver.rs:134:42:',
    },
    {
      kind: 'rust-panic',
      fatal: 'always',
      pattern: /^(?:[Pp]rinting stack trace:|\[OSDK\] The kernel seems panicked)/,
      source: 'asterinas, ostd/src/panic.rs; its message may have been lost',
      example: 'Printing stack trace:',
    },
    ...userlandEndings,
    ...firmwareEndings,
    ...loaderEndings,
  ],
  findings: [
    ...hostFindings,
    {
      kind: 'user-fault',
      pattern: /(?:WARN|ERROR) ?: page fault handler failed: /,
      source: "asterinas: a user program's fault, which gets a signal",
      example: '[  1917.212] WARN : page fault handler failed: addr: 0xdeadbeef, err: Error { errno: EACCES',
    },
    {
      kind: 'oops',
      pattern: /^Oops! /,
      source: 'asterinas, kernel/src/thread/oops.rs: the thread ends and the kernel continues',
      example: 'Oops! entered unreachable code',
    },
    {
      kind: 'service-failed',
      pattern: /^\[FAILED\] /,
      source: 'systemd on AsterNixOS',
      example: '[FAILED] Failed to start Journal Service.',
    },
  ],
  decoys: [],
  powerOffs: [],
  limits: { timeoutMs: 300_000, silenceMs: 90_000, graceMs: 2000 },
};
