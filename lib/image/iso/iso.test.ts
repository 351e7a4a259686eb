// ISO images, as xorriso reads them back.
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { contentBytes, directory, file, fileTree, symlink } from '../file-tree.ts';
import { openImage } from '../read/image-reader.ts';
import { readIso } from './reader.ts';
import { writeIso } from './iso.ts';
import { fileBytes } from '../read/volume.ts';

const host = { path: pathOf(process.env) };
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

const long = 'n'.repeat(200);
const hard = fileTree([
  ['boot/efi.img', file(Buffer.alloc(5000, 'e'))],
  [`${long}/a`, file('1', 0o644)],
  [`${long}/b`, symlink(`/usr/../${long}/${'t'.repeat(180)}/./x`)],
  ['relative', symlink('../a/./b/../c')],
  ['名 with spaces', file('unicode', 0o600)],
  ...Array.from({ length: 300 }, (_, i) => [`many/a-file-with-a-name-of-some-length-${i}`, file(`${i}`)] as const),
  ['a/b/c/d/e/f/g/h/i/j/deep', file(Buffer.alloc(3_000_001, 'd'))],
]);

test('names, links and contents of every length are read back as they were written', async () => {
  await writeIso(hard, join(dir, 'hard.iso'), options, host, context);
  const open = await openImage(join(dir, 'hard.iso'), dir, host, context);
  try {
    const volume = open.volumes[0]?.volume;
    if (!volume) throw new Error('no volume');
    const seen = new Map<string, unknown>();
    for await (const entry of volume.entries()) {
      const { path, kind, mode, uid, gid } = entry;
      if (path === 'boot.catalog') continue;
      const parts: Uint8Array[] = [];
      if (kind === 'file') for await (const part of fileBytes(volume, entry)) parts.push(Uint8Array.from(part));
      seen.set(path, { kind, mode, uid, gid, content: kind === 'symlink' ? entry.target : Buffer.concat(parts).toString('latin1') });
    }
    const wanted = new Map<string, unknown>();
    for (const [path, entry] of hard.entries) {
      const { kind, mode, uid, gid } = entry;
      const content =
        kind === 'file' ? Buffer.from(contentBytes(entry.content)).toString('latin1') : kind === 'symlink' ? entry.target : '';
      wanted.set(path, { kind, mode, uid, gid, content });
    }
    assert.equal([...seen.keys()].sort(), [...wanted.keys()].sort());
    for (const [path, entry] of wanted) assert.equal(seen.get(path), entry, path);
    assert.equal((await volume.verify()).findings, []);
  } finally {
    await open.close();
  }
});

test('an image that is cut off is found to be so, at every length', async () => {
  const whole = readFileSync(join(dir, 'a.iso'));
  const cut = join(dir, 'cut.iso');
  for (const share of [0.1, 0.3, 0.5, 0.99]) {
    writeFileSync(cut, whole.subarray(0, Math.max(40_000, Math.floor(whole.length * share))));
    const open = await openImage(cut, dir, host, context);
    const verdict = await open.volumes[0]?.volume?.verify();
    await open.close();
    assert.match(verdict?.findings[0]?.why ?? 'no finding', /it is cut off/, `${share}`);
  }
  rmSync(cut);
});

test('a damaged image ends in a sentence, and never in a path outside', async () => {
  const whole = readFileSync(join(dir, 'a.iso'));
  const damaged = join(dir, 'damaged.iso');
  for (let at = 32_768; at < 32_768 + 60_000; at += 137) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (at % 255 || 1);
    writeFileSync(damaged, bytes);
    try {
      for (const path of readIso(damaged).keys()) assert.not.match(path, /(?:^|\/)\.\.(?:\/|$)|^\//, path);
    } catch (error) {
      assert.instance(error, Failure, `byte ${at}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  rmSync(damaged);
});

test('an image that firmware could not start is refused', async () => {
  const written = writeIso(tree, join(dir, 'c.iso'), { ...options, efiImage: 'efi.img' }, host, context);
  const message = await written.catch((error: Error) => error.message);
  assert.is(message, 'Cannot make the ISO "A_LABEL": it has no file "efi.img" for firmware to start');
  assert.equal(readdirSync(dir).sort(), ['a.iso', 'b.iso', 'hard.iso']);
});

test('pipes, and names and targets that are not UTF-8, are read unchanged', async () => {
  const source = join(dir, 'odd');
  mkdirSync(source);
  writeFileSync(Buffer.concat([Buffer.from(`${source}/caf`), Buffer.of(0xe9)]), 'coffee');
  symlinkSync(Buffer.concat([Buffer.from('é/'), Buffer.of(0xff), Buffer.from('/y')]), join(source, 'link'));
  const script = 'mkfifo odd/pipe && "$0" -as mkisofs -quiet -rock -o odd.iso odd';
  const made = await run(['/bin/sh', '-c', script, await tool('xorriso', host.path)], { cwd: dir, env: { PATH: host.path } });
  assert.is(made.exitCode, 0, made.stderr);
  const seen = [...readIso(join(dir, 'odd.iso')).values()].map(
    ({ path, kind, target, special }) => `${path} ${target ?? special?.type ?? kind}`,
  );
  assert.equal(seen, [' directory', 'caf\udce9 file', 'link é/\udcff/y', 'pipe pipe']);
});

test.run();
