// The headers that loaders need to start a kernel that is an ELF file (sources: Multiboot Specification
// 0.6.96, "The layout of Multiboot header"; Xen's "PVH boot ABI"; the System V ABI for ELF).
import { Buffer } from 'node:buffer';
import { cannot } from '../../core/errors.ts';
import { bzImage } from './bzimage.ts';

/**
 * How a machine starts a kernel itself. With 'linux' it is the setup program that contains the kernel, and
 * UEFI firmware starts the resulting bzImage.
 */
export type DirectProtocol = 'multiboot' | 'pvh' | 'linux';

const multiboot = { magic: 0x1bad_b002, within: 8192, align: 4 } as const;
const elf = {
  magic: 0x464c_457f,
  class64: 2,
  machineAt: 18,
  i386: 3,
  headersAt: 32,
  headerBytesAt: 54,
  headerCountAt: 56,
  sectionsAt: 40,
  sectionCountAt: 60,
} as const;
const note = { type: 4, offsetAt: 8, sizeAt: 32, xenEntry: 18, xenName: 'Xen\0' } as const;

/**
 * Returns a kernel in the form in which QEMU starts it by a protocol. A kernel without that protocol's header
 * is a Failure.
 */
export function startable(kernel: Buffer, protocol: DirectProtocol): Buffer {
  if (protocol === 'linux') return bzImage(kernel);
  const what = `start the kernel by ${protocol === 'pvh' ? 'PVH' : 'Multiboot'}`;
  if (kernel.length < 64 || kernel.readUInt32LE(0) !== elf.magic) throw cannot(what, 'it is not an ELF file');
  if (protocol === 'pvh') {
    if (!hasPvhEntry(kernel)) throw cannot(what, 'it has no Xen note with a PVH entry', { hint: 'build it with the feature pvh_boot' });
    if (hasMultibootHeader(kernel))
      throw cannot(what, 'it has a Multiboot header too, and QEMU would use that', { hint: 'leave the header out' });
    return kernel;
  }
  if (!hasMultibootHeader(kernel))
    throw cannot(what, `it has no header in its first ${multiboot.within} bytes`, { hint: 'the linker script places it' });
  // QEMU starts only 32-bit programs, and relies on the class in the file's header.
  const changed = Buffer.from(kernel);
  changed.writeUInt16LE(elf.i386, elf.machineAt);
  return changed;
}

/**
 * Returns a 64-bit ELF file without the data after its segments: symbols and debug information, which no
 * loader reads.
 */
export function withoutSections(kernel: Buffer): Buffer {
  const what = 'strip the kernel';
  if (kernel.length < 64 || kernel.readUInt32LE(0) !== elf.magic || kernel[4] !== elf.class64)
    throw cannot(what, 'it is not an ELF file of 64 bits');
  const [first, bytes, count] = [
    Number(kernel.readBigUInt64LE(elf.headersAt)),
    kernel.readUInt16LE(elf.headerBytesAt),
    kernel.readUInt16LE(elf.headerCountAt),
  ];
  let end = first + bytes * count;
  if (end > kernel.length) throw cannot(what, 'its program headers are cut off');
  for (let at = first; at < first + bytes * count; at += bytes) {
    end = Math.max(end, Number(kernel.readBigUInt64LE(at + note.offsetAt)) + Number(kernel.readBigUInt64LE(at + note.sizeAt)));
  }
  if (end > kernel.length) throw cannot(what, 'a segment is outside of the file');
  const stripped = Buffer.from(kernel.subarray(0, end));
  stripped.writeBigUInt64LE(0n, elf.sectionsAt);
  stripped.fill(0, elf.sectionCountAt, elf.sectionCountAt + 4);
  return stripped;
}

function hasMultibootHeader(kernel: Buffer): boolean {
  for (let at = 0; at + 12 <= Math.min(kernel.length, multiboot.within); at += multiboot.align) {
    if (kernel.readUInt32LE(at) !== multiboot.magic) continue;
    if (((kernel.readUInt32LE(at) + kernel.readUInt32LE(at + 4) + kernel.readUInt32LE(at + 8)) & 0xffff_ffff) === 0) return true;
  }
  return false;
}

/** Whether the notes of a program header contain a PVH entry. */
function hasPvhEntry(kernel: Buffer): boolean {
  if (kernel[4] !== elf.class64) return false;
  const [first, bytes, count] = [
    Number(kernel.readBigUInt64LE(elf.headersAt)),
    kernel.readUInt16LE(elf.headerBytesAt),
    kernel.readUInt16LE(elf.headerCountAt),
  ];
  for (let index = 0; index < count; index++) {
    const at = first + index * bytes;
    if (at + 56 > kernel.length) return false;
    if (kernel.readUInt32LE(at) !== note.type) continue;
    const start = Number(kernel.readBigUInt64LE(at + note.offsetAt));
    const end = Math.min(kernel.length, start + Number(kernel.readBigUInt64LE(at + note.sizeAt)));
    for (let row = start; row + 12 <= end;) {
      const [nameBytes, descriptionBytes, type] = [kernel.readUInt32LE(row), kernel.readUInt32LE(row + 4), kernel.readUInt32LE(row + 8)];
      if (type === note.xenEntry && kernel.toString('latin1', row + 12, row + 12 + nameBytes) === note.xenName) return true;
      row += 12 + Math.ceil(nameBytes / 4) * 4 + Math.ceil(descriptionBytes / 4) * 4;
    }
  }
  return false;
}
