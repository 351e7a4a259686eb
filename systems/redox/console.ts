// The serial console of Redox. Kernel and loader texts are those of the branch "main" of early 2026. Older
// texts are kept if reports still show them. Each rule names its source and a line that it matches.
import type { ConsoleRules } from '../../lib/console/rules.ts';
import { firmwareEndings, hostFindings } from '../firmware/console.ts';

/**
 * Programs without which the boot cannot continue. The crash of any other program is a finding, and many
 * images boot in spite of some.
 */
const vital = ['init', 'bootstrap', '[bootstrap]', 'redoxfs', 'procmgr', '[kmain]'];

export const console: ConsoleRules = {
  milestones: [
    {
      name: 'bootloader',
      stage: 'loader',
      once: true,
      pattern: /Redox OS Bootloader \S+ on \S/,
      source: 'redox-os/bootloader',
      example: 'Redox OS Bootloader 1.0.0 on x86_64/UEFI',
    },
    {
      name: 'file system',
      stage: 'loader',
      pattern: /^RedoxFS [0-9a-f]{8}-[0-9a-f-]{27}: \d+ MiB/,
      source: 'redox-os/bootloader',
      example: 'RedoxFS 67bdb861-27ba-47d9-9c44-8bb69b5386da: 647 MiB',
    },
    {
      // A progress line. "initfs" alone would also match later messages of the kernel.
      name: 'initfs loaded',
      stage: 'loader',
      pattern: /^initfs: \d+\/\d+ MiB/,
      source: 'redox-os/bootloader',
      example: 'initfs: 24/24 MiB',
    },
    {
      name: 'kernel',
      stage: 'kernel',
      once: true,
      pattern: /Redox OS starting\.\.\./,
      source: 'redox-os/kernel',
      example: 'kernel::arch::x86_shared::start:INFO -- Redox OS starting...',
    },
    {
      name: 'memory',
      stage: 'kernel',
      pattern: /^kernel::startup::memory:INFO -- Memory: \d+ MB/,
      source: 'redox-os/kernel',
      example: 'kernel::startup::memory:INFO -- Memory: 1979 MB',
    },
    {
      name: 'bootstrap',
      stage: 'init',
      pattern: /-- Bootstrap entry point: /,
      source: 'redox-os/kernel',
      example: 'kernel::syscall::process:DEBUG -- Bootstrap entry point: 3000',
    },
    {
      name: 'drivers',
      stage: 'init',
      pattern: /^pcid-spawner: spawn "/,
      source: 'redox-os/base, pcid-spawner',
      example: 'pcid-spawner: spawn "/usr/lib/drivers/ihdad"',
    },
    {
      name: 'root',
      stage: 'userland',
      pattern: /^init: switchroot to \/usr /,
      source: 'redox-os/base, init',
      example: 'init: switchroot to /usr /etc',
    },
  ],
  prompts: [
    {
      // Text of other programs often follows it: DHCP, a driver's log line.
      pattern: /(?:^|\s)redox login:/,
      source: 'redox-os/userutils, login',
      example: 'redox login: ',
    },
  ],
  panics: [
    // The loader's reasons come before the first line of its panic, which contains only the position in its
    // source.
    {
      kind: 'no-bootdev',
      fatal: 'always',
      pattern: /Failed to open RedoxFS: /,
      source: 'redox-os/bootloader',
      example: 'Failed to open RedoxFS: No such file or directory (os error 2)',
    },
    {
      kind: 'no-bootdev',
      fatal: 'always',
      pattern: /Failed to find (?:boot directory|kernel file|initfs file): /,
      source: 'redox-os/bootloader',
      example: 'Failed to find kernel file: No such file or directory (os error 2)',
    },
    {
      kind: 'other',
      fatal: 'always',
      pattern: /RedoxFS transaction failed while loading `|Failed to read `(?:kernel|initfs)` file: /,
      source: 'redox-os/bootloader',
      example: 'Failed to read `kernel` file: I/O error (os error 5)',
    },
    {
      kind: 'other',
      fatal: 'always',
      pattern: /(?:kernel|initfs) has invalid magic number |Unsupported ELF EI_CLASS /,
      source: 'redox-os/bootloader',
      example: 'kernel has invalid magic number [0, 0, 0, 0]',
    },
    {
      kind: 'oom',
      fatal: 'always',
      pattern: /Failed to allocate memory for /,
      source: 'redox-os/bootloader',
      example: 'Failed to allocate memory for kernel',
    },
    {
      kind: 'other',
      fatal: 'always',
      pattern: /Failed to (?:set up paging|exit boot services|read the contents of RedoxFS)|RedoxFS out of unlock attempts/,
      source: 'redox-os/bootloader, and the loader of fixtures/redox',
      example: 'RedoxFS out of unlock attempts',
    },
    {
      kind: 'rust-panic',
      fatal: 'unless-claimed',
      pattern: /BOOTLOADER PANIC: /,
      source: 'fixtures/redox/bootloader',
      example: 'BOOTLOADER PANIC: panicked at src/main.rs:45:78:',
    },
    // The processor's exceptions are printed before the program is named. The end of a program is not that of
    // the system.
    {
      kind: 'page-fault',
      fatal: 'unless-claimed',
      pattern: /^\s*(?:INT E: )?Page fault(?:: [0-9A-F]{16}|$)/,
      source: 'redox-os/kernel exception.rs; before 2016 with "INT E"',
      example: 'Page fault: 00000000DEADBEEF US',
    },
    {
      kind: 'page-fault',
      fatal: 'unless-claimed',
      pattern: /::exception:ERROR -- FATAL: Not an SVC induced synchronous exception/,
      source: 'redox-os/kernel, aarch64 exception.rs',
      example: 'kernel::arch::aarch64::interrupt::exception:ERROR -- FATAL: Not an SVC induced synchronous exception (ty=100100)',
    },
    {
      kind: 'kernel-panic',
      fatal: 'always',
      pattern: /KERNEL PANIC: /,
      source: 'redox-os/kernel panic.rs',
      example: 'KERNEL PANIC: panicked at src/main.rs:81:5:',
    },
    {
      kind: 'kernel-panic',
      fatal: 'always',
      pattern: /^PANIC: /,
      source: 'redox-os/kernel before 2018',
      example: 'PANIC: exit failed to find context: No such process',
    },
    {
      kind: 'kernel-panic',
      fatal: 'unless-claimed',
      pattern:
        /^(?:(?:Protection|Stack segment|Machine check|Invalid opcode|Alignment check|SIMD floating point|Double) fault|Divide by zero|Overflow)/,
      source: 'redox-os/kernel exception.rs',
      example: 'Protection fault code=0x0',
    },
    {
      // A panic of a Rust program ends in an invalid instruction, so most panics end with this line.
      kind: 'rust-panic',
      fatal: { of: vital },
      pattern: /UNHANDLED EXCEPTION, CPU #\d+, PID \d+, NAME (?<who>[^\s,]+)/,
      source: 'redox-os/kernel, context/signal.rs',
      example:
        'kernel::context::signal:INFO -- UNHANDLED EXCEPTION, CPU #0, PID 3, NAME /scheme/initfs/bin/redoxfs, CONTEXT 0xfffffe8000105760',
    },
    {
      // redoxfs panics in its mount.rs. The panic of a daemon contains the daemon's folder.
      kind: 'rust-panic',
      fatal: { of: [...vital, 'mount.rs'] },
      pattern: /^thread '[^']*' (?:\(\d+\) )?panicked at (?:'[^']*', )?(?<who>[^\s:']+):\d+/,
      source: 'Rust std before and since 1.73',
      example: "thread 'main' panicked at src/bin/mount.rs:396:9:",
    },
    {
      kind: 'other',
      fatal: 'always',
      pattern: /^init: failed to switchroot: /,
      source: 'redox-os/base, init',
      example: 'init: failed to switchroot: No such file or directory (os error 2)',
    },
    ...firmwareEndings,
  ],
  findings: [
    ...hostFindings,
    {
      kind: 'service-failed',
      pattern: /^init: failed to (?:execute|run|wait for|cd to|switch stdio to) '/,
      source: 'redox-os/base, init',
      example: "init: failed to execute 'escalated': No such file or directory (os error 2)",
    },
    {
      kind: 'service-failed',
      pattern: /^\S+ failed with exit status: \d+/,
      source: 'redox-os/base, init',
      example: 'nulld failed with exit status: 1',
    },
    {
      kind: 'disk',
      pattern: /READ_BLOCK: (?:INCORRECT HASH|POINTER IS NULL)|READ_RECORD: FAILED TO DECOMPRESS/,
      source: 'redox-os/redoxfs',
      example: 'READ_BLOCK: INCORRECT HASH 0x1 != 0x2 for block 0x3',
    },
    {
      kind: 'no-entropy',
      pattern: /^randd: Seeding failed, no entropy source/,
      source: 'redox-os/base, randd; harmless in a machine without a source',
      example: 'randd: Seeding failed, no entropy source.  Random numbers on this platform are NOT SECURE',
    },
    {
      kind: 'no-network',
      pattern: /^smolnetd: no network adapter found/,
      source: 'redox-os/base, smolnetd; harmless without a network card',
      example: 'smolnetd: no network adapter found',
    },
    {
      kind: 'no-display',
      pattern: /^WARN - Failed to (?:locate Outputs|get EFI EDID)/,
      source: 'redox-os/bootloader; expected without graphics',
      example: 'WARN - Failed to locate Outputs: Status(9223372036854775822)',
    },
    {
      kind: 'daemon-error',
      pattern: /^\d{4}-\d\d-\d\dT[\d:.-]+Z \[@\S+ ERROR\] /,
      source: 'redox-os/redox-log',
      example: '1970-01-01T00-00-11.438Z [@xhcid::xhci:907 ERROR] Failed to spawn driver for port 6',
    },
  ],
  decoys: [],
  powerOffs: [
    {
      pattern: /-- Shutting down \(ACPI\)/,
      source: "fixtures/redox/kernel, after the kernel's stop.rs",
      example: 'kernel::arch::x86_shared::stop:INFO -- Shutting down (ACPI)',
    },
  ],
  menus: [
    {
      // The bootloader waits here on a machine with a screen. Enter selects the best mode.
      pattern: /Arrow keys and enter select mode/,
      answer: '\r',
      source: 'redox-os/bootloader, main.rs',
      example: 'Arrow keys and enter select mode',
    },
  ],
  // A TCG boot to the prompt takes 60 to 120 s for the real system, seconds for the bundled one.
  limits: { timeoutMs: 300_000, silenceMs: 60_000, graceMs: 2000 },
};
