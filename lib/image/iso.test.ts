// ISO images, as xorriso reads them back.
import { Buffer } from 'node:buffer';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { directory, file, fileTree, symlink } from './file-tree.ts';
import { writeIso } from './iso.ts';

const host = { path: process.env['PATH'] ?? '' };
const context = { signal: new AbortController().signal, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), 'bloomery-iso-'));
test.after(() => rmSync(dir, { recursive: true }));

const tree = fileTree([
  ['boot/efi.img', file(Buffer.alloc(64 * 1024, 'e'))],
  ['boot/a-kernel-with-a-long-name-0.1.0', file('kernel', 0o755)],
  ['boot/link', symlink('efi.img')],
  ['empty', directory(0o755)],
]);
const options = { label: 'A_LABEL', efiImage: 'boot/efi.img', timestampSec: 1_700_000_000 };

async function xorriso(...words: readonly string[]): Promise<string> {
  const program = await tool('xorriso', host.path);
  const { exitCode, stdout, stderr } = await run([program, '-indev', join(dir, 'a.iso'), ...words], {
    cwd: dir,
    env: { PATH: host.path, TZ: 'UTC' },
  });
  assert.is(exitCode, 0, stderr);
  return stdout;
}

test('names, modes, links and times are those of the tree, and firmware finds the boot image', async () => {
  await writeIso(tree, join(dir, 'a.iso'), options, host, context);
  const rows = (await xorriso('-lsl', '/boot', '--')).trimEnd().split('\n').slice(-3);
  const seen = rows
    .map((row) => row.trim().split(/\s+/))
    .map(([mode, , uid, gid, size, ...rest]) => [mode, uid, gid, size, ...rest].join(' '));
  assert.equal(seen, [
    "-rwxr-xr-x 0 0 6 Nov 14 2023 'a-kernel-with-a-long-name-0.1.0'",
    "-rw-r--r-- 0 0 65536 Nov 14 2023 'efi.img'",
    "lrwxrwxrwx 0 0 0 Nov 14 2023 'link' -> 'efi.img'",
  ]);
  assert.match(await xorriso('-find', '/', '-type', 'd'), "'/empty'");
  assert.match(await xorriso('-report_el_torito', 'plain'), /El Torito boot img : +1 +UEFI +y +none/);
  assert.match(await xorriso('-pvd_info'), /Volume Id +: A_LABEL/);
});

test('the same tree gives the same bytes, and nothing else is left', async () => {
  await writeIso(tree, join(dir, 'b.iso'), options, host, context);
  assert.ok(readFileSync(join(dir, 'a.iso')).equals(readFileSync(join(dir, 'b.iso'))));
  assert.equal(readdirSync(dir).sort(), ['a.iso', 'b.iso']);
});

test('an image that firmware could not start is refused', async () => {
  const written = writeIso(tree, join(dir, 'c.iso'), { ...options, efiImage: 'efi.img' }, host, context);
  const message = await written.catch((error: Error) => error.message);
  assert.is(message, 'Cannot make the ISO "A_LABEL": it has no file "efi.img" for firmware to start');
  assert.equal(readdirSync(dir).sort(), ['a.iso', 'b.iso']);
});

test.run();
