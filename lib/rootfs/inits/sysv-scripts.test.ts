// Runs the scripts for SysV init on this host, with a folder instead of /etc, /run and /dev. They start,
// watch and stop real programs.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findProgram, run } from '../../core/sh.ts';
import { scriptFiles } from './sysv-scripts.ts';

const path = '/usr/sbin:/usr/bin:/sbin:/bin';
const root = await mkdtemp(join(tmpdir(), 'sysv-'));
test.after(() => rm(root, { recursive: true }));

const places = { '/usr/lib/services': 'lib', '/etc/services': 'etc', '/run/services': 'run', '/dev/kmsg': 'console' };
for (const folder of ['lib', 'etc', 'run']) await mkdir(join(root, folder));
for (const [name, fact] of Object.entries(scriptFiles)) {
  let text = 'text' in fact ? fact.text : '';
  for (const [from, to] of Object.entries(places)) text = text.replaceAll(from, join(root, to));
  await writeFile(join(root, 'lib', basename(name)), text, { mode: 0o755 });
}

/** Writes a service's facts; `program` is a line of shell. */
async function service(name: string, program: string, facts: Readonly<Record<string, string>> = {}): Promise<void> {
  const all = {
    NEEDS: '',
    READY: 'started',
    READY_FILE: '',
    READY_WITHIN: '20',
    RESTART: 'never',
    LIMIT: '2',
    WITHIN: '60',
    DELAY: '0',
    ...facts,
  };
  const lines = Object.entries({ NAME: name, STOP_WITHIN: '5', LOG: join(root, `${name}.log`), ...all }).map(
    ([key, value]) => `${key}='${value}'`,
  );
  await writeFile(join(root, 'etc', name), `${lines.join('\n')}\nprogram() { ${program}; }\n`);
}

const control = async (...words: string[]): Promise<number | null> =>
  (await run([join(root, 'lib/control'), ...words], { cwd: root, env: { PATH: path }, timeoutMs: 60_000 })).exitCode;
const text = async (name: string): Promise<string> => (await readFile(join(root, name), 'utf8').catch(() => '')).trim();

/** start-stop-daemon is Debian's. */
const here = (await findProgram('start-stop-daemon', path)) === undefined ? test.skip : test;

here('a service is started, and stopped by SIGTERM to its whole group', async () => {
  await service('plain', 'echo begun; trap "echo ended; exit 0" TERM; while :; do sleep 0.1; done');
  assert.is(await control('plain', 'start'), 0);
  assert.match(await text('run/plain'), /^running \d+$/);
  assert.is(await control('plain', 'stop'), 0);
  assert.is(await text('run/plain'), 'stopped');
  assert.match(await text('plain.log'), /^begun\n(?:Terminated\n)?ended$/); // the shell may print a message about its sleep
});

here('a start waits until the file exists, and ignores an old one', async () => {
  const file = join(root, 'ready');
  await writeFile(file, '');
  await service('slow', `sleep 0.5; echo ready; : >${file}; exec sleep 100`, { READY: 'file', READY_FILE: file });
  assert.is(await control('slow', 'start'), 0);
  assert.is(await text('slow.log'), 'ready');
  assert.is(await control('slow', 'stop'), 0);
});

here('a crash is followed by restarts within the limit, and then reported', async () => {
  await service('crash', 'echo once; exit 3', { READY: 'exits', RESTART: 'on-failure' });
  await service('needy', 'exec sleep 100', { NEEDS: 'crash' });
  assert.is(await control('crash', 'start'), 1);
  assert.is(await text('crash.log'), 'once\nonce\nonce');
  assert.is(await control('needy', 'start'), 1);
  assert.match(await text('console'), 'service needy failed: it needs crash, which has failed');
  const failed = await run([join(root, 'lib/services'), 'failed'], { cwd: root, env: { PATH: path } });
  assert.is(failed.stdout, 'crash\nneedy\n');
});

here('one that does not stop is killed', async () => {
  await service('deaf', 'trap "" TERM; while :; do sleep 0.1; done', { STOP_WITHIN: '1' });
  assert.is(await control('deaf', 'start'), 0);
  assert.is(await control('deaf', 'stop'), 0);
  assert.is(await text('run/deaf'), 'stopped');
});

test.run();
