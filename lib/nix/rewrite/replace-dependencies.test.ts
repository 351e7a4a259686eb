// Tests the replacement of dependencies: the rules, with graphs as text, and the bytes, compared with those
// that dump, sed and restore of the real Nix produce.
import { lstat, mkdtemp, readdir, readFile, rm, writeFile, mkdir, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asRoot, withSmallDisk } from '../../dev/testing/small-disk.ts';
import { namesIn, noNix, privateNix } from '../../dev/testing/private-nix.ts';
import type { PrivateNix } from '../../dev/testing/private-nix.ts';
import type { Event } from '../../core/events.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { replaceDependencies } from './replace-dependencies.ts';
import { replacementPlan } from './replacement-plan.ts';
import type { Replacement } from './replacement-plan.ts';
import { storeFolder } from '../store/store-folder.ts';
import type { PathInfo } from '../store/store.ts';
import { hashPartOf } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';

const events: Event[] = [];
const context = { signal: new AbortController().signal, report: (event: Event) => void events.push(event) };
const scratch = await mkdtemp(join(tmpdir(), 'bloomery-replace-'));
const nix = await privateNix(pathOf(process.env));
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));
test.after(async () => {
  await rm(scratch, { recursive: true });
  await nix?.remove();
});

/** "app" -> a store name derived from it. */
const nameOf = (word: string): StoreName =>
  `${word.replaceAll(/[eotu]/g, (letter) => String('eotu'.indexOf(letter) + 1)).padEnd(32, '0')}-${word}` as StoreName;

/** "app: lib libc" rows as a graph. */
function graph(...rows: readonly string[]): ReadonlyMap<StoreName, PathInfo> {
  return new Map(
    rows.map((row) => {
      const [name = '', ...references] = row.split(/:? /);
      return [nameOf(name), { name: nameOf(name), narHash: '', narSize: 0, references: references.map(nameOf) }];
    }),
  );
}

const pairs = (...given: readonly string[]): readonly Replacement[] =>
  given.map((pair) => {
    const [old = '', by = ''] = pair.split('=');
    return { old: nameOf(old), new: nameOf(by) };
  });

const words = (names: readonly StoreName[]): string => names.map((name) => name.slice(33)).join(' ');
const sorted = (names: readonly StoreName[]): string =>
  names
    .map((name) => name.slice(33))
    .sort()
    .join(' ');

const system = graph('sys: app tool', 'app: lib app', 'tool: libc', 'lib: libc', 'new: libc', 'libc', 'neu: lib', 'musl', 'odd');

test('exactly the paths that lead to the old path are rewritten', () => {
  const plan = replacementPlan(nameOf('sys'), system, pairs('lib=new'), []);
  assert.is(words(plan.rewrites), 'app sys');
  assert.is(plan.standsFor(nameOf('lib')), nameOf('new'));
  assert.is(plan.standsFor(nameOf('tool')), nameOf('tool'));
});

test('replacements are rewritten by the others', () => {
  const plan = replacementPlan(nameOf('sys'), system, pairs('lib=new', 'libc=musl'), []);
  assert.is(sorted(plan.rewrites), 'app new sys tool');
  assert.ok(plan.rewrites.indexOf(nameOf('new')) < plan.rewrites.indexOf(nameOf('app')));
});

test('a cutoff is unchanged, but an explicit replacement has priority over it', () => {
  assert.is(words(replacementPlan(nameOf('sys'), system, pairs('lib=new'), [nameOf('app')]).rewrites), '');
  assert.is(words(replacementPlan(nameOf('sys'), system, pairs('lib=new'), [nameOf('lib')]).rewrites), 'app sys');
});

test('the root itself may be replaced', () => {
  const plan = replacementPlan(nameOf('lib'), system, pairs('lib=new', 'libc=musl'), []);
  assert.equal([words(plan.rewrites), plan.standsFor(nameOf('lib'))], ['new', nameOf('new')]);
});

