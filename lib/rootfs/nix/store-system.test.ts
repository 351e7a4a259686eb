// A system that is a closure: built by the real Nix, packed and booted in QEMU. Then its tools are replaced
// without a build, and it boots again with the others. BLOOMERY_TEST_COREUTILS names the replacement program,
// for example uutils' coreutils. Without it, Debian's toybox is used.
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linuxGuest } from '../../dev/testing/linux-guest.ts';
import { noNix, removeStore } from '../../dev/testing/private-nix.ts';
import { buildStoreSystem, packInitramfs } from '../../dev/testing/store-system.ts';
import { console as linuxConsole } from '../../../systems/linux/console.ts';
import { closureBytes } from '../../closure/graph.ts';
import { packageDiff, versionsText } from '../../closure/diff.ts';
import { replaceDependencies } from '../../nix/rewrite/replace-dependencies.ts';
import { storeFolder } from '../../nix/store/store-folder.ts';
import type { StoreFolder } from '../../nix/store/store-folder.ts';
import { hashPartOf } from '../../nix/store/store-path.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import { closureInfos, storeClosure } from '../../nix/store/store.ts';
import type { Closure } from '../../closure/graph.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { findProgram } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { bootTest } from '../../boot/boot-test.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const context = { signal: new AbortController().signal, report: () => undefined };
const root = await mkdtemp(join(tmpdir(), 'store-system-'));
test.after(() => removeStore(root));

const hasNix = (await findProgram('nix-store', pathOf(env))) !== undefined;
if (!hasNix) console.error(noNix);

async function closureIn(store: StoreFolder, name: StoreName): Promise<Closure> {
  return storeClosure(name, await closureInfos(store, [name], context));
}

/** Boots the closure of `system`, which is in `folder`/nix/store. Returns its console output. */
async function boots(name: string, folder: string, system: StoreName, closure: Closure): Promise<string> {
  const { kernel } = await linuxGuest(cacheDir, env);
  const initrd = join(root, `${name}.cpio`);
  await packInitramfs(folder, [...closure.nodes.keys()] as StoreName[], initrd, env);
  const log = join(root, `${name}.log`);
  const { verdict } = await bootTest(
    {
      machine: {
        ...{ firmware: 'bios', memoryBytes: 256 * MiB, cpus: 1, imageInterface: 'ide' },
        kernel: { image: kernel, initrd, commandLine: `console=ttyS0 panic=-1 rdinit=/nix/store/${system}/init` },
      },
      image: undefined,
      accelerator: 'tcg',
      cacheDir: join(root, 'cache'),
      env: { PATH: pathOf(env), TMPDIR: root },
      rules: linuxConsole,
      limits: { timeoutMs: 240_000, silenceMs: 120_000, graceMs: 300 },
      steps: [],
      log,
    },
    context,
  );
  const said = (await readFile(log, 'latin1')).replaceAll('\r', '');
  assert.is(verdict.kind, 'booted', `${JSON.stringify(verdict)}\n${said.slice(-2000)}`);
  return said;
}

const check = hasNix ? test : test.skip;

check('a system of store paths boots from its closure alone, and with other tools when they were swapped', async () => {
  const folder = join(root, 'vanilla');
  await mkdir(folder);
  const { system, coreutils, other } = await buildStoreSystem({ folder, env, program: env['BLOOMERY_TEST_COREUTILS'] });
  const store = storeFolder(join(folder, 'nix/store'), '/nix/store');
  const vanilla = await closureIn(store, system);
  const first = await boots('vanilla', folder, system, vanilla);
  assert.match(first, `the tools are those of /nix/store/${coreutils}`);
  assert.match(first, /^BusyBox v1\./m);

  const to = join(root, 'swapped/nix/store');
  const request = { root: system, replacements: [{ old: coreutils, new: other }], cutoffs: [], to, whole: true };
  const { root: newSystem, rewritten } = await replaceDependencies(store, request, context);
  assert.equal(rewritten.map(({ old }) => old.slice(33)).sort(), ['etc-1', 'store-system-1']);
  const swapped = await closureIn(storeFolder(to), newSystem);
  const second = await boots('swapped', join(root, 'swapped'), newSystem, swapped);
  assert.match(second, `the tools are those of /nix/store/${other}`);
  assert.match(second, env['BLOOMERY_TEST_COREUTILS'] === undefined ? /^toybox 0\./m : /^ls .*\d/m);
  assert.not.match(second, hashPartOf(coreutils));
  assert.not.match(second, /^BusyBox v1\./m);

  const changes = packageDiff(vanilla, swapped).filter(({ change }) => change === 'added' || change === 'removed');
  assert.equal(
    changes.map(({ name, before, after }) => `${name}: ${versionsText(before, after)}`),
    ['coreutils: 9.8 → ∅', 'coreuutils: ∅ → 98'],
  );
  assert.ok(closureBytes(swapped) > closureBytes(vanilla));
});

test('the closure is packed only from its paths', async () => {
  const folder = join(root, 'empty');
  await mkdir(join(folder, 'nix/store'), { recursive: true });
  const error: unknown = await packInitramfs(folder, [], join(root, 'none.cpio'), env).catch((reason: unknown) => reason);
  assert.instance(error, Failure); // there is not even a busybox to pack it with
});

test.run();
