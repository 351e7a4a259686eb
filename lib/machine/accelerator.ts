// KVM or TCG: found out by running a few guest instructions, because /dev/kvm may exist and not work (nested, filtered or stripped
// hosts assert at start, hang, or fail in the first mode switch). The answer is remembered until QEMU, /dev/kvm or the boot changes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
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

/** The accelerator to use. Asking for KVM where it does not work is a Failure (host) that says what happened. */
export async function accelerator(choice: AcceleratorChoice, host: ProbeHost, context: Context): Promise<Accelerator> {
  if (choice === 'tcg') return 'tcg';
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
  const trouble = await remembered(host.cacheDir, 'kvm-probe', { bootId, qemu: host.qemu }, async () => ({
    value: (await probe('kvm', host, context)) ?? null,
    witnesses: [host.qemu, device],
  }));
  if (trouble === null) return 'kvm';
  if (choice === 'kvm')
    throw cannot('use KVM', trouble, { blame: 'host', hint: 'leave out --accel kvm: TCG works everywhere, only slower' });
  return 'tcg';
}

/** Runs the probe program under an accelerator; gives what went wrong, or undefined. */
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
    const lastWord =
      result.stderr
        .trim()
        .split('\n')
        .at(-1)
        ?.replace(/^\S*qemu-system-\S+:\s*/, '') ?? '';
    return lastWord === '' ? `a probe of a few guest instructions ended with ${result.killedBy ?? `status ${result.exitCode}`}` : lastWord;
  } finally {
    await removeRunDirectory(directory);
  }
}

/**
 * A 64 KiB firmware image that goes from the reset vector to 32-bit protected mode, fills 4 KiB of memory, asks CPUID, reads the
 * memory back and ends the machine by isa-debug-exit; it halts when a step went wrong. Encodings: Intel SDM volume 2.
 */
export function probeFirmware(): Uint8Array {
  const image = new Uint8Array(0x10000);
  const put = (offset: number, ...bytes: number[]): void => image.set(bytes, offset);
  put(
    0xff00,
    0xfa, //                                                  cli
    0x2e,
    0x66,
    0x0f,
    0x01,
    0x16,
    0x80,
    0xff, //              lgdt cs:[0xff80]
    0x0f,
    0x20,
    0xc0,
    0x0c,
    0x01,
    0x0f,
    0x22,
    0xc0, //        cr0 |= 1 (protection enable)
    0x66,
    0xea,
    0x40,
    0xff,
    0xff,
    0xff,
    0x08,
    0x00,
  ); //       jmp 0x08:0xffffff40
  put(
    0xff40,
    0x66,
    0xb8,
    0x10,
    0x00,
    0x8e,
    0xd8,
    0x8e,
    0xc0, //        ds = es = 0x10
    0xbf,
    0x00,
    0x10,
    0x00,
    0x00, //                          mov edi, 0x1000
    0xb8,
    0x78,
    0x56,
    0x34,
    0x12, //                          mov eax, 0x12345678
    0xb9,
    0x00,
    0x04,
    0x00,
    0x00,
    0xfc,
    0xf3,
    0xab, //        ecx = 0x400; rep stosd
    0x0f,
    0xa2, //                                            cpuid
    0x81,
    0x3d,
    0xfc,
    0x1f,
    0x00,
    0x00,
    0x78,
    0x56,
    0x34,
    0x12, // cmp dword [0x1ffc], 0x12345678
    0x75,
    0x04, //                                            jne over the exit
    0xb0,
    debugExit.value,
    0xe6,
    debugExit.port, //           out port, value
    0xf4,
    0xeb,
    0xfd,
  ); //                                     hlt, for ever
  put(0xff80, 0x17, 0x00, 0x90, 0xff, 0xff, 0xff); //         GDT: 24 bytes at 0xffffff90
  put(0xff98, 0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0); //         code: flat, 32 bits
  put(0xffa0, 0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0); //         data: flat
  put(0xfff0, 0xe9, 0x0d, 0xff); //                           reset vector: jmp 0xff00
  return image;
}
