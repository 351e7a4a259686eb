// The view that an action has of the host. Tables check arguments and paths, and real commands run in
// bubblewrap.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { bubblewrap } from '../../dev/testing/sandboxes.ts';
import { Failure } from '../../core/errors.ts';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { bubblewrapArgv, outsideEnv, checkPlace, probeBubblewrap, remapArgs, requireSandbox, toHostPaths, toPlaces } from './sandbox.ts';
import type { Isolation, View } from './sandbox.ts';

const wrapper = { program: '/usr/bin/bwrap', isolation: 'no-nested-namespaces' } as const;

const view: View = {
  readOnly: { '/bloomery/work': '/users/me/project', '/bloomery/work/vendor': '/srv/vendor', '/bloomery/deps': '/cache/tmp/1/deps' },
  writable: { '/bloomery/out': '/cache/tmp/1/out' },
};

test('the command line binds outer places before inner ones and isolates the network, processes and terminals', () => {
  const argv = bubblewrapArgv(wrapper, ['/bloomery/rust/bin/rustc', '-vV'], '/bloomery/work', view);
  for (const flag of ['--unshare-all', '--die-with-parent', '--new-session']) assert.ok(argv.includes(flag), flag);
  assert.not(argv.includes('--share-net'));
  const own = argv.slice(argv.indexOf('--tmpfs'));
  assert.equal(own, [
    '--tmpfs',
    '/tmp',
    '--bind',
    '/cache/tmp/1/out',
    '/bloomery/out',
    '--ro-bind',
    '/users/me/project',
    '/bloomery/work',
    '--ro-bind',
    '/cache/tmp/1/deps',
    '/bloomery/deps',
    '--ro-bind',
    '/srv/vendor',
    '/bloomery/work/vendor',
    '--remount-ro',
    '/',
    '--chdir',
    '/bloomery/work',
    '--',
    '/bloomery/rust/bin/rustc',
    '-vV',
  ]);
  assert.not(
    argv.some((word, index) => ['/home', '/root', '/var', '/etc', '/run', '/'].includes(word) && argv[index - 1] !== '--remount-ro'),
    'no folder with secrets',
  );
  const root = (isolation: Isolation): string => bubblewrapArgv({ ...wrapper, isolation }, ['true'], '/', view).join(' ');
  assert.match(
    root('no-nested-namespaces'),
    / --unshare-all --unshare-user --disable-userns --cap-drop ALL .*\/proc --ro-bind \/proc\/sys \/proc\/sys /,
  );
  assert.match(root('user-namespace'), / --unshare-all --unshare-user --cap-drop ALL .*\/proc --ro-bind \/proc\/sys \/proc\/sys /);
  assert.match(root('host-user'), / --unshare-all --cap-drop ALL .*\/proc --ro-bind \/proc\/sys \/proc\/sys /);
  const open = bubblewrapArgv(wrapper, ['true'], '/', { ...view, network: true });
  assert.ok(open.includes('--share-net') && open.includes('/etc/resolv.conf'), 'a network is useless without names');
});

const translated: readonly (readonly [place: string, host: string])[] = [
  ['/bloomery/work', '/users/me/project'],
  ['/bloomery/work/src/main.rs', '/users/me/project/src/main.rs'],
  ['/bloomery/work/vendor/x', '/srv/vendor/x'],
  ['/bloomery/work/vendored', '/users/me/project/vendored'],
  ['-L/bloomery/deps', '-L/cache/tmp/1/deps'],
  ['link-arg=-T/bloomery/work/kernel.ld', 'link-arg=-T/users/me/project/kernel.ld'],
  ['dependency=/bloomery/deps', 'dependency=/cache/tmp/1/deps'],
  ['/bloomery/deps:/bloomery/out', '/cache/tmp/1/deps:/cache/tmp/1/out'],
  ['a "/bloomery/out" b', 'a "/cache/tmp/1/out" b'],
  ['(/bloomery/out)', '(/cache/tmp/1/out)'],
];

test('places and paths are replaced in both directions, the longest first', () => {
  for (const [place, host] of translated) {
    assert.is(toHostPaths(place, view), host);
    assert.is(toPlaces(host, view), place);
  }
});

test('a text that only begins or ends like a place is not changed', () => {
  const behind = ['/bloomery/worker', '/bloomery/work-2', '/bloomery/work.bak'];
  const before = ['/x/bloomery/work', 'x/bloomery/work', './bloomery/work', '--x/bloomery/work'];
  for (const text of [...behind, ...before, '/bloomery', '']) assert.is(toHostPaths(text, view), text);
});