test('a replacement by the same path is left out with a note; one that is not in the closure is noted and kept', () => {
  const same = replacementPlan(nameOf('sys'), system, pairs('lib=lib'), []);
  assert.equal([words(same.rewrites), same.notes.length], ['', 1]);
  const kept = replacementPlan(nameOf('sys'), graph('sys: lib', 'lib', 'new: odd', 'odd', 'owl'), pairs('lib=new', 'odd=owl'), []);
  assert.is(words(kept.rewrites), 'new sys');
  assert.match(kept.notes.join(), /sys" does not depend on ".*odd"/);
});

test('a replacement that refers to the replaced path would be a cycle', () => {
  assert.throws(
    () => replacementPlan(nameOf('sys'), system, pairs('lib=neu'), []),
    /Cannot replace ".*-lib" by ".*-neu": the replacement refers to/,
  );
  assert.throws(() => replacementPlan(nameOf('sys'), system, pairs('lib=new', 'new=lib'), []), /the replacement refers to/);
  assert.is(words(replacementPlan(nameOf('sys'), system, pairs('lib=neu'), [nameOf('neu')]).rewrites), 'app sys');
});

test('a cycle that no replacement is part of is named', () => {
  const cyclic = graph('sys: app lib', 'app: lib two', 'two: app', 'lib', 'new');
  const error = /^Cannot rewrite ".*-app": its references form a cycle: \w+-app -> \w+-two -> \w+-app$/;
  const messageOf = (cutoffs: readonly StoreName[]): string => {
    try {
      return words(replacementPlan(nameOf('sys'), cyclic, pairs('lib=new'), cutoffs).rewrites);
    } catch (reason) {
      return reason instanceof Failure ? reason.message : String(reason);
    }
  };
  assert.match(messageOf([]), error);
  assert.is(messageOf([nameOf('two')]), 'app sys');
});

test('names of different length are both reported, but only if one would replace the other', () => {
  assert.throws(
    () => replacementPlan(nameOf('sys'), system, pairs('libc=odd'), []),
    /Cannot rewrite ".*-libc" to ".*-odd" in ".*": their lengths do not match \(37 and 36\)/,
  );
  assert.is(replacementPlan(nameOf('libc'), system, pairs('libc=odd'), []).standsFor(nameOf('libc')), nameOf('odd'));
  assert.throws(() => replacementPlan(nameOf('sys'), system, pairs('lib=new', 'lib=neu'), []), /two replacements are given/);
});

const expression = `
let mk = name: script: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-e" "-c" script ]; PATH = "/usr/bin:/bin"; };
in rec {
  lib = mk "lib-1.0" "mkdir $out; echo lib > $out/l; ln -s $out/l $out/self; printf '#!/bin/sh' > $out/run; chmod +x $out/run";
  new = mk "lib-2.0" "mkdir $out; echo LIB2 > $out/l; ln -s $out/l $out/self";
  plain = mk "plain-1" ("mkdir $out; echo \${lib}/l > $out/conf; ln -s \${lib} $out/link; echo \${lib} > $out/ünï;"
    + "head -c 1048500 /dev/zero > $out/z; echo \${lib} >> $out/z");
  app = mk "app-1.0" ("mkdir -p $out/bin $out/$(basename \${lib}); echo \${lib}/l \${plain} > $out/bin/app;"
    + "ln -s $out/bin $out/self; chmod +x $out/bin/app; echo $out > $out/own");
  names = mk "names-1" "mkdir $out; cd $out; h=$(basename \${lib} | cut -c1-32); for n in 0a 1 a m z zz; do echo $n > $n; done; echo \${lib} > $h; mkdir x$h";
  aside = mk "aside-1" "echo aside > $out";
  sys = mk "system-1.0" "mkdir $out; echo \${app} \${names} \${aside} \${plain} > $out/refs";
}`;

check(
  'each rewritten path is what dump, sed and restore make of it, and Nix would name it the same',
  async ({ build, call, path, storeDir, folder }) => {
    const [sys, lib, by, app, plain] = (await build(expression, ['sys', 'lib', 'new', 'app', 'plain'])).flatMap(namesIn);
    assert.ok(sys && lib && by && app && plain);
    const to = join(folder, 'replaced');
    const store = storeFolder(storeDir);
    const result = await replaceDependencies(store, { root: sys, replacements: [{ old: lib, new: by }], cutoffs: [], to }, context);

    const renamed = new Map([[lib, by], ...result.rewritten.map(({ old, info }) => [old, info.name] as const)]);
    assert.equal(sorted(result.rewritten.map(({ old }) => old)), 'app-1.0 names-1 plain-1 system-1.0');
    assert.equal(await shown(to), result.rewritten.map(({ info }) => info.name as string).sort());
    for (const { old, info } of result.rewritten) {
      const script = [...renamed].map(([from, into]) => `s|${from.replaceAll('.', '\\.')}|${into}|g`).join(';');
      if (!old.endsWith('names-1')) {
        await rm(join(folder, 'by-sed'), { recursive: true, force: true });
        await call(
          'sh',
          '-c',
          'nix-store --dump "$1" | sed "$2" | nix-store --restore "$3"',
          'sh',
          path(old),
          script,
          join(folder, 'by-sed'),
        );
        await call('diff', '-r', '--no-dereference', join(folder, 'by-sed'), join(to, info.name));
      }
      assert.is(info.narHash, `sha256:${(await call('nix-hash', '--type', 'sha256', '--base32', join(to, info.name))).trim()}`);
      assert.is(info.narSize, Number(await call('sh', '-c', 'nix-store --dump "$1" | wc -c', 'sh', join(to, info.name))));
    }
    const all = (
      await call('sh', '-c', 'grep -rl "$1" "$2" || true; find "$2" -lname "*$1*" -o -name "*$1*"', 'sh', hashPartOf(lib), to)
    ).trim();
    assert.is(all, '');
    const again = storeFolder(to, storeDir);
    for (const { info } of result.rewritten) {
      assert.equal((await again.info(info.name, context)).references, info.references);
    }
    assert.is(sorted([...result.closure.keys()]), 'app-1.0 aside-1 lib-2.0 names-1 plain-1 system-1.0');
  },
);

check(
  'the same again gives the same, and finds it there; what was changed since is not taken for it',
  async ({ build, storeDir, folder }) => {
    const [plain, lib, by] = (await build(expression, ['plain', 'lib', 'new'])).flatMap(namesIn);
    assert.ok(plain && lib && by);
    const to = join(folder, 'again');
    const request = { root: plain, replacements: [{ old: lib, new: by }], cutoffs: [], to };
    const { root } = await replaceDependencies(storeFolder(storeDir), request, context);
    assert.is((await replaceDependencies(storeFolder(storeDir), request, context)).root, root);
    await writeFile(join(to, root, 'conf'), 'changed');
    const error: unknown = await replaceDependencies(storeFolder(storeDir), request, context).catch((reason: unknown) => reason);
    assert.match(String(error), 'something else is there');
    assert.is(await readFile(join(to, root, 'conf'), 'utf8'), 'changed');
    assert.equal(await shown(to), [root]);
  },
);

/** Without the records next to the paths. */
const shown = async (dir: string): Promise<readonly string[]> => (await readdir(dir)).filter((name) => !name.startsWith('.')).sort();

/** A store of two plain folders, without Nix: "user" has a big file and names "dep" at its end. */
async function smallStore(): Promise<{ dir: string; user: StoreName; dep: StoreName; other: StoreName }> {
  const dir = await mkdtemp(join(scratch, 'store-'));
  const [user, dep, other] = [nameOf('user'), nameOf('dep'), nameOf('dop')];
  for (const name of [dep, other]) await writeFile(join(dir, name), name);
  await mkdir(join(dir, user));
  await writeFile(join(dir, user, 'big'), Buffer.concat([Buffer.alloc(18 << 20), Buffer.from(dep)]));
  await chmod(join(dir, user, 'big'), 0o444);
  return { dir, user, dep, other };
}

test('^C leaves no folder', async () => {
  const { dir, user, dep, other } = await smallStore();
  const abort = new AbortController();
  const report = (event: Event): void => {
    if (event.kind === 'phase-started' && event.phase === 'rewrite') abort.abort(new Failure('interrupted', 'Cannot finish: interrupted'));
  };
  const to = join(scratch, 'interrupted');
  const request = { root: user, replacements: [{ old: dep, new: other }], cutoffs: [], to };
  const error: unknown = await replaceDependencies(storeFolder(dir), request, { signal: abort.signal, report }).catch(
    (reason: unknown) => reason,
  );
  assert.is((error as Failure).exitCode, 130);
  assert.is(await lstat(to).catch(() => 'absent'), 'absent');
});

test('a full disk is the lack of the host, and leaves nothing', async () => {
  await asRoot(import.meta.filename, async () => {
    const { dir, user, dep, other } = await smallStore();
    await withSmallDisk(async (disk) => {
      const request = { root: user, replacements: [{ old: dep, new: other }], cutoffs: [], to: join(disk, 'new') };
      const error: unknown = await replaceDependencies(storeFolder(dir), request, context).catch((reason: unknown) => reason);
      assert.is((error as Failure).exitCode, 69, String(error));
      assert.match(String(error), 'no space left on the device');
      assert.equal(await readdir(disk), []);
    });
  });
});

test.run();
