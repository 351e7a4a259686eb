// Runs the tracer on real programs and checks what it records, and that it does not disturb the command.
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bubblewrap } from '../../dev/testing/sandboxes.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { bubblewrapArgv } from './sandbox.ts';
import { openTracer, parseTrace, runTraced, tracedArgv } from './tracer.ts';
import type { Trace, Tracer } from './tracer.ts';

const everyday = ['/usr', '/lib', '/lib64', '/bin', '/etc/ld.so.cache', '/etc/ld.so.preload', '/proc', '/dev'];

async function tracerOf({ cache, context }: Scratch): Promise<Tracer> {
  const tracer = await openTracer(cache, context);
  if (!tracer) throw new Error('these tests need a C compiler and a kernel with user notification (Linux 5.5 or later)');
  return tracer;
}

async function traced(
  scratch: Scratch,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult & { trace: Trace }> {
  const { program } = await tracerOf(scratch);
  return runTraced(tracedArgv(program, argv, everyday), scratch.cache.tmpDir, { cwd: scratch.folder, env });
}

test('files that are read, folders that are listed, and paths that are inspected or written are recorded as the command spelled them', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('a/one.txt', '1');
    const script = 'cat a/../a/one.txt a/none; ls a; test -e other; echo 2 >two; cd a; cat one.txt; exec ./gone';
    const { trace, exitCode } = await traced(scratch, ['/bin/sh', '-c', script]);
    const at = (name: string): string => join(scratch.folder, name);
    assert.is(exitCode, 127);
    assert.ok(trace.complete);
    for (const path of [`${scratch.folder}/a/../a/one.txt`, at('a/none'), at('a'), at('a/one.txt'), at('a/./gone')]) {
      assert.ok(
        [...trace.read, ...trace.looked].some((seen) => seen === path || join(seen) === path),
        path,
      );
    }
    assert.ok(trace.looked.includes(at('other')));
    assert.equal(trace.written, [at('two')]);
  });
});

test('a static program, and one whose parent clears its environment, is recorded too', async () => {
  await withScratch(async (scratch) => {
    const source = '#include <fcntl.h>\nint main(void) { return open("static.txt", O_RDONLY) < 0 ? 3 : 0; }\n';
    await scratch.write('reads.c', source);
    const made = await run(['cc', '-static', '-o', 'reads', 'reads.c'], { cwd: scratch.folder, env: {} });
    assert.is(made.exitCode, 0, made.stderr);
    const { trace, exitCode } = await traced(scratch, ['/usr/bin/env', '-i', './reads']);
    assert.is(exitCode, 3);
    assert.ok(trace.read.includes(join(scratch.folder, 'static.txt')));
  });
});

test('files that are read through a link in an ignored or linked folder, through /proc, or after changing to a folder are recorded', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['data/one', 'data/two', 'near']) await scratch.write(name, name);
    for (const folder of ['ignored', 'linked']) {
      await mkdir(join(scratch.folder, folder));
      await symlink(join(scratch.folder, 'data'), join(scratch.folder, folder, 'link'));
    }
    const { program } = await tracerOf(scratch);
    const at = (name: string): string => join(scratch.folder, name);
    const script = 'cat ignored/link/one linked/link/two /proc/self/cwd/near ignored/link/none; rm ignored/link; cd gone; cd data';
    const argv = tracedArgv(program, ['/bin/sh', '-c', script], [...everyday, at('ignored')], [at('linked')]);
    const { trace } = await runTraced(argv, scratch.cache.tmpDir, { cwd: scratch.folder, env: {} });
    assert.equal(trace.read.slice(0, 5), [at('data/one'), at('linked/link/two'), at('data/two'), at('near'), at('data/none')]);
    for (const name of ['gone', 'data']) assert.ok(trace.looked.includes(at(name)), name);
    assert.equal(trace.written, []);
  });
});

