// How the inputs of an action follow from its trace, also through symbolic links, and which paths outside the
// user's folders an action may be shown.
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActionRecord } from '../action.ts';
import { accessesOf, mayBeShown } from './accesses.ts';
import type { Accesses, Question } from './accesses.ts';
import type { Trace } from './tracer.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { shellAction } from '../../dev/testing/shell-action.ts';

const here = '/bloomery/above/here';

function accesses({ folder }: Scratch, trace: Partial<Trace>, sandbox: ActionRecord['sandbox'] = 'bubblewrap'): Accesses {
  const app = join(folder, 'app');
  const own = {
    counted: [here],
    around: { [here]: app, '/bloomery/above': dirname(app) },
    mayWrite: [],
    named: [],
    spelled: () => '',
    home: undefined,
  };
  const action = { ...shellAction(':', app, { kind: 'none' }), mounts: { [here]: app, '/bloomery/rust': '/toolchain' }, own };
  return accessesOf({ read: [], looked: [], written: [], complete: true, ...trace }, action, sandbox);
}

test('files, absent files, listed folders and inspected folders are inputs of their kind', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('app/src/main.rs', '');
    const { inputs, wanted } = accesses(scratch, {
      read: [`${here}/src/main.rs`, `${here}/src`, `${here}/src/./gone.rs`, '/bloomery/rust/lib/x', '/usr/lib/y', '/tmp/z'],
      looked: [`${here}/src/../Cargo.toml`, here],
    });
    assert.equal([...inputs].sort(), [here, `${here}/Cargo.toml`, `${here}/src//names`, `${here}/src/gone.rs`, `${here}/src/main.rs`]);
    assert.equal(wanted, []);
  });
});

test('a path next to the visible folders is wanted and is an input, and a folder that only leads to them is neither', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    const { inputs, wanted } = accesses(scratch, { read: [`${here}/src/../../README.md`], looked: ['/bloomery/above', '/bloomery'] });
    assert.equal(inputs, ['/bloomery/above/README.md']);
    assert.equal(wanted, [{ place: '/bloomery/above/README.md', byLink: false }]);
  });
});

test('for a link to a hidden path its target is wanted, also in the middle of a path, and for a link to a visible path it is not', async () => {
  await withScratch(async (scratch) => {
    for (const folder of ['app/src', 'shared/icons']) await mkdir(join(scratch.folder, folder), { recursive: true });
    await scratch.write('app/real/a', '');
    await symlink('../shared/icons', join(scratch.folder, 'app/icons'));
    await symlink('/srv/data', join(scratch.folder, 'app/data'));
    await symlink('../real', join(scratch.folder, 'app/src/inside'));
    await symlink('loop', join(scratch.folder, 'app/loop'));
    const read = [`${here}/icons/a.txt`, `${here}/data`, `${here}/src/inside/a`, `${here}/src/inside/../x`, `${here}/loop`];
    const { inputs, wanted } = accesses(scratch, { read });
    assert.equal(wanted, [
      { place: '/bloomery/above/shared/icons', byLink: true },
      { place: '/srv/data', byLink: true },
    ]);
    // A ".." after a link starts from the target of the link.
    assert.equal(inputs, [`${here}/icons/a.txt`, `${here}/data`, `${here}/src/inside/a`, `${here}/x`, `${here}/loop`]);
  });
});

test('for a chain of links to a hidden path the last target is wanted, and links in a circle are not followed forever', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app/src'), { recursive: true });
    await symlink('second', join(scratch.folder, 'app/first'));
    await symlink('src/third', join(scratch.folder, 'app/second'));
    await symlink('../../shared', join(scratch.folder, 'app/src/third'));
    await symlink('grow/grow', join(scratch.folder, 'app/grow'));
    const { inputs, wanted } = accesses(scratch, { read: [`${here}/first/a.txt`, `${here}/grow/grow/a`] });
    assert.equal(wanted, [{ place: '/bloomery/above/shared', byLink: true }]);
    assert.equal(inputs, [`${here}/first/a.txt`, `${here}/grow/grow/a`]);
  });
});

test("writes to read-only folders are distinguished from the action's own output", async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    assert.equal(accesses(scratch, { written: [`${here}/src/../app.map`, '/bloomery/out/x', '/tmp/y'] }).written, [`${here}/app.map`]);
  });
});

