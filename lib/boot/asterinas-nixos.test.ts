// Tests AsterNixOS on the base nix. The real Nix evaluates and builds the modules of systems/asterinas/nixos
// against a substitute for nixpkgs, with the compiled kernel. The image is read back and booted. This test
// does not show whether NixOS accepts the modules.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noNix, privateNix } from '../dev/testing/private-nix.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'asterinas-nixos-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const nix = await privateNix(pathOf(env));
if (!nix) console.error(noNix);
test.after(() => nix?.remove());
const check = nix ? test : test.skip;

async function node(words: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  return await run([process.execPath, ...words], { cwd: project, env: { ...env, ...nix?.env, HOME: env['HOME'] ?? '/root', ...more } });
}

check('the system that Nix builds has our kernel and an initramfs, and boots with the words that its build gave', async () => {
  const stub = `nixpkgs=${join(project, 'fixtures/asterinas/nixpkgs-stub')}`;
  const words = ['tasks/build.ts', 'asterinas', '--profile', 'nixos', '--out', dir, '--json'];
  const built = await node(words, { NIX_PATH: stub });
  assert.is(built.exitCode, 0, built.stderr);
  const { image, kernel, initrd, commandLine } = JSON.parse(built.stdout.trim().split('\n').at(-1) ?? '{}');
  assert.match(commandLine, /^PATH=\S+ console=ttyS0 -- root=\/dev\/vda init=\/\S+-system-1\/init$/);
  const listed = await node(['tasks/image.ts', 'ls', image]);
  for (const name of ['system-1/init', 'kernel/bin/asterinas-osdk-bin', 'stage-1', 'initrd-1/initrd']) assert.match(listed.stdout, name);
  const log = join(dir, 'nixos.log');
  const flags = [
    '--image',
    image,
    '--kernel',
    kernel,
    '--initrd',
    initrd,
    '--append',
    commandLine,
    '--log',
    log,
    '--quiet',
    '--accel',
    'tcg',
  ];
  const booted = await node(['test-boot.ts', '--system', 'asterinas', '--profile', 'nixos', ...flags]);
  const text = await readFile(log, 'utf8');
  assert.is(booted.exitCode, 0, booted.stderr + text);
  assert.match(text, '~ # ');
});

test('without Nix the profile ends with 69 and a hint what to install', async () => {
  const words = [process.execPath, 'tasks/build.ts', 'asterinas', '--profile', 'nixos', '--out', dir];
  const refused = await run(words, { cwd: project, env: { ...env, PATH: dir } });
  assert.is(refused.exitCode, 69);
  assert.match(refused.stderr, 'Nix is not installed');
});

test.run();