test('a path that leaves an ignored folder by ".." is recorded, and one that stays in it is not', async () => {
  await withScratch(async (scratch) => {
    for (const name of ['ignored/..x/in', 'ignored/plain', 'out', 'far']) await scratch.write(name, name);
    await symlink(join(scratch.folder, 'ignored'), join(scratch.folder, 'ignored/self'));
    const { program } = await tracerOf(scratch);
    const at = (name: string): string => join(scratch.folder, name);
    const inside = 'ignored/..x/in ignored/..x/../plain ignored/self/plain ignored/none ignored/self/none';
    const host = `/usr/..${at('far')} /usr/lib/../none`;
    const script = `cat ${inside} ${host} ignored/../out ignored/self/../out ignored/..x/../../none; ls ignored/..x/../..; : >ignored/new; : >ignored/../new`;
    const argv = tracedArgv(program, ['/bin/sh', '-c', script], [...everyday, at('ignored')]);
    const { trace } = await runTraced(argv, scratch.cache.tmpDir, { cwd: scratch.folder, env: {} });
    assert.equal(trace.read, [at('far'), at('out'), at('none'), scratch.folder]);
    assert.equal(trace.written, [at('new')]);
  });
});

test('io_uring is not implemented, and calls of another architecture make the trace incomplete', async () => {
  await withScratch(async (scratch) => {
    const foreign = '#ifdef __x86_64__\n  long id; __asm__ volatile("int $0x80" : "=a"(id) : "a"(20));\n#endif\n';
    const source = `#include <errno.h>\n#include <sys/syscall.h>\n#include <unistd.h>\nint main(int count, char **words) {
  if (count > 1) {\n${foreign}  return 0;\n  }\n  return syscall(SYS_io_uring_setup, 1, 0) < 0 && errno == ENOSYS ? 0 : 1;\n}\n`;
    await scratch.write('calls.c', source);
    const made = await run(['cc', '-o', 'calls', 'calls.c'], { cwd: scratch.folder, env: {} });
    assert.is(made.exitCode, 0, made.stderr);
    const ring = await traced(scratch, ['./calls']);
    assert.equal([ring.exitCode, ring.trace.complete], [0, true]);
    const other = await traced(scratch, ['./calls', 'foreign']);
    assert.ok(
      other.killedBy !== null || other.trace.complete === (process.arch !== 'x64'),
      'a kernel without such calls kills the process',
    );
  });
});

