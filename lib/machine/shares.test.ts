// Shared folders with a stand-in for virtiofsd, which listens at its socket, and with programs that fail or
// are of another kind.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { findVirtiofsd, serveShares, virtiofsdCommand } from './shares.ts';

const root = await mkdtemp(join(tmpdir(), 'shares-'));
test.after(() => rm(root, { recursive: true }));
const { signal } = new AbortController();
const folders = [
  { path: '/first', tag: 'one', readOnly: false },
  { path: '/second', tag: 'two', readOnly: true },
];

async function program(path: string, ...lines: readonly string[]): Promise<string> {
  const file = join(root, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o755 });
  return file;
}

test('the words of the daemon', () => {
  assert.equal(
    folders.map((folder) => virtiofsdCommand('/v', folder, '/s').join(' ')),
    ['/v --socket-path=/s --shared-dir=/first', '/v --socket-path=/s --shared-dir=/second --readonly'],
  );
});

test('the daemon is found in PATH or where distributions put it; that of old versions of QEMU is ignored', async () => {
  const host = join(root, 'host');
  assert.is(await findVirtiofsd(join(root, 'none'), signal, host), undefined);
  const installed = await program('host/usr/libexec/virtiofsd', '#!/bin/sh', 'echo "virtiofsd 1.13.0"');
  assert.is(await findVirtiofsd(join(root, 'none'), signal, host), installed);
  await program('old/virtiofsd', '#!/bin/sh', 'echo "virtiofsd version 7.2.22 (Debian)"');
  assert.is(await findVirtiofsd(join(root, 'old'), signal, host), installed);
  const own = await program('own/virtiofsd', '#!/bin/sh', 'echo "virtiofsd 1.10.1"');
  assert.is(await findVirtiofsd(join(root, 'own'), signal, host), own);
});

test('each folder has a daemon whose socket exists when the machine starts, and which ends with it', async () => {
  const daemon = await program(
    'daemon',
    `#!${process.execPath}`,
    'const { appendFileSync } = require("node:fs");',
    'const [socket, folder] = process.argv.slice(2).map((word) => word.replace(/^--[a-z-]+=/, ""));',
    `appendFileSync(${JSON.stringify(join(root, 'started'))}, process.pid + " " + folder + "\\n");`,
    'setTimeout(() => require("node:net").createServer().listen(socket), 100);',
  );
  const served = await serveShares(folders, daemon, root, signal);
  assert.equal(
    served.shares.map(({ tag, socket }) => `${tag} ${socket !== undefined && existsSync(socket)}`),
    ['one true', 'two true'],
  );
  const started = (await readFile(join(root, 'started'), 'utf8')).trim().split('\n');
  assert.equal(
    started.map((line) => line.split(' ')[1]),
    ['/first', '/second'],
  );
  await served.stop();
  for (const line of started) assert.not.ok(existsSync(`/proc/${line.split(' ')[0]}/exe`), line);
});

test('without the daemon nothing is started', async () => {
  assert.equal((await serveShares(folders, undefined, root, signal)).shares, folders);
});

test('a daemon that does not start is a failure of the host, with its own message', async () => {
  const daemon = await program('fails', '#!/bin/sh', 'echo "no user namespaces" >&2', 'exit 3');
  const error: unknown = await serveShares(folders, daemon, join(root, 'own'), signal).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(`${error.exitCode} ${error.message}`, '69 Cannot share "/first": virtiofsd ended with status 3');
  assert.is(error.detail, 'no user namespaces');
});

test.run();
