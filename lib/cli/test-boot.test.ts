// test-boot.ts as users and scripts call it: exit codes, sentences, --json, ^C and SIGKILL.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run, start } from '../core/sh.ts';
import type { Child, RunResult } from '../core/sh.ts';
import { machinesOf } from '../dev/stress/stress-boot.ts';

const project = join(import.meta.dirname, '../..');
const patienceMs = 60_000;
let root = '';

test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'test-boot-'));
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

function command(words: readonly string[]): { argv: string[]; cwd: string; env: Record<string, string> } {
  const env = { PATH: process.env['PATH'] ?? '', HOME: root, TMPDIR: root, XDG_CACHE_HOME: join(root, 'cache') };
  return { argv: [process.execPath, join(project, 'test-boot.ts'), ...words], cwd: project, env };
}

async function testBoot(...words: readonly string[]): Promise<RunResult> {
  const { argv, ...options } = command(words);
  return await run(argv, options);
}

/** The JSON object that --json prints as its last line. */
function lastJson({ stdout }: RunResult): unknown {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

const usageErrors: readonly (readonly [words: readonly string[], sentence: string, hint: string])[] = [
  [[], 'Cannot read the command line: it needs <system>, or --image FILE with --system S', ''],
  [['redux'], 'Cannot find system "redux"', 'did you mean redox?'],
  [['redox', '--system', 'other'], 'are two systems', 'name one of them'],
  [['redox', '--tiemout', '3'], 'there is no flag "--tiemout"', 'did you mean --timeout?'],
  [['redox', '--timeout', 'soon'], 'Cannot use --timeout "soon": it must be a number of seconds', ''],
  [['redox', '--accel', 'kvn'], 'Cannot use --accel "kvn": it must be auto, kvm, tcg', 'did you mean kvm?'],
  [['redox', '--image', '/none.img'], 'Cannot boot "/none.img": there is no image at that path', 'npx zx tasks/build.ts'],
];

test('a wrong command line gives a sentence, a hint and exit 2, and leaves no files', async () => {
  for (const [words, sentence, hint] of usageErrors) {
    const { exitCode, stderr, stdout } = await testBoot(...words);
    assert.is(exitCode, 2, words.join(' '));
    assert.match(stderr, sentence);
    assert.match(stderr, hint);
    assert.not.match(stderr, /^ +at /m);
    assert.is(stdout, '');
  }
  assert.equal(await readdir(root), []);
});

test('a record is judged without a machine: the verdict, its line, and exit 0 or 1', async () => {
  const log = join(root, 'x.log');
  await writeFile(log, 'Redox OS starting...\r\nredox login: ');
  const good = await testBoot('--replay', log, '--system', 'redox', '--json');
  assert.is(good.exitCode, 0);
  assert.match(good.stdout, 'PASS x.log booted: "redox login:"');
  assert.equal(lastJson(good), {
    system: 'redox',
    verdict: { kind: 'booted', line: 'redox login:' },
    milestones: [{ name: 'kernel' }, { name: 'prompt' }],
    findings: [],
    transcript: log,
  });
  await writeFile(log, 'No bootable device.\r\n');
  const bad = await testBoot('--replay', log, '--system', 'firmware');
  assert.is(bad.exitCode, 1);
  assert.match(bad.stdout, 'FAIL x.log failed to boot in stage firmware (no-bootdev): "No bootable device."');
  assert.match(bad.stdout, '  | No bootable device.');
  assert.is((await testBoot('--replay', join(root, 'none.log'), '--system', 'redox')).exitCode, 1);
});

test('a machine without QEMU is distinguished from a boot that failed: exit 69', async () => {
  await writeFile(join(root, 'x.img'), Buffer.alloc(1 << 20));
  const { argv, cwd, env } = command(['--image', join(root, 'x.img'), '--system', 'redox', '--log', join(root, 'x.log')]);
  const { exitCode, stderr } = await run(argv, { cwd, env: { ...env, PATH: root } });
  assert.is(exitCode, 69);
  assert.match(stderr, 'Cannot find "qemu-system-x86_64": it is not installed\nhint: ');
  assert.equal(await readdir(root), ['x.img']);
});

/** Starts a boot that will go on for a while, and waits until its QEMU runs. */
async function running(): Promise<{ child: Child; qemu: number }> {
  const image = join(root, 'x.img');
  await writeFile(image, Buffer.alloc(16 << 20));
  const { argv, ...options } = command(['--image', image, '--system', 'redox', '--accel', 'tcg', '--log', join(root, 'x.log')]);
  const child = start(argv, options);
  let qemu: number | undefined;
  await until(async () => ([qemu] = await machinesOf(image))[0] !== undefined, 'QEMU to start');
  return { child, qemu: qemu ?? 0 };
}

test('^C ends the machine with the test: exit 130, and no file is left', async () => {
  const { child, qemu } = await running();
  process.kill(child.pid, 'SIGINT');
  const { exitCode, stderr } = await child.ended;
  assert.is(exitCode, 130, stderr);
  assert.match(stderr, 'Cannot finish: interrupted');
  assert.not.ok(isAlive(qemu));
  assert.equal(
    (await readdir(root)).filter((name) => name.startsWith('bloomery-')),
    [],
  );
});

test('no machine survives SIGKILL of the test, and the next run sweeps up', async () => {
  const { child, qemu } = await running();
  process.kill(child.pid, 'SIGKILL');
  await child.ended;
  await until(async () => !isAlive(qemu), 'QEMU to end');
  const next = await running();
  process.kill(next.child.pid, 'SIGTERM');
  assert.is((await next.child.ended).exitCode, 130);
  assert.equal(
    (await readdir(root)).filter((name) => name.startsWith('bloomery-')),
    [],
  );
});

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpMs = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > giveUpMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

test.run();
