// Tests encrypted file systems. Their bytes are compared with an independent XTS implementation that uses
// only AES. Everything that reads or changes a RedoxFS is tested with them.
import { Buffer } from 'node:buffer';
import { createDecipheriv, createCipheriv } from 'node:crypto';
import * as crypto from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { file, fileTree } from '../file-tree.ts';
import { growImage } from '../change/grow-image.ts';
import { openImage } from '../read/image-reader.ts';
import type { OpenImage } from '../read/image-reader.ts';
import { putIntoImage } from '../change/put-image.ts';
import { BlockCipher } from './header.ts';
import { isEncrypted, openRedoxfs } from './reader.ts';
import { verifyRedoxfs } from './volume.ts';
import { writeRedoxfs } from '../redoxfs-write/writer.ts';
import { fileBytes } from '../read/volume.ts';

const context: Context = { signal: new AbortController().signal, report: () => {} };
const host = { path: pathOf(process.env) };
const dir = mkdtempSync(join(tmpdir(), 'redoxfs-encryption-'));
const image = join(dir, 'image');
test.after(() => rmSync(dir, { recursive: true }));

const password = 'correct horse';
const words = Buffer.from(Array.from({ length: 30_000 }, (_, i) => `line ${i * 7} of a long text\n`).join(''));
const contents = new Map([
  ['long', words],
  ['short', Buffer.from('a secret of a few bytes')],
  ['folder/medium', words.subarray(0, 5000)],
]);

async function write(options: { readonly password?: string; readonly compress?: boolean } = { password }): Promise<void> {
  const fd = openSync(image, 'w+');
  try {
    const tree = fileTree([...contents].map(([path, bytes]) => [path, file(bytes)] as const));
    await writeRedoxfs(tree, fd, { name: 'test', offsetBytes: 0, sizeBytes: 8 * MiB, timestampSec: 0, ...options }, context);
  } finally {
    closeSync(fd);
  }
}

async function withImage<T>(given: string | undefined, work: (open: OpenImage) => Promise<T>): Promise<T> {
  const open = await openImage(image, dir, host, context, async () => given);
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}

async function readBack(path: string): Promise<Buffer> {
  return await withImage(password, async ({ volumes: [volume] }) => {
    const entry = await volume?.volume?.find(path);
    if (!volume?.volume || !entry) throw new Error(`no ${path}`);
    const pieces: Uint8Array[] = [];
    for await (const piece of fileBytes(volume.volume, entry)) pieces.push(Uint8Array.from(piece));
    return Buffer.concat(pieces);
  });
}

/** IEEE 1619: AES-128-XTS of whole blocks, by AES of single blocks and the multiplication in GF(2^128). */
function plainXts(keys: Buffer, unit: number, bytes: Buffer): Buffer {
  const encipher = createCipheriv('aes-128-ecb', keys.subarray(16), null);
  const decipher = createDecipheriv('aes-128-ecb', keys.subarray(0, 16), null).setAutoPadding(false);
  const number = Buffer.alloc(16);
  number.writeUInt32LE(unit, 0);
  let tweak = encipher.update(number);
  const plain: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const xored = (block: Buffer): Buffer => Buffer.from(block.map((byte, i) => byte ^ (tweak[i] ?? 0)));
    plain.push(xored(decipher.update(xored(bytes.subarray(at, at + 16)))));
    let carry = 0;
    tweak = Buffer.from(
      tweak.map((byte) => {
        const doubled = ((byte << 1) | carry) & 0xff;
        carry = byte >> 7;
        return doubled;
      }),
    );
    if (carry) tweak[0] = (tweak[0] ?? 0) ^ 0x87;
  }
  return Buffer.concat(plain);
}

test('XTS gives the second vector of IEEE 1619', () => {
  const cipher = new BlockCipher(Buffer.concat([Buffer.alloc(16, 0x11), Buffer.alloc(16, 0x22)]));
  const expected = 'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0';
  assert.is(cipher.encryptedUnit(0x3333333333, Buffer.alloc(32, 0x44)).toString('hex'), expected);
});

