// Runs programs in the sandbox with and without the tracer's library (quiet.c). Results and records must be
// the same, and calls below ignored folders must need no notification.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bubblewrap } from '../../dev/testing/sandboxes.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { present } from '../../core/errors.ts';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { bubblewrapArgv } from './sandbox.ts';
import { compileLibrary, libraryMounts, libraryPlaces, openTracer, runTraced, tracedArgv, tracerPlace } from './tracer.ts';
import type { Trace } from './tracer.ts';

const everyday = ['/usr', '/lib', '/lib64', '/bin', '/etc/ld.so.cache', '/proc', '/dev', ...libraryPlaces];
const folders = ['/bloomery/store', '/bloomery/out'];

const caller = readFileSync(join(import.meta.dirname, 'quiet-calls.c'), 'utf8');

interface Observed {
  readonly result: RunResult;
  readonly trace: Trace;
}

/** Compiles programs of the scratch folder and runs them in the sandbox, in which /bloomery/work is the user's. */
class Lab {
  readonly #scratch: Scratch;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  async compile(name: string, source: string, flags: readonly string[] = []): Promise<void> {
    await this.#scratch.write(`bin/${name}.c`, source);
    const made = await run(['cc', '-w', ...flags, '-o', name, `${name}.c`, '-ldl', '-lpthread'], {
      cwd: join(this.#scratch.folder, 'bin'),
      env: {},
    });
    assert.is(made.exitCode, 0, made.stderr);
  }

  /** `ignored` are the folders of the tracer. Those of the library are always the same. */
  async observe(argv: readonly string[], library: boolean, stdin = '', ignored: readonly string[] = folders): Promise<Observed> {
    const { folder, cache, context } = this.#scratch;
    const sandbox = await bubblewrap();
    const tracer = present(await openTracer(cache, context), 'the tracer');
    const path = present(await compileLibrary(cache, context.signal), "the tracer's library");
    await rm(join(folder, 'out'), { recursive: true, force: true });
    await mkdir(join(folder, 'out'));
    const readOnly = {
      [tracerPlace]: tracer.program,
      ...(library ? libraryMounts(path, [...everyday, ...folders], cache.tmpDir) : {}),
      ...Object.fromEntries(['work', 'store', 'linked', 'bin'].map((name) => [`/bloomery/${name}`, join(folder, name)])),
    };
    const view = { readOnly, writable: { '/bloomery/out': join(folder, 'out') } };
    const traced = tracedArgv(
      tracerPlace,
      argv,
      ['sealed', ...(library ? ['quiet'] : []), ...everyday, '/bloomery/bin', ...ignored],
      ['/bloomery/linked'],
    );
    const { trace, ...result } = await runTraced(bubblewrapArgv(sandbox, traced, '/bloomery/work', view), cache.tmpDir, {
      cwd: '/',
      env: { A: 'b' },
      stdin,
    });
    return { result, trace };
  }
}

async function withLab(use: (lab: Lab) => Promise<void>): Promise<void> {
  await withScratch(async (scratch) => {
    for (const path of ['work/one', 'work/more/two', 'store/plain', 'store/dir/x', 'linked/three']) await scratch.write(path, path);
    const links = [
      ['store/out', '/bloomery/work'],
      ['store/dead', '/bloomery/work/none'],
      ['store/dir/self', '../plain'],
      ['linked/out', '/bloomery/work'],
    ] as const;
    for (const [path, target] of links) await symlink(target, join(scratch.folder, path));
    await use(new Lab(scratch));
  });
}

/** The folder below /bloomery that the tracer does not ignore. */
const sources = 'work';

