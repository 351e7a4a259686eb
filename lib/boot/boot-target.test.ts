// Which system, image and rules a command line selects.
import { join } from 'node:path';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { bootTarget, consoleRules, namedSystem, checkoutOf, ownFolder } from './boot-target.ts';

const root = join(import.meta.dirname, '../..');

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('a system is named by a word or by --system, and by both only when they agree', () => {
  assert.is(namedSystem('a', undefined), 'a');
  assert.is(namedSystem(undefined, 'a'), 'a');
  assert.is(namedSystem('a', 'a'), 'a');
  assert.throws(() => namedSystem('a', 'b'), 'are two systems');
  assert.throws(() => namedSystem(undefined, undefined), 'it needs <system>');
});

test('the transcript is named after the system and the image', async () => {
  const words = { root, system: 'redox', profile: 'default' };
  assert.is((await bootTarget({ ...words, image: undefined })).log, join(root, 'out/logs/redox-default.log'));
  assert.is((await bootTarget({ ...words, image: '/tmp/my disk.img' })).log, join(root, 'out/logs/redox-my disk.log'));
  assert.is((await bootTarget({ ...words, image: '/tmp/redox-old.img' })).log, join(root, 'out/logs/redox-old.log'));
});

test("rules are a system's own; firmware has rules and cannot be booted", async () => {
  assert.ok((await consoleRules(root, 'redox')).prompts.length > 0);
  assert.is((await consoleRules(root, 'firmware')).prompts.length, 0);
  assert.is((await failureOf(bootTarget({ root, system: 'firmware', profile: 'default', image: undefined }))).exitCode, 2);
});

test("a profile's own kernel, machine and session are those of its boot", async () => {
  const rust = await bootTarget({ root, system: 'rust-nixos', profile: undefined, image: undefined });
  assert.is(rust.image, join(root, 'out/rust-nixos-rust.img'));
  assert.is(rust.system.machine.kernel?.image, join(root, 'out/rust-nixos-rust/vmlinuz'));
  assert.match(rust.system.machine.kernel?.commandLine ?? '', 'root=/dev/nvme0n1 rw');
  assert.is(rust.system.session?.powerOff, 'sudo poweroff');
  const elsewhere = await bootTarget({ root, system: 'rust-nixos', profile: 'small', image: '/out/of/here.img' });
  assert.is(elsewhere.system.machine.kernel?.image, '/out/of/rust-nixos-small/vmlinuz', 'next to the named image');
  const uefi = await bootTarget({ root, system: 'rust-nixos', profile: 'rust-uefi', image: undefined });
  assert.equal([uefi.system.machine.firmware, uefi.system.machine.kernel], ['uefi', undefined]);
});

test('a disk has words for other kernels, and its own is started by firmware', async () => {
  const { system } = await bootTarget({ root, system: 'asterinas', profile: 'debian', image: undefined });
  assert.equal([system.machine.firmware, system.machine.kernel], ['uefi', undefined]);
  assert.is(system.referenceWords, 'root=LABEL=nixos rw init=/sbin/init console=ttyS0');
  assert.ok(system.referenceSession && !system.session);
  assert.is((await bootTarget({ root, system: 'asterinas', profile: 'iso', image: undefined })).system.referenceWords, undefined);
});

test('an unknown profile is refused, unless an image is named', async () => {
  const failure = await failureOf(bootTarget({ root, system: 'rust-nixos', profile: 'smal', image: undefined }));
  assert.equal([failure.exitCode, failure.hint], [2, 'did you mean small?']);
  assert.is((await bootTarget({ root, system: 'redox', profile: 'mine', image: '/tmp/x.img' })).image, '/tmp/x.img');
});

test('a system that is not built here is booted with its console and its machine', async () => {
  const { system, image } = await bootTarget({ root, system: 'linux', profile: 'default', image: '/tmp/debian.img' });
  assert.is(system.machine.imageInterface, 'virtio');
  assert.ok(system.console.prompts.length > 0);
  assert.is(image, '/tmp/debian.img');
  const { message, hint } = await failureOf(bootTarget({ root, system: 'linus', profile: 'default', image: undefined }));
  assert.is(
    `${message}; ${hint}`,
    'Cannot find system "linus": the systems are asterinas, firmware, linux, redox, rust-nixos; did you mean linux?',
  );
});

test('an unknown system is a usage error, however it is written', async () => {
  for (const name of ['redux', '../redox', '']) assert.is((await failureOf(consoleRules(root, name))).exitCode, 2);
});

const dir = await mkdtemp(join(tmpdir(), 'checkout-folder-'));
test.after(() => rm(dir, { recursive: true, force: true }));

test('the checkout is above the generated program, and the repository above the checkout', async () => {
  const checkout = join(dir, 'repository/kernel');
  const program = join(checkout, 'target/osdk/asterinas-run-base');
  await mkdir(program, { recursive: true });
  assert.is(checkoutOf(program), checkout);
  assert.is(checkoutOf(checkout), checkout);
  assert.is(ownFolder(program), checkout, 'there is no repository');
  await mkdir(join(dir, 'repository/.git'));
  assert.is(ownFolder(program), join(dir, 'repository'));
});

test.run();