test('only the password opens the header, and the keys in it decrypt the blocks', async () => {
  await write();
  const bytes = readFileSync(image);
  const header = bytes.subarray(4096, 8192); // of generation 1
  const slot = header.subarray(80, 128);
  const cost = { memory: 4096, passes: 3, parallelism: 1, tagLength: 16 };
  const key = crypto.argon2Sync('argon2id', { message: password, nonce: slot.subarray(0, 16), ...cost });
  const keys = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(slot.subarray(16));
  const hash = Buffer.concat([header.subarray(4088, 4096), Buffer.alloc(8)]);
  assert.equal(plainXts(keys, 1, header.subarray(4072, 4088)), hash);
  assert.equal(header.subarray(128, 4072), Buffer.alloc(4072 - 128), 'the other slots are not used');
  const tree = Number(header.readBigUInt64LE(48) >> 8n);
  const fs = openRedoxfs(image, 0, { password });
  try {
    assert.equal(plainXts(keys, tree, bytes.subarray(tree * 4096, (tree + 1) * 4096)), fs.blocks.meta(fs.header.tree, ''));
    const node = fs.find('long')?.node;
    const record = node && [...fs.records(node, 'long')][1]?.pointer;
    assert.is(record?.level, 5);
    // A large block is encrypted in units of 4 KiB, whose numbers follow each other.
    const at = (record?.index ?? 0) + 3;
    const expected = words.subarray(128 * KiB + 3 * 4096, 128 * KiB + 4 * 4096);
    assert.equal(plainXts(keys, at, bytes.subarray(at * 4096, (at + 1) * 4096)), expected);
  } finally {
    fs.close();
  }
});

for (const compress of [false, true]) {
  test(`nothing of the files can be seen, and everything is read back${compress ? ', also compressed' : ''}`, async () => {
    await write({ password, compress });
    const bytes = readFileSync(image);
    for (const word of ['a secret of', 'of a long text', 'medium', 'folder']) assert.not(bytes.includes(word), word);
    assert.ok(isEncrypted(image, 0));
    for (const [path, expected] of contents) assert.ok((await readBack(path)).equals(expected), path);
    const verdict = await verifyRedoxfs(image, 0, context, password);
    assert.equal([verdict.findings, verdict.leakedBlocks], [[], 0]);
  });
}

test('a missing and a wrong password open nothing, and a file system that is not encrypted needs none', async () => {
  await write();
  assert.throws(() => openRedoxfs(image, 0), /Cannot read the RedoxFS in ".*": it is encrypted/);
  assert.throws(() => openRedoxfs(image, 0, { password: 'Correct horse' }), /the password does not open it/);
  await write({});
  assert.not(isEncrypted(image, 0));
  openRedoxfs(image, 0, { password }).close();
  assert.is(String(await readBack('short')), 'a secret of a few bytes');
});

test('two images of the same files and password have nothing in common that is not zero', async () => {
  await write();
  const first = readFileSync(image);
  await write();
  const second = readFileSync(image);
  const block = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 4096);
  const zeros = '\0'.repeat(4096);
  let used = 0;
  for (let at = 0; at < first.length; at += 4096) {
    if (block(first, at) === zeros) continue;
    used++;
    assert.is.not(block(first, at), block(second, at), `block ${at / 4096}`);
  }
  assert.ok(used > 200);
});

test('a file is put into it and it grows, as one that is not encrypted', async () => {
  await write();
  const source = join(dir, 'source');
  const added = Buffer.from('another secret\n'.repeat(20_000));
  writeFileSync(source, added);
  const content = { kind: 'host', path: source, sizeBytes: added.length } as const;
  const request = { what: 'put it', path: 'folder/added', content, defaultMode: 0o644, parents: false, compress: false };
  await withImage(password, async (open) => await putIntoImage(open, request, dir, host, context));
  assert.ok((await readBack('folder/added')).equals(added));
  const grown = await withImage(password, async (open) => await growImage(open, 16 * MiB, host, context));
  assert.is(grown.afterBytes, 16 * MiB);
  assert.ok((await readBack('folder/added')).equals(added));
  assert.ok((await readBack('long')).equals(words));
  assert.equal((await verifyRedoxfs(image, 0, context, password)).findings, []);
  assert.not(readFileSync(image).includes('another secret'));
  const before = readFileSync(image);
  const wrong = await withImage('wrong', async (open) => await putIntoImage(open, request, dir, host, context)).catch(
    (error: Error) => error.message,
  );
  assert.match(String(wrong), /the password does not open it/);
  assert.ok(readFileSync(image).equals(before));
});

test.run();