test('a file that is inspected and then written is not an input, and a file that is read and then written is', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app.map', 'counter']) await scratch.write(`app/${name}`, '');
    const [map, counter] = [`${here}/app.map`, `${here}/counter`];
    const { inputs } = accesses(scratch, { read: [counter], looked: [map, counter], written: [map, counter] });
    assert.equal(inputs, [counter]);
  });
});

test("without a sandbox, files of the host are inputs next to the user's folders, and the action's own temporary files are not", async () => {
  await withScratch(async (scratch) => {
    const source = await scratch.write('app/src/main.rs', '');
    const work = join(scratch.folder, 'rustc123');
    const { inputs, wanted } = accesses(
      scratch,
      { read: [source, '/etc/hostname', join(work, 'a.o')], looked: [join(work, 'libc.so'), scratch.folder], written: [work] },
      'none',
    );
    assert.equal(inputs, [`${here}/src/main.rs`, '/etc/hostname']);
    assert.equal(wanted, []);
  });
});

const deeper = '/bloomery/above/above/deeper';

/**
 * Returns a function that asks whether a path may be shown. The user's folder is `home/src/app` in the
 * scratch folder, and `text` is the text of the user's sources.
 */
function asker(
  { folder }: Scratch,
  text: string,
  home = join(folder, 'home'),
  counted: readonly string[] = [deeper],
  named: readonly string[] = [],
): (place: string, reason: Question['reason']) => string | undefined {
  const src = join(folder, 'home/src');
  const around = { [deeper]: join(src, 'app'), '/bloomery/above/above': src, '/bloomery/above': join(folder, 'home') };
  const own = { counted, around, mayWrite: [], named, spelled: () => text, home };
  return (place, reason) => mayBeShown({ place, reason, own, paths: around });
}

const reasons = ['link', 'declared', 'read'] as const;

test('a path next to the user\'s folder is shown when the sources name it with its "../", or a folder of it', async () => {
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

test('the text can name a path relative to each of several folders of the user', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/assets/x.txt', 'app/inner/a', 'other/b']) await scratch.write(`home/src/${name}`, '');
    const counted = [`${deeper}/inner`, '/bloomery/above/above/other'];
    const place = `${deeper}/assets/x.txt`;
    for (const text of ['"../../app/assets/x.txt"', '"../assets/x.txt"'])
      assert.is(asker(scratch, text, undefined, counted)(place, 'read'), place);
    assert.is(asker(scratch, '"assets/x.txt"', undefined, counted)(place, 'read'), undefined);
  });
});

test('modules and included files are shown that a source file next to the visible folders names in its own folder', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/a', 'beside/m.rs', 'beside/n.rs', 'beside/deep/x.txt', 'beside/secret.txt'])
      await scratch.write(`home/src/${name}`, '');
    const beside = '/bloomery/above/above/beside';
    const ask = asker(scratch, 'mod n; include_str!("deep/x.txt"); secret.txt', undefined, [deeper, `${beside}/m.rs`]);
    assert.is(ask(`${beside}/n.rs`, 'read'), `${beside}/n.rs`);
    assert.is(ask(`${beside}/deep/x.txt`, 'read'), `${beside}/deep/x.txt`);
    assert.is(ask(`${beside}/secret.txt`, 'read'), undefined);
    assert.is(asker(scratch, 'include_str!("deep/x.txt")')(`${beside}/deep/x.txt`, 'read'), undefined);
  });
});

test("a path that the configuration names is shown, unless it is a parent of the user's folders", async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app/a', 'conf/x/y.txt', 'other/z.txt']) await scratch.write(`home/src/${name}`, '');
    const around = '/bloomery/above/above';
    const ask = asker(scratch, '', undefined, [deeper], [`${around}/conf`, around]);
    assert.is(ask(`${around}/conf/x/y.txt`, 'read'), `${around}/conf`);
    assert.is(ask(`${around}/other/z.txt`, 'read'), undefined);
  });
});

test('a path that a script declares is shown when the text has its names, and the target of a link is shown', async () => {
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

test("the home folder, its hidden entries and parents of the user's folders are never shown, for whatever reason", async () => {
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

test('elsewhere on the host, only files that every user may read are shown, if the action declares them or a link leads to them', async () => {
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