const paths = [
  ...['/bloomery/store/plain', '//bloomery//store//dir/', '/bloomery/store', '/bloomery/store/dir/./x', '/bloomery/store/plain/'],
  ...['/bloomery/store/none', '/bloomery/store/none/none', '/bloomery/store/plain/x', '/bloomery/store/dir/self', '/bloomery/store/.../x'],
  ...['/bloomery/store/out', '/bloomery/store/out/one', '/bloomery/store/out/none', '/bloomery/store/dead', '/bloomery/store/out/more/..'],
  ...[
    '/bloomery/store/dir/../plain',
    `/bloomery/store/../${sources}/one`,
    `/bloomery/store/dir/../../${sources}/none`,
    '/bloomery/linked/out/one',
  ],
  ...['/bloomery/linked/three', '/bloomery/storex', 'one', 'none', '../store/plain', '../store/out/one', '.', '/', '@'],
  ...['/bloomery/work/one', '/bloomery/work/more/', '/bloomery/work/more/none', '/proc/self/cwd/one', '/proc/self/cwd', '/proc/1/stat/x'],
  ...[
    '/usr/bin/env',
    '/usr/lib/../bin/env',
    '/usr/none',
    '/usr/../bloomery/work/one',
    '/lib/../bloomery/work/more',
    '/dev/null',
    '/dev/fd/900',
  ],
  `/bloomery/store/${'n'.repeat(300)}`,
  `/bloomery/store/${'d/'.repeat(2040)}x`,
];

/** The functions that inspect or open a path, each with its numbers. */
const inspections: Readonly<Record<string, readonly number[]>> = {
  // O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, and O_PATH with O_NOFOLLOW (of x86-64)
  open: [0, 0o2000000, 0o200000, 0o400000, 0o10000000, 0o10400000, 1, 2],
  ...{ open64: [0], openat: [0], openat64: [0], stat: [0], stat64: [0], lstat: [0], lstat64: [0] },
  ...{ __xstat: [0, 1, 7], __xstat64: [0], __lxstat: [0], __lxstat64: [0], fstatat: [0, 0x100, 0x1000], fstatat64: [0] },
  ...{ __fxstatat: [0, 0x100], __fxstatat64: [0], statx: [0, 0x100, 0x2000], access: [0, 1, 2, 4], readlink: [0, 5, 4000] },
  ...{ realpath: [0, 1], __realpath_chk: [0, 1], canonicalize_file_name: [0] },
};

const inspecting = Object.entries(inspections).flatMap(([name, numbers]) =>
  numbers.flatMap((number) => [...paths, '-'].map((path) => `${name} ${number} ${path}`)),
);

const o = '/bloomery/out';
const writing = [
  ...[
    `creat 0640 ${o}/a`,
    `creat64 0600 ${o}/b`,
    `open 0102 ${o}/c`,
    `open 0302 ${o}/c`,
    `open 01001 ${o}/none`,
    `openat 0101 ${o}/none/c`,
  ],
  ...[
    `open 020200002 ${o}`,
    `mkdir 0750 ${o}/d`,
    `mkdir 0750 ${o}/d`,
    `mkdir 0750 ${o}/e/f`,
    `mkdir 0750 ${o}/g/`,
    `mkdir 0755 /bloomery/store/new`,
  ],
  ...[
    `link 0 ${o}/a ${o}/d/a`,
    `link 0 ${o}/a ${o}/d/a`,
    `link 0 ${o}/none ${o}/d/none`,
    `linkat 0x400 ${o}/a ${o}/a2`,
    `linkat 0 ${o}/a ${o}/a3`,
  ],
  ...[
    `link 0 /bloomery/store/plain ${o}/p`,
    `link 0 /bloomery/work/one ${o}/w`,
    `link 0 ${o}/a /bloomery/work/new`,
    `rename 0 ${o}/b ${o}/d/b`,
  ],
  ...[
    `rename 0 ${o}/none ${o}/d/n`,
    `rename 0 ${o}/c /bloomery/work/c`,
    `rename 0 /bloomery/work/one ${o}/one`,
    `rename 0 ${o}/d ${o}/d2/`,
  ],
  // Links that are made during the run.
  ...[
    `symlink 0 /bloomery/work ${o}/l`,
    `open 0 ${o}/l/one`,
    `stat 0 ${o}/l/none`,
    `lstat 0 ${o}/l`,
    `readlink 900 ${o}/l`,
    `realpath 0 ${o}/l/one`,
  ],
  ...[
    `creat 0640 ${o}/l/new`,
    `mkdir 0700 ${o}/l/dir`,
    `unlink 0 ${o}/l/one`,
    `link 0 ${o}/l/one ${o}/m`,
    `link 0 ${o}/a ${o}/l/m`,
    `rename 0 ${o}/a ${o}/l/m`,
  ],
  ...[
    `symlink 0 /bloomery/work/one ${o}/f`,
    `open 0101 ${o}/f`,
    `open 0302 ${o}/f`,
    `open 02 ${o}/f`,
    `link 0 ${o}/f ${o}/f2`,
    `rename 0 ${o}/f ${o}/f3`,
  ],
  ...[
    `unlink 0 ${o}/f3`,
    `unlinkat 0 f2`,
    `unlinkat 0 none`,
    `unlinkat 0 d/a`,
    `unlinkat 0 ..`,
    `unlinkat 0 l/one`,
    `unlinkat 0 ${o}/d/b`,
    `unlinkat 0x200 d2`,
  ],
  ...[
    `rmdir 0 ${o}/d2`,
    `rmdir 0 ${o}/none`,
    `unlink 0 ${o}/d2`,
    `unlink 0 /usr/none`,
    `rmdir 0 /bloomery/work/more`,
    `unlink 0 /bloomery/store/plain`,
  ],
  ...[`unlink 0 -`, `link 0 - -`, `rename 0 - -`, `mkdir 0 -`, `creat 0 -`, `unlinkat 0 -`, `unlink 0 ${o}/l`, `rmdir 0 ${o}`],
];

