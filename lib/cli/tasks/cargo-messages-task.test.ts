// The order of lines for editors, and which lines are printed again without a plan.
// lib/crates/run/cargo-messages.test.ts checks their content.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dev, packageOf, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import { DamagedBlob } from '../../cache/content-store.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Event } from '../../core/events.ts';
import type { PlannedUnit } from '../../crates/plan/planned-unit.ts';
import { cargoMessages } from './cargo-messages-task.ts';

test('the last line comes after all others, and messages are not reported twice', async () => {
  await withScratch(async ({ folder, cache }) => {
    const lines: string[] = [];
    const messages = cargoMessages({ print: (line) => lines.push(line) }, folder, cache, false);
    const known: Partial<PlannedUnit> = {
      hash: '0123',
      unit: unitOf({}, { profile: dev }),
      owner: packageOf(),
      place: workPlace,
      wrappers: { all: undefined, members: undefined },
    };
    const toolchain: Partial<PlannedUnit['toolchain']> = { sysroot: '/r' };
    const planned = { ...known, trees: { common: '/p', roots: [], gitFolders: [] }, toolchain } as PlannedUnit;
    const stderr = JSON.stringify({ level: 'error', message: 'no', rendered: 'no' });
    messages.watch.done({ planned, result: { artifacts: [], stdout: '', stderr: '', durationMs: 1 }, directives: undefined }, true);
    messages.watch.failed(planned, stderr);
    await messages.finish(false);
    assert.equal(
      lines.map((line) => JSON.parse(line).reason),
      ['compiler-artifact', 'compiler-message', 'build-finished'],
    );
    const events: Event[] = [];
    const report = messages.quiet((event) => events.push(event));
    report({ kind: 'diagnostic', unit: 'x', text: 'warning: x' });
    report({ kind: 'note', text: 'y' });
    assert.equal(
      events.map(({ kind }) => kind),
      ['note'],
    );
  });
});

test('the lines of a stored build are printed all or not at all, after the files that they name are written', async () => {
  await withScratch(async ({ folder, cache }) => {
    const digest = await cache.content.putBytes('a macro');
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(`${line} ${existsSync(join(folder, 'deps/x.so'))}`);
    const { watch } = cargoMessages({ print }, folder, cache, false);
    const file = { kind: 'file', path: 'deps/x.so', digest, sizeBytes: 7, executable: true } as const;
    await watch.repeat({ lines: ['one', 'two'], folders: ['build/x/out'], files: [file] });
    assert.equal(lines.splice(0), ['one true', 'two true']);
    assert.ok(existsSync(join(folder, 'build/x/out')));
    const lost = { ...file, path: 'deps/y.so', digest: digestBytes('never stored') };
    const error = await watch.repeat({ lines: ['one'], folders: [], files: [lost] }).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof DamagedBlob);
    assert.equal(lines, []);
  });
});

test.run();