test('standard output, exit codes and signals are those of the command', async () => {
  await withScratch(async (scratch) => {
    const said = await traced(scratch, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 7'], { A: 'b' });
    assert.equal([said.stdout, said.stderr, said.exitCode], ['out\n', 'err\n', 7]);
    const killed = await traced(scratch, ['/bin/sh', '-c', 'kill -9 $$']);
    assert.equal([killed.exitCode, killed.killedBy], [null, 'SIGKILL']);
  });
});

test('in the sandbox the tracer sees the same paths as the command, and the command cannot write the log', async () => {
  await withScratch(async (scratch) => {
    const { program } = await tracerOf(scratch);
    const sandbox = await bubblewrap();
    await scratch.write('work/source', 'text');
    const view = {
      readOnly: { '/bloomery/tracer': program, '/bloomery/work': join(scratch.folder, 'work') },
      writable: {},
    };
    const script = 'cat source; (echo rforged >/proc/1/fd/3) 2>/dev/null && echo reached; exit 0';
    const argv = bubblewrapArgv(sandbox, tracedArgv('/bloomery/tracer', ['/bin/sh', '-c', script], everyday), '/bloomery/work', view);
    const { trace, stdout } = await runTraced(argv, scratch.cache.tmpDir, { cwd: '/', env: {} });
    assert.is(stdout, 'text');
    assert.equal(trace.read, ['/bloomery/work/source']);
  });
});

test("a sealed command cannot connect to a server of the host by a socket in the user's folders, and can connect to its own servers", async () => {
  await withScratch(async (scratch) => {
    const { program } = await tracerOf(scratch);
    const sandbox = await bubblewrap();
    await mkdir(join(scratch.folder, 'work'));
    const server = createServer((socket) => socket.end('host'));
    await new Promise<void>((done) => server.listen(join(scratch.folder, 'work/db.sock'), done));
    try {
      const perl = `use IO::Socket; use IO::Socket::UNIX; $| = 1;
        for my $path ('db.sock', '/bloomery/work/db.sock') {
          print(IO::Socket::UNIX->new(Peer => $path) ? "host\n" : "$!\n");
        }
        my $own = IO::Socket::UNIX->new(Local => '/tmp/own', Listen => 1) or die;
        print(IO::Socket::UNIX->new(Peer => '/tmp/own') ? "own\n" : "$!\n");
        print(IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => '/tmp/gram') ? "datagrams\n" : "$!\n");`;
      const view = { readOnly: { '/bloomery/tracer': program, '/bloomery/work': join(scratch.folder, 'work') }, writable: {} };
      const words = tracedArgv('/bloomery/tracer', ['/usr/bin/perl', '-e', perl], ['sealed', ...everyday, '/tmp']);
      const argv = bubblewrapArgv(sandbox, words, '/bloomery/work', view);
      const { stdout, stderr } = await runTraced(argv, scratch.cache.tmpDir, { cwd: '/', env: {} });
      const refused = 'Permission denied\n';
      assert.equal([stdout, stderr], [`${refused}${refused}own\n${refused}`, '']);
    } finally {
      server.close();
    }
  });
});

test('a command that waits starts when it is released, and not before; at the end of the pipe nothing starts', async () => {
  await withScratch(async (scratch) => {
    const { program } = await tracerOf(scratch);
    const argv = tracedArgv(program, ['/bin/sh', '-c', 'echo ran >started'], ['ends', 'waits', ...everyday]);
    const options = { cwd: scratch.folder, env: {}, timeoutMs: 300 };
    const never = new Promise<void>(() => {});
    const waiting = await runTraced(argv, scratch.cache.tmpDir, { ...options, released: never });
    assert.equal([waiting.timedOut, await readdir(scratch.folder)], [true, []]);
    const released = await runTraced(argv, scratch.cache.tmpDir, { ...options, timeoutMs: 60_000, released: Promise.resolve() });
    assert.equal([released.exitCode, await readdir(scratch.folder)], [0, ['started']]);
    const closed = await run(
      ['/bin/sh', '-c', '"$@" 3>log 4</dev/null', 'sh', program, '3', 'ends', 'waits', '--', '/bin/touch', 'no'],
      options,
    );
    assert.equal([closed.exitCode, (await readdir(scratch.folder)).includes('no')], [125, false]);
  });
});

test('no access is lost when many processes and threads run concurrently', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'files'));
    const names = Array.from({ length: 400 }, (_, index) => `f${index}`);
    for (const name of names) await writeFile(join(scratch.folder, 'files', name), name);
    const { trace, exitCode } = await traced(scratch, [
      '/bin/sh',
      '-c',
      'ls files | xargs -P 16 -n 5 sh -c \'cd files; cat "$@" >/dev/null\' sh',
    ]);
    assert.is(exitCode, 0);
    const read = new Set(trace.read);
    assert.equal(
      names.filter((name) => !read.has(join(scratch.folder, 'files', name))),
      [],
    );
    assert.equal((await readdir(scratch.folder)).sort(), ['files']);
  });
});

test('a log that ends in the middle of a record, or records that a path is missing, is not complete', () => {
  assert.equal(parseTrace(Buffer.from('r/a\0l/b\0w/c\0')), { read: ['/a'], looked: ['/b'], written: ['/c'], complete: true });
  assert.is(parseTrace(Buffer.from('r/a\0u\0')).complete, false);
  assert.is(parseTrace(Buffer.from('r/a\0l/b')).complete, false);
});

test.run();