/** The accesses outside of the folders above the ignored ones, through which the C library's realpath walks. */
function records({ trace }: Observed): unknown {
  const sorted = (list: readonly string[]): readonly string[] => list.filter((path) => path !== '/bloomery').sort();
  return [sorted(trace.read), sorted(trace.looked), sorted(trace.written), trace.complete];
}

test('the library is used, unless the host has a dynamic linker that would print an error for it', async () => {
  await withScratch(async ({ cache, context }) => {
    const tracer = await openTracer(cache, context, await bubblewrap());
    const other = ['/lib/ld-linux.so.2', '/lib/ld-linux-armhf.so.3', '/libx32/ld-linux-x32.so.2'].some((path) => existsSync(path));
    assert.is(tracer?.library, other ? undefined : await compileLibrary(cache, context.signal));
    assert.is((await openTracer(cache, context))?.library, undefined);
  });
});

test('every function returns, writes and leaves in the records what it does without the library', async () => {
  await withLab(async (lab) => {
    await lab.compile('caller', caller);
    for (const lines of [inspecting, writing]) {
      const [without, quiet] = [
        await lab.observe(['/bloomery/bin/caller'], false, `${lines.join('\n')}\n`),
        await lab.observe(['/bloomery/bin/caller'], true, `${lines.join('\n')}\n`),
      ];
      for (const { result } of [without, quiet]) assert.equal([result.exitCode, result.killedBy, result.stderr], [0, null, '']);
      const answers = quiet.result.stdout.split('\n');
      assert.equal(
        answers.filter((line, at) => line !== without.result.stdout.split('\n')[at]),
        [],
      );
      assert.equal(records(quiet), records(without));
      assert.is(without.result.stdout.trim().split('\n').length, lines.length);
    }
  });
});

test('no function needs a notification for a path in an ignored folder', async () => {
  await withLab(async (lab) => {
    await lab.compile('caller', caller);
    const here = ['/bloomery/store/plain', '/bloomery/store/none', '/usr/bin/env'];
    const lines = [
      ...Object.keys(inspections).flatMap((name) => here.map((path) => `${name} ${name === 'readlink' ? 99 : 0} ${path}`)),
      ...[`creat 0640 ${o}/a`, `mkdir 0700 ${o}/d`, `link 0 ${o}/a ${o}/b`, `linkat 0 ${o}/a ${o}/c`, `rename 0 ${o}/b ${o}/e`],
      ...[`unlink 0 ${o}/e`, `unlinkat 0x200 ${o}/d`, `unlinkat 0 c`, `unlinkat 0 ${o}/a`],
    ];
    // The tracer would record each notified call, because these folders are not ignored.
    const { trace, result } = await lab.observe(['/bloomery/bin/caller'], true, `${lines.join('\n')}\n`, []);
    assert.equal([result.exitCode, result.stderr], [0, '']);
    const notified = [...trace.read, ...trace.looked, ...trace.written].filter((path) => /^\/bloomery\/(?:store|out)/.test(path));
    assert.equal(notified, []);
    const without = await lab.observe(['/bloomery/bin/caller'], false, `${lines.join('\n')}\n`, []);
    assert.ok(without.trace.looked.includes('/bloomery/store/none') && without.trace.written.includes(`${o}/e`));
  });
});

