// A very small WebAssembly assembler: one exported function over one exported memory, written as a list of instructions.
// It exists because 64-bit multiplication is native there and a BigInt allocation in JavaScript. Source: WebAssembly Core
// Specification 2.0, chapter 5 (binary format). It does not know what the function computes.

export type ValueType = 'i32' | 'i64';

export interface WasmFunction {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Types of the locals that follow the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: readonly Instruction[];
}

/** An instruction as its bytes; `op` has the ones we need. */
export type Instruction = readonly number[];

const typeCodes: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };
const emptyBlockType = 0x40;

/** Instructions by the names of the specification's text format. */
export const op = {
  block: [0x02, emptyBlockType],
  loop: [0x03, emptyBlockType],
  end: [0x0b],
  branch: (depth: number): Instruction => [0x0c, ...unsigned(depth)],
  branchIf: (depth: number): Instruction => [0x0d, ...unsigned(depth)],
  get: (local: number): Instruction => [0x20, ...unsigned(local)],
  set: (local: number): Instruction => [0x21, ...unsigned(local)],
  tee: (local: number): Instruction => [0x22, ...unsigned(local)],
  /** Alignment hint 0: any address will do. */
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

/** The bytes of a module that exports `memory` (of `pages` times 64 KiB) and the function. */
export function wasmModule(pages: number, fn: WasmFunction): Uint8Array<ArrayBuffer> {
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

/** LEB128, unsigned. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128, signed: the last byte's bit 6 is the sign. */
function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
  return done ? [low] : [low | 0x80, ...signed(rest)];
}