test('any text of places and plain words is the same after both replacements', () => {
  let state = 11;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  const places = Object.keys({ ...view.readOnly, ...view.writable });
  const pieces = [
    ...places,
    ...places.map((place) => `${place}/a/b.rs`),
    ' ',
    ':',
    '=',
    '"',
    '\n',
    'word',
    '-L',
    '/usr/lib',
    '/bloomery',
    ',',
    '\u00e9',
  ];
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: random(9) }, () => pieces[random(pieces.length)] ?? '').join('');
    assert.is(toPlaces(toHostPaths(text, view), view), text);
  }
});

test('rustc is passed options to write places, the inner ones last because it takes the last that matches', () => {
  const words = remapArgs({
    readOnly: { '/bloomery/work': '/p', '/bloomery/src/x-1': '/p/vendor/x' },
    writable: { '/bloomery/out': '/p/vendor' },
  });
  assert.equal(words, [
    '--remap-path-prefix=/p=/bloomery/work',
    '--remap-path-prefix=/p/vendor=/bloomery/out',
    '--remap-path-prefix=/p/vendor/x=/bloomery/src/x-1',
  ]);
});

test('a place is absolute and plain', () => {
  for (const good of ['/bloomery/work', '/bloomery/src/a-1.0.0+x', '/bloomery/with space']) checkPlace(good);
  for (const bad of ['', '/', 'work', '/a/', '/a/../b', '/a/./b', '/..', '/a\0b', '/a\nb']) {
    assert.throws(() => checkPlace(bad), /it is not a plain absolute path$/, bad);
  }
});

/** Runs a script in the sandbox. The folder is its read-only source, and it has one writable folder. */
async function inside(folder: string, script: string): Promise<RunResult> {
  const sandbox = await bubblewrap();
  await mkdir(join(folder, 'source'), { recursive: true });
  await mkdir(join(folder, 'out'), { recursive: true });
  const own: View = { readOnly: { '/bloomery/work': join(folder, 'source') }, writable: { '/bloomery/out': join(folder, 'out') } };
  return run(bubblewrapArgv(sandbox, ['/bin/sh', '-c', script], '/bloomery/work', own), { cwd: '/', env: { ONLY: 'this' } });
}

test('inside, sources can be read and not written, and the output folder can be written', async () => {
  await withScratch(async ({ folder, write }) => {
    await write('source/a', 'text');
    assert.equal((await inside(folder, 'pwd; cat a')).stdout, '/bloomery/work\ntext');
    assert.is.not((await inside(folder, 'echo x > a || echo x > b')).exitCode, 0);
    assert.is(await readFile(join(folder, 'source/a'), 'utf8'), 'text');
    assert.is((await inside(folder, 'echo made > /bloomery/out/x')).exitCode, 0);
    assert.is(await readFile(join(folder, 'out/x'), 'utf8'), 'made\n');
  });
});

test('inside, there is no home folder, no account, no third-party program, and /tmp is empty', async () => {
  await withScratch(async ({ folder }) => {
    assert.match((await inside(folder, 'echo x > /bloomery/lost')).stderr, /Read-only file system/);
    const there = (
      await inside(folder, `ls -d ${homedir()} /root /home /etc/passwd /etc/shadow /etc/ssh /var /run ${folder} 2>/dev/null; ls -A /tmp`)
    ).stdout;
    assert.is(there, '');
    assert.is((await inside(folder, 'echo /proc/[0-9]*')).stdout, '/proc/1\n');
    assert.is((await inside(folder, 'echo x > /tmp/x && cat /tmp/x')).stdout, 'x\n');
    assert.equal(
      (await inside(folder, 'env | sort')).stdout.split('\n').filter((line) => !/^(_|OLDPWD|SHLVL)=/.test(line)),
      ['ONLY=this', 'PATH=/usr/bin:/bin', 'PWD=/bloomery/work', ''],
    );
  });
});

test('inside, allocators can read whether the kernel has huge pages, and no other setting of the kernel', async () => {
  const settings = '/sys/kernel/mm/transparent_hugepage/enabled';
  const outside = await readFile(settings, 'utf8').catch(() => '');
  await withScratch(async ({ folder }) => {
    const { stdout } = await inside(folder, `cat ${settings}; find /sys -type f`);
    assert.is(stdout, outside === '' ? '' : `${outside}${settings}\n`);
  });
});