test("code that jumps to the library's page gets no socket and no io_uring, and a program that it starts is recorded", async () => {
  await withLab(async (lab) => {
    const source = `#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
int main(void) {
  long (*call)(long, ...) = (long (*)(long, ...))0x6fff0000;
  struct sockaddr_un address = { AF_UNIX, "/bloomery/linked/three" };
  int pair[2], stream = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("%d", call(SYS_socket, AF_UNIX, SOCK_DGRAM, 0) == -EACCES);
  printf("%d", call(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == -EACCES);
  printf("%d", call(SYS_connect, stream, &address, sizeof address) == -EACCES);
  printf("%d", call(SYS_io_uring_setup, 1, 0) == -ENOSYS);
  printf("%d", call(SYS_execve, "/bloomery/work/one", 0, 0) == -EACCES);
  printf("%d", call(SYS_chdir, "/bloomery/work/more") == 0);
  return 0;
}
`;
    await lab.compile('jumps', source);
    const { trace, result } = await lab.observe(['/bloomery/bin/jumps'], true);
    assert.equal([result.stdout, result.exitCode], ['111111', 0]);
    assert.ok(trace.read.includes('/bloomery/work/one') && trace.looked.includes('/bloomery/work/more'));
  });
});

test('a static program and a program that clears its environment are recorded', async () => {
  await withLab(async (lab) => {
    const source = '#include <fcntl.h>\nint main(int count, char **words) { return open(words[1], O_RDONLY) < 0; }\n';
    await lab.compile('static', source, ['-static']);
    await lab.compile('dynamic', source);
    const script =
      'cd /bloomery/bin; ./static /bloomery/store/out/one; /usr/bin/env -i ./static /bloomery/work/one; /usr/bin/env -i ./dynamic /bloomery/work/none';
    const { trace } = await lab.observe(['/bin/sh', '-c', script], true);
    assert.equal([...trace.read].sort(), ['/bloomery/work/none', '/bloomery/work/one']);
  });
});

test('programs see no variable and print nothing more', async () => {
  await withLab(async (lab) => {
    const words = ['/bin/sh', '-c', 'env; cat /proc/self/environ; cat /bloomery/none; ls /proc/self/fd | wc -l'];
    const [without, quiet] = [await lab.observe(words, false), await lab.observe(words, true)];
    assert.equal([quiet.result.stdout, quiet.result.stderr], [without.result.stdout, without.result.stderr]);
  });
});

test('the library works in children, in threads, without descriptors, and not after a program restricts its calls', async () => {
  await withLab(async (lab) => {
    const source = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
static void *many(void *unused) {
  struct stat about;
  for (int at = 0; at < 2000; at++) {
    int file = open("/bloomery/store/plain", O_RDONLY);
    if (file < 0 || close(file) < 0 || stat("/bloomery/store/dir/x", &about) < 0 || access("/bloomery/store/none", F_OK) == 0) abort();
  }
  return unused;
}
int main(void) {
  pthread_t threads[8];
  for (int at = 0; at < 8; at++) pthread_create(threads + at, 0, many, 0);
  for (int at = 0; at < 8; at++) pthread_join(threads[at], 0);
  int status;
  pid_t child = vfork();
  if (child == 0) _exit(access("/bloomery/store/plain", R_OK));
  if (waitpid(child, &status, 0) < 0 || status) return 4;
  if (!(child = fork())) {
    many(0);
    _exit(0);
  }
  if (waitpid(child, &status, 0) < 0 || status) return 5;
  struct rlimit none = { 0, 0 };
  for (int file = 0; file < 100; file++) close(file);
  many(0);
  setrlimit(RLIMIT_NOFILE, &none);
  struct stat about;
  if (open("/bloomery/store/plain", O_RDONLY) >= 0 || errno != EMFILE || stat("/bloomery/store/plain", &about) < 0) return 6;
  if (access("/bloomery/store/plain", R_OK) < 0 || unlink("/bloomery/out/none") == 0 || errno != ENOENT) return 7;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 8;
  stat("/bloomery/store/dir", &about);
  return 0;
}
`;
    await lab.compile('many', source);
    const { trace, result } = await lab.observe(['/bloomery/bin/many'], true, '', ['/bloomery/out']);
    assert.is(result.exitCode, 0);
    assert.ok(trace.looked.includes('/bloomery/store/dir') && !trace.looked.includes('/bloomery/store/dir/x'));
  });
});

test.run();
