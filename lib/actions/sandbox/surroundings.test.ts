// What beside the user's folders may be shown, and what never is, on real files.
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { mayBeShown } from './surroundings.ts';
import type { Question } from './surroundings.ts';

const here = '/bloomery/above/above/here';

/** Asks about places when the user's folder is `home/src/app` of the scratch folder and his text is `text`. */
function asker(
  { folder }: Scratch,
  text: string,
  home = join(folder, 'home'),
  counted: readonly string[] = [here],
  named: readonly string[] = [],
): (place: string, reason: Question['reason']) => string | undefined {
  const src = join(folder, 'home/src');
  const around = { [here]: join(src, 'app'), '/bloomery/above/above': src, '/bloomery/above': join(folder, 'home') };
  const own = { counted, around, mayWrite: [], named, spelled: () => text, home };
  return (place, reason) => mayBeShown({ place, reason, own, paths: around });
}

const reasons = ['link', 'declared', 'read'] as const;

test('a path beside the user\'s folder is shown when his text spells it with its "../", and a part of it that he spells as a whole', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['README.md', 'proto/deep/api.txt', 'other/secret.txt', 'proto-2/x']) await scratch.write(`home/src/${name}`, '');
    await mkdir(join(scratch.folder, 'home/src/app'));
    const ask = asker(scratch, 'include_str!("../../README.md"); let dir = format!("{root}/../proto"); "secret.txt"');
    for (const reason of reasons) assert.is(ask('/bloomery/above/above/README.md', reason), '/bloomery/above/above/README.md');
    assert.is(ask('/bloomery/above/above/proto/deep/api.txt', 'read'), '/bloomery/above/above/proto');
    assert.is(ask('/bloomery/above/above/proto-2/x', 'read'), undefined);
    assert.is(ask('/bloomery/above/above/other/secret.txt', 'read'), undefined);
    assert.is(ask('/bloomery/above/above/missing.md', 'read'), undefined);
  });
});

test("each of several folders of the user's can be the one from which the text spells a path", async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/assets/x.txt', 'app/inner/a', 'other/b']) await scratch.write(`home/src/${name}`, '');
    const counted = [`${here}/inner`, '/bloomery/above/above/other'];
    const place = `${here}/assets/x.txt`;
    for (const text of ['"../../app/assets/x.txt"', '"../assets/x.txt"'])
      assert.is(asker(scratch, text, undefined, counted)(place, 'read'), place);
    assert.is(asker(scratch, '"assets/x.txt"', undefined, counted)(place, 'read'), undefined);
  });
});

test('what a source file beside them names in its own folder is shown: modules and included files', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/a', 'beside/m.rs', 'beside/n.rs', 'beside/deep/x.txt', 'beside/secret.txt'])
      await scratch.write(`home/src/${name}`, '');
    const beside = '/bloomery/above/above/beside';
    const ask = asker(scratch, 'mod n; include_str!("deep/x.txt"); secret.txt', undefined, [here, `${beside}/m.rs`]);
    assert.is(ask(`${beside}/n.rs`, 'read'), `${beside}/n.rs`);
    assert.is(ask(`${beside}/deep/x.txt`, 'read'), `${beside}/deep/x.txt`);
    assert.is(ask(`${beside}/secret.txt`, 'read'), undefined);
    assert.is(asker(scratch, 'include_str!("deep/x.txt")')(`${beside}/deep/x.txt`, 'read'), undefined);
  });
});

test("what the configuration names is shown, unless that is a folder around the user's own", async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/a', 'conf/x/y.txt', 'other/z.txt']) await scratch.write(`home/src/${name}`, '');
    const around = '/bloomery/above/above';
    const ask = asker(scratch, '', undefined, [here], [`${around}/conf`, around]);
    assert.is(ask(`${around}/conf/x/y.txt`, 'read'), `${around}/conf`);
    assert.is(ask(`${around}/other/z.txt`, 'read'), undefined);
  });
});

test('what a script declares is shown when its names are in the text; what a link leads to is shown', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'home/src/app'), { recursive: true });
    await scratch.write('home/src/proto/api.txt', '');
    const place = '/bloomery/above/above/proto/api.txt';
    assert.is(asker(scratch, 'Path::new("..").join("proto").join("api.txt")')(place, 'declared'), place);
    assert.is(asker(scratch, 'Path::new("..").join("proto").join("api.txt")')(place, 'read'), undefined);
    assert.is(asker(scratch, 'nothing')(place, 'declared'), undefined);
    assert.is(asker(scratch, 'nothing')(place, 'link'), place);
  });
});

test("hidden entries of the home folder, the home folder and folders around the user's own are never shown, whoever names them", async () => {
  await withScratch(async (scratch) => {
    for (const name of ['.ssh/id_rsa', '.netrc', 'src/app/x']) await scratch.write(`home/${name}`, '');
    await symlink('../../.ssh/id_rsa', join(scratch.folder, 'home/src/app/key'));
    const ask = asker(scratch, '"../../.ssh/id_rsa" "../.netrc" "../" ".." "../../src" "../.ssh"');
    for (const place of ['/bloomery/above/.ssh/id_rsa', '/bloomery/above/.netrc', '/bloomery/above', '/bloomery/above/above']) {
      for (const reason of reasons) assert.is(ask(place, reason), undefined, `${place} by ${reason}`);
    }
    assert.is(ask(join(scratch.folder, 'home/.netrc'), 'declared'), undefined);
  });
});

test('elsewhere on the host, what every user may read is shown to an action that declares it or by a link, and nothing else', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'home/src/app'), { recursive: true });
    const ask = asker(scratch, '"/etc/passwd" "/etc/shadow"', '/home/somebody');
    assert.is(ask('/etc/passwd', 'declared'), '/etc/passwd');
    assert.is(ask('/etc/passwd', 'link'), '/etc/passwd');
    assert.is(ask('/etc/passwd', 'read'), undefined);
    for (const reason of reasons) assert.is(ask('/etc/shadow', reason), undefined);
    await chmod(scratch.folder, 0o700);
    await scratch.write('private/file', '');
    assert.is(asker(scratch, 'x', '/nowhere')(join(scratch.folder, 'private/file'), 'declared'), undefined);
  });
});

test.run();
