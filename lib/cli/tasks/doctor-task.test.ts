// tasks/doctor.ts in the process of the test, on a host with a few fake programs and without Rust.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { doctor, doctorFlags } from './doctor-task.ts';

const root = await mkdtemp(join(tmpdir(), 'bloomery-doctor-'));
test.after(() => rm(root, { recursive: true }));
await mkdir(join(root, 'bin'));
for (const name of ['ip', 'nft', 'gdb']) {
  await writeFile(join(root, 'bin', name), '#!/bin/sh\n');
  await chmod(join(root, 'bin', name), 0o755);
}

/** Returns the output and exit code of doctor. Paths are relative to the fake host. */
async function printed(...words: string[]): Promise<{ readonly lines: readonly string[]; readonly failure: Failure | undefined }> {
  const { task, lines } = puppetTask(doctorFlags, words, root, { PATH: join(root, 'bin'), HOME: root });
  const failure = await doctor(task, {}).then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      return error;
    },
  );
  return { lines: lines.map((line) => line.replaceAll(`${root}/`, '').replace(/ +/g, ' ')), failure };
}

test('only the named work is checked', async () => {
  const { lines, failure } = await printed('--for', 'network');
  assert.is(failure, undefined);
  assert.equal(lines.slice(1), ['ok ip bin/ip', 'ok nft bin/nft', 'This host can create networks for machines (3 checks).']);
});

test('a system needs the tools that follow from its page, and the refusal names the work and what is missing', async () => {
  const { failure } = await printed('--for', 'redox');
  assert.is(failure?.exitCode, 69);
  assert.match(failure?.message ?? '', /^Cannot build and boot here: bwrap, cc, .*qemu-system-x86_64, .*rust, sandbox are missing$/);
  assert.not.match(failure?.message ?? '', /mmdebstrap|nix-store|clang/);
});

test('without a choice the table shows what each work lacks', async () => {
  const { lines } = await printed();
  const rows = lines.slice(lines.findIndex((line) => line.startsWith('Work (--for NAME ')));
  assert.ok(rows.includes('ready network create networks for machines'), rows.join('\n'));
  assert.ok(rows.includes('not yet iso write ISO images: lacks xorriso'), rows.join('\n'));
  assert.ok(rows.includes('not yet build-std compile the standard library for other triples: lacks rust'), rows.join('\n'));
  assert.ok(rows.includes('not yet crates compile Cargo projects: lacks bwrap, cc, rust, sandbox'), rows.join('\n'));
});

test('--json has the checks and the work of a host that lacks something, as the last line', async () => {
  const { lines, failure } = await printed('--json');
  assert.is(failure?.exitCode, 69);
  const { checks, work } = JSON.parse(lines.at(-1) ?? '') as Record<string, readonly Record<string, unknown>[]>;
  assert.equal(checks?.find(({ name }) => name === 'cc')?.['found'], false);
  assert.equal(
    work?.filter(({ name }) => name === 'network'),
    [{ name: 'network', title: 'create networks for machines', lacks: [] }],
  );
});

test('a word that is neither work nor a system is a usage error', async () => {
  const { failure } = await printed('--for', 'netwrok');
  assert.is(failure?.exitCode, 2);
});

test.run();
