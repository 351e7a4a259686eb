// bzImages of setup programs: what objdump reads in them, and which programs are refused. Boots test that
// firmware and GRUB start them.
import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { bzImage, encodedPayload } from './bzimage.ts';

const dir = await mkdtemp(join(tmpdir(), 'bzimage-'));
test.after(() => rm(dir, { recursive: true, force: true }));

interface Row {
  readonly flags: number;
  readonly address: number;
  readonly content: Buffer;
  /** More than the content: zeros. */
  readonly bytes?: number;
}

const bootHeader = Buffer.alloc(0x1000);
bootHeader[0x1f1] = 7;
bootHeader.write('HdrS', 0x202, 'latin1');
const good: readonly Row[] = [
  { flags: 4, address: 0xff000, content: bootHeader },
  { flags: 5, address: 0x10_0000, content: Buffer.from('code'.repeat(200)) },
  { flags: 4, address: 0x10_1000, content: Buffer.from('constants') },
  { flags: 6, address: 0x10_2000, content: Buffer.from('data'), bytes: 0x1800 },
];

/** An ELF program with these segments, and one relocation. */
function setup(rows: readonly Row[] = good, relocationType = 8): Buffer {
  const relocations = Buffer.alloc(24);
  relocations.writeBigUInt64LE(BigInt(relocationType), 8);
  const head = Buffer.alloc(64 + rows.length * 56 + 64);
  head.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  head.writeUInt16LE(62, 18);
  head.writeBigUInt64LE(0x10_0206n, 24);
  head.writeBigUInt64LE(64n, 32);
  const sectionAt = 64 + rows.length * 56;
  head.writeBigUInt64LE(BigInt(sectionAt), 40);
  for (const [at, value] of [
    [54, 56],
    [56, rows.length],
    [58, 64],
    [60, 1],
  ] as const)
    head.writeUInt16LE(value, at);
  const contents: Buffer[] = [];
  let at = head.length;
  for (const [index, { flags, address, content, bytes }] of rows.entries()) {
    const row = 64 + index * 56;
    head.writeUInt32LE(1, row);
    head.writeUInt32LE(flags, row + 4);
    for (const [field, value] of [
      [8, at],
      [16, address],
      [24, address],
      [32, content.length],
      [40, bytes ?? content.length],
    ] as const) {
      head.writeBigUInt64LE(BigInt(value), row + field);
    }
    contents.push(content);
    at += content.length;
  }
  head.writeUInt32LE(4, sectionAt + 4);
  head.writeBigUInt64LE(BigInt(at), sectionAt + 24);
  head.writeBigUInt64LE(24n, sectionAt + 32);
  return Buffer.concat([head, ...contents, relocations]);
}

test('after the page of its header, the file is the memory of the program, as a PE program that objdump reads', async () => {
  const file = bzImage(setup());
  assert.is(file.length, 0x1000 + 0x4000);
  assert.is(file.toString('latin1', 0x202, 0x206), 'HdrS');
  assert.is(file.toString('latin1', 0x1000, 0x1008), 'codecode');
  assert.is(file.toString('latin1', 0x2000, 0x2009), 'constants');
  assert.is(file.toString('latin1', 0x3000, 0x3004), 'data');
  assert.ok(
    file.subarray(0x3004).every((byte) => byte === 0),
    'zeros are in the file',
  );
  const path = join(dir, 'vmlinuz');
  await writeFile(path, file);
  const { stdout } = await run(['objdump', '-p', '-h', path], { cwd: dir, env: { PATH: pathOf(process.env) } });
  assert.match(stdout, 'file format pei-x86-64');
  assert.match(stdout, /AddressOfEntryPoint\s+0+1206\n/);
  assert.match(stdout, /SizeOfImage\s+0+5000\n/);
  assert.match(stdout, /Subsystem\s+0+a\s+\(EFI application\)/);
  assert.match(stdout, /\.text +00001000 +0+1000 .* 00001000 /);
  assert.match(stdout, /\.rodata +00001000 +0+2000 .* 00002000 /);
  assert.match(stdout, /\.data +00002000 +0+3000 .* 00003000 /);
});

test('a program that a loader could not start is refused', () => {
  const without = (index: number): readonly Row[] => good.filter((_, at) => at !== index);
  const changed = (index: number, change: Partial<Row>): readonly Row[] =>
    good.map((row, at) => (at === index ? { ...row, ...change } : row));
  const cases: readonly (readonly [bytes: Buffer, why: string])[] = [
    [Buffer.from('MZ'), 'it is not an ELF program of x86-64'],
    [setup(without(3)), 'it has 3 segments instead of four'],
    [setup(changed(1, { flags: 4 })), 'its segments are not the header, code, constants and data'],
    [setup(changed(1, { address: 0x10_0400 })), 'its code is not at 100000'],
    [setup(changed(2, { address: 0x10_0800 })), 'its segments do not begin on separate pages'],
    [setup(changed(0, { address: 0xfe000 })), 'its first segment is not the page of the boot header'],
    [setup(changed(0, { content: Buffer.alloc(0x1000) })), 'it has no boot header of Linux'],
    [setup(good, 1), 'it has a relocation of type 1, and it applies only relative ones (type 8)'],
  ];
  for (const [bytes, why] of cases) {
    assert.throws(
      () => bzImage(bytes),
      (error: Error) => error.message === `Cannot make a bzImage of the setup program: ${why}`,
      why,
    );
  }
});

test('a program that is cut anywhere is refused in one sentence', () => {
  const whole = setup();
  for (let length = 0; length < whole.length; length += length < 600 ? 1 : 97) {
    assert.throws(() => bzImage(whole.subarray(0, length)), /^Error: Cannot make|^Cannot make/, `${length} bytes`);
  }
});

test('a payload is compressed as configured, and has the same bytes each time', () => {
  const kernel = Buffer.from('a kernel '.repeat(500));
  assert.ok(encodedPayload(kernel, 'raw').equals(kernel));
  assert.ok(gunzipSync(encodedPayload(kernel, 'gzip')).equals(kernel));
  assert.ok(inflateSync(encodedPayload(kernel, 'zlib')).equals(kernel));
  assert.ok(encodedPayload(kernel, 'gzip').equals(encodedPayload(Buffer.from(kernel), 'gzip')));
});

test.run();
