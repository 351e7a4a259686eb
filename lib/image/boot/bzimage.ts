// Creates a bzImage, which loaders start as a Linux kernel and UEFI firmware starts as a program, from the
// setup program that contains the kernel (sources: the kernel's documentation, "The Linux/x86 Boot Protocol";
// Microsoft's "PE Format"; the System V ABI for ELF; the four segments are those of Asterinas' setup
// program).
import { Buffer } from 'node:buffer';
import { gzipSync, deflateSync } from 'node:zlib';
import { cannot } from '../../core/errors.ts';

/** The compression of the kernel in a setup program. */
export type PayloadEncoding = 'raw' | 'gzip' | 'zlib';

/** Returns the same bytes for the same kernel, because they contain neither a time nor a name. */
export function encodedPayload(kernel: Buffer, encoding: PayloadEncoding): Buffer {
  if (encoding === 'raw') return kernel;
  return encoding === 'gzip' ? gzipSync(kernel) : deflateSync(kernel);
}

const elf = { magic: 0x464c_457f, class64: 2, amd64: 62, entryAt: 24, headersAt: 32, headerBytesAt: 54, headerCountAt: 56 };
const segmentKind = { load: 1, isExecutable: 1, isWritable: 2 };
const relocation = { section: 4, bytes: 24, relative: 8 };
/** The boot sector and the sectors of the boot header, which are one page here. */
const headerBytes = 4096;
const pageBytes = 4096;
const fileAlignBytes = 512;
const codeStart = 0x10_0000;
const header = { sectorsAt: 0x1f1, sectors: 7, magicAt: 0x202, magic: 'HdrS' };

interface Segment {
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly bytes: number;
}

/**
 * Returns the file. A program is a Failure if it lacks the four segments or the boot header, or has
 * relocations that it cannot apply itself.
 */
export function bzImage(setup: Buffer): Buffer {
  const segments = segmentsOf(setup);
  checkRelocations(setup);
  const [bootHeader, ...loaded] = segments;
  if (bootHeader?.address !== codeStart - headerBytes) throw unusable('its first segment is not the page of the boot header');
  const end = Math.max(...loaded.map(({ address, bytes }) => address + bytes));
  const file = Buffer.alloc(alignUp(end - codeStart, pageBytes) + headerBytes);
  for (const { offset, address, fileBytes } of segments) setup.copy(file, address - codeStart + headerBytes, offset, offset + fileBytes);
  if (file[header.sectorsAt] !== header.sectors || file.toString('latin1', header.magicAt, header.magicAt + 4) !== header.magic) {
    throw unusable('it has no boot header of Linux');
  }
  const program = programHeader(loaded, entryOf(setup));
  if (program.length > header.sectorsAt) throw new Error('the header of the PE program reaches into the boot header');
  program.copy(file);
  return file;
}

function unusable(why: string): Error {
  return cannot('make a bzImage of the setup program', why, { hint: 'it is linked with the linker script of the setup program' });
}

/** Returns the four segments: the boot header, then the executable, the readable and the writable one. */
function segmentsOf(setup: Buffer): readonly Segment[] {
  const isProgram =
    setup.length >= 64 && setup.readUInt32LE(0) === elf.magic && setup[4] === elf.class64 && setup.readUInt16LE(18) === elf.amd64;
  if (!isProgram) throw unusable('it is not an ELF program of x86-64');
  const [first, rowBytes, count] = [
    number(setup, elf.headersAt),
    setup.readUInt16LE(elf.headerBytesAt),
    setup.readUInt16LE(elf.headerCountAt),
  ];
  const segments: Segment[] = [];
  for (let row = first; row < first + count * rowBytes; row += rowBytes) {
    if (row + 56 > setup.length) throw unusable('its program headers are cut off');
    if (setup.readUInt32LE(row) !== segmentKind.load) continue;
    const segment = {
      flags: setup.readUInt32LE(row + 4),
      offset: number(setup, row + 8),
      address: number(setup, row + 16),
      fileBytes: number(setup, row + 32),
      bytes: number(setup, row + 40),
    };
    if (segment.fileBytes > segment.bytes || segment.offset + segment.fileBytes > setup.length)
      throw unusable('a segment is outside of the file');
    segments.push(segment);
  }
  const [, text, readOnly, data] = segments;
  if (segments.length !== 4 || !text || !readOnly || !data) throw unusable(`it has ${segments.length} segments instead of four`);
  const { isExecutable, isWritable } = segmentKind;
  if (!(text.flags & isExecutable) || readOnly.flags & (isExecutable | isWritable) || !(data.flags & isWritable)) {
    throw unusable('its segments are not the header, code, constants and data');
  }
  if (text.address !== codeStart) throw unusable(`its code is not at ${codeStart.toString(16)}`);
  for (const [before, after] of [
    [text, readOnly],
    [readOnly, data],
  ] as const) {
    if (after.address % pageBytes !== 0 || after.address < before.address + before.bytes)
      throw unusable('its segments do not begin on separate pages');
  }
  return segments;
}

