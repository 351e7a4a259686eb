// Reads partition tables that sfdisk wrote, and compares the result with that of sfdisk. A damaged table
// gives no result.
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';
import { readGpt, readGptBySfdisk, readPrimaryGpt } from './gpt.ts';
import type { Gpt } from './gpt.ts';
import { writeGpt } from './partitions.ts';

const host = { path: pathOf(process.env) };
const context: Context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'gpt-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

const gpt: Gpt = {
  diskGuid: '01234567-89AB-4CDE-8F01-23456789ABCD',
  partitions: [
    {
      name: 'EFI',
      typeGuid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
      guid: '11111111-2222-4333-8444-555555555555',
      startLba: 2048,
      sectors: 2048,
    },
    {
      name: 'größe',
      typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      guid: 'AAAAAAAA-BBBB-4CCC-9DDD-EEEEEEEEEEEE',
      startLba: 4096,
      sectors: 1000,
    },
  ],
};

async function write(): Promise<void> {
  const fd = openSync(image, 'w');
  ftruncateSync(fd, 4 * MiB);
  closeSync(fd);
  await writeGpt(gpt, image, host, context);
}

test('a table is read as sfdisk reads it', async () => {
  await write();
  assert.equal(readPrimaryGpt(image), gpt);
  assert.equal(await readGptBySfdisk(image, host, context), gpt);
});

test('a damaged primary table is left to sfdisk, which reads the backup', async () => {
  for (const byte of [512 + 60, 1024 + 130]) {
    await write();
    const bytes = readFileSync(image);
    bytes[byte] = (bytes[byte] ?? 0) ^ 1;
    writeFileSync(image, bytes);
    assert.is(readPrimaryGpt(image), undefined);
    assert.equal((await readGpt(image, host, context))?.diskGuid, gpt.diskGuid);
  }
});

test('files without a table have none', () => {
  for (const text of ['', 'short', 'x'.repeat(5000)]) {
    writeFileSync(image, text);
    assert.is(readPrimaryGpt(image), undefined);
  }
});

test.run();
