// Kernels with and without the headers of boot protocols.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startable, withoutSections } from './boot-header.ts';

interface Parts {
  /** Where a Multiboot header is; absent: none. */
  readonly multibootAt?: number;
  readonly checksum?: number;
  /** The type of a note named Xen; absent: none. */
  readonly note?: number;
}

/** An ELF file of 64 bits with one program header, for notes. */
function kernel({ multibootAt, checksum, note }: Parts): Buffer {
  const bytes = Buffer.alloc(16_384);
  bytes.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  bytes.writeUInt16LE(62, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  if (note !== undefined) {
    bytes.writeUInt32LE(4, 64);
    bytes.writeBigUInt64LE(256n, 72);
    bytes.writeBigUInt64LE(64n, 96);
    // Another note comes first.
    for (const [at, type, name] of [
      [256, 1, 'GNU\0'],
      [276, note, 'Xen\0'],
    ] as const) {
      bytes.writeUInt32LE(4, at);
      bytes.writeUInt32LE(4, at + 4);
      bytes.writeUInt32LE(type, at + 8);
      bytes.write(name, at + 12, 'latin1');
    }
  }
  if (multibootAt !== undefined) {
    bytes.writeUInt32LE(0x1badb002, multibootAt);
    bytes.writeUInt32LE(3, multibootAt + 4);
    bytes.writeInt32LE(checksum ?? -(0x1badb002 + 3), multibootAt + 8);
  }
  return bytes;
}

test('a kernel with a Multiboot header becomes a 32-bit program by name, and nothing else of it changes', () => {
  const before = kernel({ multibootAt: 4096 });
  const after = startable(Buffer.from(before), 'multiboot');
  assert.is(after.readUInt16LE(18), 3);
  after.writeUInt16LE(62, 18);
  assert.equal(after, before);
});

test('a stripped kernel has its segments and nothing after them', () => {
  const whole = Buffer.concat([kernel({ note: 18 }), Buffer.from('symbols')]);
  whole.writeBigUInt64LE(16_384n, 40);
  whole.writeUInt16LE(3, 60);
  const stripped = withoutSections(whole);
  assert.is(stripped.length, 256 + 64);
  assert.ok(stripped.subarray(64).equals(whole.subarray(64, stripped.length)));
  assert.equal(startable(stripped, 'pvh'), stripped);
  for (const length of [0, 63, 100, 319]) assert.throws(() => withoutSections(whole.subarray(0, length)), /Cannot strip the kernel/);
});

test('a kernel with a PVH entry is unchanged', () => {
  assert.equal(startable(kernel({ note: 18 }), 'pvh'), kernel({ note: 18 }));
});

test('a kernel without the header of its protocol is refused', () => {
  const noHeader = /Cannot start the kernel by Multiboot: it has no header in its first 8192 bytes/;
  assert.throws(() => startable(kernel({}), 'multiboot'), noHeader);
  assert.throws(() => startable(kernel({ multibootAt: 8184 }), 'multiboot'), noHeader);
  assert.throws(() => startable(kernel({ multibootAt: 4096, checksum: 1 }), 'multiboot'), noHeader);
  assert.throws(() => startable(kernel({ note: 17 }), 'pvh'), /Cannot start the kernel by PVH: it has no Xen note with a PVH entry/);
  assert.throws(() => startable(kernel({ note: 18, multibootAt: 4096 }), 'pvh'), /it has a Multiboot header too/);
  assert.throws(() => startable(Buffer.from('MZ'), 'multiboot'), /it is not an ELF file/);
});

test('a cut kernel ends in a sentence', () => {
  const whole = kernel({ note: 18 });
  for (let length = 0; length < 400; length += 3) {
    assert.throws(() => startable(whole.subarray(0, length), 'multiboot'), /^Cannot|^Error: Cannot/);
    if (length < 290) assert.throws(() => startable(whole.subarray(0, length), 'pvh'), /Cannot/);
  }
});

test.run();
