// From a trace to inputs, also through links, and what an action may be shown of the folders around the
// user's own.
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

test('files, absent files, folders that were listed and folders that were looked at are inputs of their kind', async () => {
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

test('what was looked for beside the folders is wanted and counts; folders that only lead to them are not', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    const { inputs, wanted } = accesses(scratch, { read: [`${here}/src/../../README.md`], looked: ['/bloomery/above', '/bloomery'] });
    assert.equal(inputs, ['/bloomery/above/README.md']);
    assert.equal(wanted, [{ place: '/bloomery/above/README.md', byLink: false }]);
  });
});

test('a link that leads out of view is wanted by what it leads to, in the middle of a path too; one that stays inside is not', async () => {
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
    // A ".." behind a link goes up from where the link leads.
    assert.equal(inputs, [`${here}/icons/a.txt`, `${here}/data`, `${here}/src/inside/a`, `${here}/x`, `${here}/loop`]);
  });
});

test('a link to a link that leads out of view is wanted by what the last one leads to; links into themselves end', async () => {
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

test("writes into what is shown are told apart from the action's own output", async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'app'));
    assert.equal(accesses(scratch, { written: [`${here}/src/../app.map`, '/bloomery/out/x', '/tmp/y'] }).written, [`${here}/app.map`]);
  });
});

test('a file that is looked at and then written is no input; one that is read and then written is', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['app.map', 'counter']) await scratch.write(`app/${name}`, '');
    const [map, counter] = [`${here}/app.map`, `${here}/counter`];
    const { inputs } = accesses(scratch, { read: [counter], looked: [map, counter], written: [map, counter] });
    assert.equal(inputs, [counter]);
  });
});

test("without a sandbox, files of the host count beside the places of the user's folders, but not the action's own temporary files", async () => {
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

/** Asks about places when the user's folder is `home/src/app` of the scratch folder and his text is `text`. */
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
    const counted = [`${deeper}/inner`, '/bloomery/above/above/other'];
    const place = `${deeper}/assets/x.txt`;
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
    const ask = asker(scratch, 'mod n; include_str!("deep/x.txt"); secret.txt', undefined, [deeper, `${beside}/m.rs`]);
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
    const ask = asker(scratch, '', undefined, [deeper], [`${around}/conf`, around]);
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