/** The setup program applies its relocations itself, and supports one kind. */
function checkRelocations(setup: Buffer): void {
  const [first, rowBytes, count] = [number(setup, 40), setup.readUInt16LE(58), setup.readUInt16LE(60)];
  for (let row = first; row < first + count * rowBytes; row += rowBytes) {
    if (row + 64 > setup.length) throw unusable('its section headers are cut off');
    if (setup.readUInt32LE(row + 4) !== relocation.section) continue;
    const [at, bytes] = [number(setup, row + 24), number(setup, row + 32)];
    if (at + bytes > setup.length) throw unusable('its relocations are outside of the file');
    for (let one = at; one < at + bytes; one += relocation.bytes) {
      const kind = setup.readUInt32LE(one + 8);
      if (kind === relocation.relative) continue;
      throw unusable(`it has a relocation of type ${kind}, and it applies only relative ones (type ${relocation.relative})`);
    }
  }
}

function entryOf(setup: Buffer): number {
  return number(setup, elf.entryAt);
}

/**
 * Returns the headers of a PE program. Firmware refuses an image with a fixed address, so addresses count
 * from one page before the code.
 */
function programHeader(loaded: readonly Segment[], entry: number): Buffer {
  const base = codeStart - pageBytes;
  const rows = loaded.map(({ address, bytes }) => ({
    address: address - base,
    bytes: alignUp(bytes, pageBytes),
    at: address - codeStart + headerBytes,
  }));
  const [text, readOnly, data] = rows;
  if (!text || !readOnly || !data) throw new Error('there are three segments after the header');
  const optionalBytes = 112 + 6 * 8;
  const out = Buffer.alloc(0x40 + 24 + optionalBytes + rows.length * 40);
  out.write('MZ', 0, 'latin1');
  out.writeUInt32LE(0x40, 0x3c);
  let at = 0x40;
  const put = (value: number, bytes: 1 | 2 | 4 | 8): void => {
    out.writeUIntLE(value, at, Math.min(bytes, 6));
    at += bytes;
  };
  put(0x4550, 4); // "PE"
  put(0x8664, 2); // x86-64
  put(rows.length, 2);
  put(0, 4); // time
  put(0, 4); // symbols: where, how many
  put(0, 4);
  put(optionalBytes, 2);
  put(0x0002 | 0x0004 | 0x0200, 2); // executable, without line numbers and symbols for debuggers
  put(0x20b, 2); // addresses of 64 bits
  put(0, 2); // version of the linker
  put(text.bytes, 4);
  put(readOnly.bytes + data.bytes, 4);
  put(0, 4); // bytes of zeros: the file has them
  put(entry - base, 4);
  put(text.address, 4);
  put(0, 8); // preferred address
  put(pageBytes, 4);
  put(fileAlignBytes, 4);
  put(0, 4); // version of the operating system
  put(3, 2); // version of the image: Linux programs that take an initramfs from the medium of the loader say 3
  put(0, 2);
  put(0, 4); // version of the subsystem
  put(0, 4);
  put(data.address + data.bytes, 4); // bytes in memory
  put(headerBytes, 4);
  put(0, 4); // checksum
  put(10, 2); // an EFI program
  put(0x100, 2); // no memory is both written and executed
  for (let field = 0; field < 4; field++) put(0, 8); // stack and heap
  put(0, 4);
  put(6, 4); // data directories, all empty
  at += 6 * 8;
  const sections = [
    { ...text, name: '.text', kind: 0x6000_0020 },
    { ...readOnly, name: '.rodata', kind: 0x4000_0040 },
    { ...data, name: '.data', kind: 0xc000_0040 },
  ];
  for (const { name, kind, ...row } of sections) {
    out.write(name, at, 'latin1');
    at += 8;
    put(row.bytes, 4);
    put(row.address, 4);
    put(row.bytes, 4);
    put(row.at, 4);
    at += 12; // relocations and line numbers
    put(kind, 4);
  }
  return out;
}

/** Reads a field of 64 bits. Files are small enough for a number. */
function number(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
