// SeaHash, the checksum of RedoxFS (source: the crate seahash), with the default seed. The mixing function
// runs as WebAssembly that is assembled here (WebAssembly Core Specification 2.0, chapter 5). Its 64-bit
// multiplications make it a hundred times faster than BigInt, and an image of 300 MB has 300 MB to hash.

type ValueType = 'i32' | 'i64';

interface WasmFunction {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Types of the locals that follow the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: readonly Instruction[];
}

/** An instruction as its bytes. `op` has the needed ones. */
type Instruction = readonly number[];

const typeCodes: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };
const emptyBlockType = 0x40;

/** Instructions by the names of the specification's text format. */
const op = {
  block: [0x02, emptyBlockType],
  loop: [0x03, emptyBlockType],
  end: [0x0b],
  branch: (depth: number): Instruction => [0x0c, ...unsigned(depth)],
  branchIf: (depth: number): Instruction => [0x0d, ...unsigned(depth)],
  get: (local: number): Instruction => [0x20, ...unsigned(local)],
  set: (local: number): Instruction => [0x21, ...unsigned(local)],
  tee: (local: number): Instruction => [0x22, ...unsigned(local)],
  /** Alignment hint 0 allows any address. */
  loadI64: [0x29, 0x00, 0x00],
  storeI64: (offset: number): Instruction => [0x37, 0x00, ...unsigned(offset)],
  loadI64At: (offset: number): Instruction => [0x29, 0x00, ...unsigned(offset)],
  constI32: (value: number): Instruction => [0x41, ...signed(BigInt(value))],
  constI64: (value: bigint): Instruction => [0x42, ...signed(BigInt.asIntN(64, value))],
  geU32: [0x4f],
  addI32: [0x6a],
  mulI64: [0x7e],
  xorI64: [0x85],
  shiftRightU64: [0x88],
} as const satisfies Record<string, Instruction | ((value: never) => Instruction)>;

/** Returns the bytes of a module that exports `memory` (of `pages` times 64 KiB) and the function. */
function wasmModule(pages: number, fn: WasmFunction): Uint8Array<ArrayBuffer> {
  const code = [...vector(fn.locals.map((type) => [1, typeCodes[type]])), ...fn.body.flat(), ...op.end];
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(
      1,
      vector([[0x60, ...vector(fn.params.map((type) => [typeCodes[type]])), ...vector(fn.results.map((type) => [typeCodes[type]]))]]),
    ),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0x00, ...unsigned(pages)]])),
    ...section(
      7,
      vector([
        [...name('memory'), 0x02, 0],
        [...name(fn.name), 0x00, 0],
      ]),
    ),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return vector([...Buffer.from(text)].map((byte) => [byte]));
}

/** Encodes LEB128, unsigned. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Encodes LEB128, signed: bit 6 of the last byte is the sign. */
function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
  return done ? [low] : [low | 0x80, ...signed(rest)];
}

const seeds = [0x16f11fe89b0d677cn, 0xb480a793d8e6c86cn, 0x6fe2e5aaf078ebc9n, 0x14f994a4c5259381n] as const;
const prime = 0x6eed0e9da4d94a4fn;

/** Offsets in the module's memory: the four lanes between calls, and the words to absorb. */
const lanesAt = 0;
const inputAt = 64;
const memoryPages = 5;
const inputBytes = memoryPages * 65536 - inputAt;

// Parameters and locals of `absorb(cursor, end)`, by number.
const [cursor, end, lane0, lane1, lane2, lane3, mixed] = [0, 1, 2, 3, 4, 5, 6] as const;

/**
 * Replaces the value on top of the stack by diffuse(value): multiply, xor with itself shifted by its own top
 * bits, multiply.
 */
const diffuse: readonly Instruction[] = [
  op.constI64(prime),
  op.mulI64,
  op.tee(mixed),
  op.get(mixed),
  op.constI64(32n),
  op.shiftRightU64,
  op.get(mixed),
  op.constI64(60n),
  op.shiftRightU64,
  op.shiftRightU64,
  op.xorI64,
  op.constI64(prime),
  op.mulI64,
];

/**
 * absorb(cursor, end): mixes the 8-byte words of [cursor, end) into the lanes, and returns the xor of all
 * lanes.
 */
const code = wasmModule(memoryPages, {
  name: 'absorb',
  params: ['i32', 'i32'],
  results: ['i64'],
  locals: ['i64', 'i64', 'i64', 'i64', 'i64'],
  body: [
    ...[lane0, lane1, lane2, lane3].flatMap((lane, i) => [op.constI32(lanesAt), op.loadI64At(8 * i), op.set(lane)]),
    op.block,
    op.loop,
    op.get(cursor),
    op.get(end),
    op.geU32,
    op.branchIf(1),
    op.get(lane0),
    op.get(cursor),
    op.loadI64,
    op.xorI64,
    ...diffuse,
    op.get(lane1),
    op.set(lane0),
    op.get(lane2),
    op.set(lane1),
    op.get(lane3),
    op.set(lane2),
    op.set(lane3),
    op.get(cursor),
    op.constI32(8),
    op.addI32,
    op.set(cursor),
    op.branch(0),
    op.end,
    op.end,
    ...[lane0, lane1, lane2, lane3].flatMap((lane, i) => [op.constI32(lanesAt), op.get(lane), op.storeI64(8 * i)]),
    op.get(lane0),
    op.get(lane1),
    op.xorI64,
    op.get(lane2),
    op.xorI64,
    op.get(lane3),
    op.xorI64,
  ],
});

/**
 * The used part of the global WebAssembly, typed for the module above. TypeScript declares it only for
 * browsers.
 */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly absorb: (cursor: number, end: number) => bigint };
  };
};

const { memory, absorb } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports;
const lanes = new BigUint64Array(memory.buffer, lanesAt, 4);
const input = new Uint8Array(memory.buffer, inputAt, inputBytes);

/** Returns the 64-bit hash of `bytes`, of any length. */
export function seahash(bytes: Uint8Array): bigint {
  lanes.set(seeds);
  let xored = 0n;
  let taken = 0;
  do {
    const part = bytes.subarray(taken, taken + inputBytes);
    input.set(part);
    const padded = (part.length + 7) & ~7;
    input.fill(0, part.length, padded);
    xored = absorb(inputAt, inputAt + padded);
    taken += part.length;
  } while (taken < bytes.length);
  return diffused(BigInt.asUintN(64, xored) ^ BigInt(bytes.length));
}

function diffused(value: bigint): bigint {
  const once = BigInt.asUintN(64, value * prime);
  return BigInt.asUintN(64, (once ^ ((once >> 32n) >> (once >> 60n))) * prime);
}
