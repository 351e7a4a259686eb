// SeaHash against the published values and against its definition.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seahash } from './seahash.ts';

test('gives the published check values', () => {
  assert.is(seahash(Buffer.from('to be or not to be')), 1988685042348123509n);
  assert.is(seahash(new Uint8Array(4072)), 0xe81ffcb86026ff96n);
  assert.is(seahash(new Uint8Array(4096)), 0x7ad6348702da2905n);
  assert.is(seahash(new Uint8Array(0)), 0xc920ca43256fdcb9n);
  assert.is(seahash(Buffer.from('boot')) & 0xffffffffn, 0x7b166364n);
  assert.is(seahash(Buffer.from('usr')) & 0xffffffffn, 0x2e14519en);
});

test('agrees with the definition written with BigInt, at every length near a word and near its own buffer', () => {
  const lengths = [...Array(70).keys(), 327_615, 327_616, 327_617, 700_003];
  const bytes = Uint8Array.from({ length: 700_003 }, (_, i) => (i * 167 + (i >> 9)) & 255);
  for (const length of lengths) assert.is(seahash(bytes.subarray(0, length)), byDefinition(bytes.subarray(0, length)), `length ${length}`);
});

/** Slow and plain: the words of the format's description, one to one. */
function byDefinition(bytes: Uint8Array): bigint {
  const u64 = (value: bigint): bigint => value & 0xffff_ffff_ffff_ffffn;
  const diffuse = (x: bigint): bigint => {
    const y = u64(x * 0x6eed0e9da4d94a4fn);
    return u64((y ^ ((y >> 32n) >> (y >> 60n))) * 0x6eed0e9da4d94a4fn);
  };
  let lanes = [0x16f11fe89b0d677cn, 0xb480a793d8e6c86cn, 0x6fe2e5aaf078ebc9n, 0x14f994a4c5259381n];
  const padded = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
  padded.set(bytes);
  for (let at = 0; at < padded.length; at += 8) {
    const [first = 0n, ...others] = lanes;
    lanes = [...others, diffuse(first ^ padded.readBigUInt64LE(at))];
  }
  return diffuse(lanes.reduce((all, lane) => all ^ lane, BigInt(bytes.length)));
}

test.run();
