// Tests the evidence about a failed machine: addresses are found and named with a real ELF file, and the
// processors are read from QEMU's dump. Screens and registers of a real machine are tested in
// linux-guest.test.ts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Judgement } from '../console/verdict.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import type { MachineEnd, RunningMachine } from '../machine/machine.ts';
import { addressesIn, evidenceOf, pointersOf } from './evidence.ts';

const root = await mkdtemp(join(tmpdir(), 'evidence-'));
test.after(() => rm(root, { recursive: true }));
const path = pathOf(process.env);
const context: Context = { signal: new AbortController().signal, report: () => undefined };
/** A machine that has ended: nothing can be asked of it. */
const end: MachineEnd = { exitCode: 0, killedBy: null, hostLines: [] };
const gone: RunningMachine = {
  pid: 0,
  accelerator: 'tcg',
  serial: new Socket(),
  attachPath: join(root, 'attach'),
  control: undefined,
  ended: Promise.resolve(end),
  release: () => Promise.resolve(),
  stop: () => Promise.resolve(end),
};

function failed(...lastLines: string[]): Judgement {
  return {
    verdict: { kind: 'failed', failure: 'kernel-panic', line: 'panic', stage: 'kernel' },
    milestones: [],
    findings: [],
    lastLines,
  };
}

test('addresses are numbers of 8 to 16 digits, each once, however they are written', () => {
  const lines = [
    '  1: fn 0xffffffff8805cb10 - pc 0xFFFFFFFF8805CB10 / registers:',
    'FFFFFFFF80001234: deadbeef',
    'id 1234567, abcdefghi 00000000000000000',
  ];
  assert.equal(addressesIn(lines), ['0xffffffff8805cb10', '0xffffffff80001234', '0xdeadbeef']);
});

test('each processor is a line', () => {
  const dump =
    'CPU#0\nRAX=0 \nRIP=ffffffff81000010 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n\nCPU#1\nRIP=000000000000fff0 RFL=2 HLT=0\n';
  assert.equal(pointersOf(dump), ['CPU 0 is at 0xffffffff81000010, halted', 'CPU 1 is at 0x000000000000fff0']);
});

test('addresses of a Rust program get names, and other numbers are left out', async () => {
  await writeFile(
    join(root, 'k.rs'),
    '#[inline(never)]\n#[no_mangle]\npub fn boot() -> usize { std::process::id() as usize }\nfn main() { std::process::exit(boot() as i32) }\n',
  );
  const env = {
    PATH: path,
    HOME: process.env['HOME'] ?? '',
    ...(process.env['RUSTUP_HOME'] ? { RUSTUP_HOME: process.env['RUSTUP_HOME'] } : {}),
  };
  const argv = ['rustc', '-g', '-C', 'relocation-model=static', '-o', 'kernel', 'k.rs'];
  await outputOf('compile', argv, { cwd: root, env });
  const table = await outputOf('list', ['nm', join(root, 'kernel')], { cwd: root, env });
  const at = /^([0-9a-f]+) T boot$/m.exec(table)?.[1] ?? '';
  const request = { machine: gone, log: join(root, 'x.log'), display: false, symbols: join(root, 'kernel'), path };
  const { addresses } = await evidenceOf({ ...request, judgement: failed(`at 0x${at}`, 'at 0xffffffffdeadbeef') }, context);
  assert.is(addresses.length, 1);
  assert.match(addresses[0] ?? '', /^0x[0-9a-f]+ {2}boot at .*k\.rs:3$/);
});

test('a file that is not an ELF file is reported without an effect on the verdict; a machine that has ended gives no evidence', async () => {
  await writeFile(join(root, 'text'), 'no kernel');
  const request = { machine: gone, log: join(root, 'x.log'), display: true, path, judgement: failed('at 0xffffffff80001234') };
  const told: string[] = [];
  const report: Context['report'] = (event) => void (event.kind === 'note' && told.push(event.text));
  const { addresses } = await evidenceOf({ ...request, symbols: join(root, 'text') }, { ...context, report });
  assert.equal(addresses, []);
  assert.match(told.join(), 'Cannot name the addresses of');
  assert.equal(await evidenceOf({ ...request, symbols: undefined }, context), { processors: [], addresses: [] });
});

test.run();
