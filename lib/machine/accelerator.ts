// Chooses KVM or TCG by running a few guest instructions, because /dev/kvm may exist and not work (nested,
// filtered or stripped hosts assert at start, hang, or fail in the first mode switch). The result is memoized
// until QEMU, /dev/kvm, the permission for it or the boot changes.
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, lastOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
import { isText, orNull } from '../core/stored-values.ts';
import { run } from '../core/sh.ts';
import type { Accelerator, AcceleratorChoice } from './machine.ts';
import { acceleratorArguments, bareArguments, resetArguments } from './qemu/command-line.ts';
import { removeRunDirectory, runDirectory } from './run-directory.ts';

export interface ProbeHost {
  /** The absolute path of QEMU. */
  readonly qemu: string;
  readonly cacheDir: string;
  readonly tempRoot: string;
}

const device = '/dev/kvm';
const probeTimeoutMs = 5000;
/** isa-debug-exit ends QEMU with (value << 1) | 1. */
const debugExit = { port: 0xf4, value: 0x10, status: 0x21 } as const;

/**
 * Returns the accelerator to use. If the user asked for KVM and it does not work, that is a Failure (host)
 * with the reason.
 */
export async function accelerator(choice: AcceleratorChoice, host: ProbeHost, context: Context): Promise<Accelerator> {
  if (choice === 'tcg') return 'tcg';
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
  const permitted = await mayOpen(device); // a user joins its group, or chmod changes it, and no time stamp says so
  const trouble = await remembered(
    host.cacheDir,
    'kvm-probe',
    { bootId, qemu: host.qemu, permitted },
    async () => ({
      value: (await probe('kvm', host, context)) ?? null,
      witnesses: [host.qemu, device],
    }),
    orNull(isText),
  );
  if (trouble === null) return 'kvm';
  if (choice === 'kvm')
    throw cannot('use KVM', trouble, { blame: 'host', hint: 'leave out --accel kvm: TCG works everywhere, only slower' });
  return 'tcg';
}

async function mayOpen(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Runs the probe program under an accelerator. Returns the reason of a failure, or undefined. */
export async function probe(kind: Accelerator, host: ProbeHost, { signal }: Pick<Context, 'signal'>): Promise<string | undefined> {
  const directory = await runDirectory(host.tempRoot);
  try {
    const firmware = join(directory, 'probe.bin');
    await writeFile(firmware, probeFirmware());
    const words = [...bareArguments(), ...resetArguments({}), ...acceleratorArguments(kind), '-m', 'size=16M', '-bios', firmware];
    const exit = ['-device', `isa-debug-exit,iobase=${debugExit.port},iosize=1`];
    const result = await run([host.qemu, ...words, ...exit], { cwd: directory, env: {}, signal, timeoutMs: probeTimeoutMs });
    if (result.exitCode === debugExit.status) return undefined;
    if (result.timedOut) return 'a probe of a few guest instructions hung';
    const lastWord = lastOf(result.stderr.trim().split('\n')).replace(/^\S*qemu-system-\S+:\s*/, '');
    return lastWord === '' ? `a probe of a few guest instructions ended with ${result.killedBy ?? `status ${result.exitCode}`}` : lastWord;
  } finally {
    await removeRunDirectory(directory);
  }
}

/** Returns the hexadecimal digits of one byte. */
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/**
 * The probe's code and tables: the offset of each part, and its bytes in hexadecimal digits, one instruction
 * per line. Encodings: Intel SDM volume 2.
 */
const probeParts: readonly (readonly [at: number, ...bytes: string[]])[] = [
  [
    0xff00, // in real mode
    'fa', // cli
    '2e 66 0f 01 16 80 ff', // lgdt cs:[0xff80]
    '0f 20 c0 0c 01 0f 22 c0', // cr0 |= 1 (protection enable)
    '66 ea 40 ff ff ff 08 00', // jmp 0x08:0xffffff40
  ],
  [
    0xff40, // in protected mode of 32 bits
    '66 b8 10 00 8e d8 8e c0', // ds = es = 0x10
    'bf 00 10 00 00', // mov edi, 0x1000
    'b8 78 56 34 12', // mov eax, 0x12345678
    'b9 00 04 00 00 fc f3 ab', // ecx = 0x400; rep stosd
    '0f a2', // cpuid
    '81 3d fc 1f 00 00 78 56 34 12', // cmp dword [0x1ffc], 0x12345678
    '75 04', // jne over the exit
    `b0 ${hex(debugExit.value)} e6 ${hex(debugExit.port)}`, // out port, value
    'f4 eb fd', // hlt, for ever
  ],
  [0xff80, '17 00 90 ff ff ff'], // GDT: 24 bytes at 0xffffff90
  [0xff98, 'ff ff 00 00 00 9a cf 00'], // code: flat, 32 bits
  [0xffa0, 'ff ff 00 00 00 92 cf 00'], // data: flat
  [0xfff0, 'e9 0d ff'], // reset vector: jmp 0xff00
];

/**
 * Returns a 64 KiB firmware image that goes from the reset vector to 32-bit protected mode, fills 4 KiB of
 * memory, executes CPUID, reads the memory back and ends the machine by isa-debug-exit. It halts if a step
 * failed.
 */
export function probeFirmware(): Uint8Array {
  const image = new Uint8Array(0x10000);
  for (const [at, ...bytes] of probeParts) image.set(Buffer.from(bytes.join('').replaceAll(' ', ''), 'hex'), at);
  return image;
}