test('inside, there is no network: not even a socket that listens on this host is reached', async () => {
  await withScratch(async ({ folder }) => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    try {
      const { port } = server.address() as AddressInfo;
      const connect = ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`];
      assert.is((await run(connect, { cwd: '/', env: {} })).exitCode, 0, 'from outside it is reached');
      const before = connections;
      const { exitCode, stderr } = await inside(folder, connect.map((word) => `'${word}'`).join(' '));
      assert.is.not(exitCode, 0);
      assert.match(stderr, /Connection refused|Network is unreachable/);
      assert.is(connections, before);
    } finally {
      server.close();
    }
  });
});

test('inside, processes that a command leaves running end with it', async () => {
  await withScratch(async ({ folder, write }) => {
    await write('source/loop', 'while :; do echo x >> /bloomery/out/alive; sleep 0.02; done');
    await inside(folder, 'sh loop & while [ ! -s /bloomery/out/alive ]; do sleep 0.01; done');
    const size = (await readFile(join(folder, 'out/alive'))).length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.is((await readFile(join(folder, 'out/alive'))).length, size);
  });
});

test('root has no capability inside, cannot mount anything writable again, and the settings of the kernel are read-only', async () => {
  await withScratch(async ({ folder, write }) => {
    await write('source/a', 'text');
    const script = `
      sed -n 's/^Cap[EPB][a-z]*:\\s*//p' /proc/self/status | sort -u
      for at in /usr /bloomery/work /proc/sys /; do mount -o remount,bind,rw $at 2> /dev/null && echo mounted $at; done
      setting=/proc/sys/kernel/printk_ratelimit_burst
      sh -c "cat $setting > /bloomery/out/was; cat /bloomery/out/was > $setting" 2> /dev/null && echo wrote
      unshare -Urm true 2> /dev/null && echo nested
      echo done`;
    assert.is((await inside(folder, script)).stdout, '0000000000000000\ndone\n');
  });
});

test('the probe returns the strongest isolation that works on the host', async () => {
  const { signal } = new AbortController();
  await withScratch(async ({ folder, write }) => {
    const refuses = async (pattern: string): Promise<unknown> => {
      const script = `#!/bin/sh\ncase "$*" in ${pattern}) echo "bwrap: no $*" >&2; exit 1;; esac\n`;
      await chmod(await write('bwrap', script), 0o755);
      const probe = await probeBubblewrap(folder, signal);
      return probe.kind === 'bubblewrap' ? probe.isolation : probe.kind;
    };
    assert.is(await refuses('nothing'), 'no-nested-namespaces');
    assert.is(await refuses('*--disable-userns*'), 'user-namespace');
    assert.is(await refuses('*--unshare-user*'), 'host-user');
    assert.is(await refuses('*--cap-drop*'), 'broken');
  });
});

test('a build without bubblewrap is refused with the reason, and only --no-sandbox runs without it', async () => {
  const { signal } = new AbortController();
  const refusal = async (path: string): Promise<readonly unknown[]> => {
    const error: unknown = await requireSandbox(true, path, signal).catch((reason: unknown) => reason);
    assert.instance(error, Failure);
    const { exitCode, message, hint } = error as Failure;
    assert.match(hint ?? '', /--no-sandbox runs build scripts and macros with all rights of yours$/);
    return [exitCode, message];
  };
  assert.equal(await requireSandbox(false, '/usr/bin:/bin', signal), { kind: 'none' });
  assert.equal(await refusal('/nowhere'), [69, 'Cannot build in a sandbox: bubblewrap is not installed']);
  await withScratch(async ({ folder, write }) => {
    await chmod(await write('bwrap', '#!/bin/sh\necho bwrap: No permissions to create a new namespace >&2\nexit 1\n'), 0o755);
    // The reason depends on this host. refusal.test.ts checks the reasons of other hosts.
    assert.is((await refusal(folder))[0], 69);
  });
});

test('variables that the dynamic linker of the host reads are set only in the sandbox', () => {
  const env = {
    LD_PRELOAD: '/project/x.so',
    LD_LIBRARY_PATH: '/deps',
    GLIBC_TUNABLES: 'a=b',
    GCONV_PATH: '/project',
    MALLOC_CONF: 'thp:always',
    A: '1',
  };
  assert.equal(outsideEnv(env), { MALLOC_CONF: 'thp:always', A: '1' });
  const argv = bubblewrapArgv({ program: 'bwrap', isolation: 'user-namespace' }, ['x'], '/', { readOnly: {}, writable: {} }, env);
  const set = argv.flatMap((word, at) => (word === '--setenv' ? [`${argv[at + 1]}=${argv[at + 2]}`] : []));
  assert.equal(set, ['LD_PRELOAD=/project/x.so', 'LD_LIBRARY_PATH=/deps', 'GLIBC_TUNABLES=a=b', 'GCONV_PATH=/project']);
  assert.ok(argv.indexOf('--setenv') < argv.indexOf('--'));
});

test.run();
