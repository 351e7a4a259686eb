// The screen of the bundled Redox, for real: the boot test answers the bootloader's menu, the kernel draws
// its test picture on the frame buffer of the firmware, and the screen dump of QEMU has every pixel of it.
// tasks/run.ts and tasks/vm.ts are used as a user would.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstDifference, readPpm, testPicture } from '../dev/testing/test-picture.ts';
import { system } from '../../systems/redox.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run, start } from '../core/sh.ts';
import { bootTest } from './boot-test.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'redox-screen-'));
const image = join(dir, 'redox-default.img');
test.after(() => rm(dir, { recursive: true, force: true }));

test.before(async () => {
  const built = await run([process.execPath, join(project, 'tasks/build.ts'), 'redox', '--out', dir], { cwd: project, env });
  assert.is(built.exitCode, 0, built.stderr);
});

function assertTestPicture(bytes: Uint8Array): void {
  const seen = readPpm(bytes);
  assert.ok(seen.width >= 640 && seen.height >= 480, `${seen.width}x${seen.height}`);
  assert.is(firstDifference(seen, testPicture(seen.width, seen.height)), undefined);
}

test('with a screen, the menu of the bootloader is answered, and the screen shows the picture of the kernel pixel by pixel', async () => {
  const log = join(dir, 'screen.log');
  const file = join(dir, 'screen.ppm');
  let picture: Promise<void> | undefined;
  const { verdict } = await bootTest(
    {
      machine: { ...system.machine, display: { kind: 'hidden' } },
      image,
      accelerator: 'tcg',
      cacheDir: join(dir, 'cache'),
      env: { PATH: pathOf(env) },
      rules: system.console,
      limits: { timeoutMs: 300_000, silenceMs: 120_000, graceMs: 500 },
      steps: [],
      log,
      keep: true,
      onVerdict: (_judgement, machine) => {
        picture = Promise.resolve(machine.control?.screenshot(file, 'ppm')).finally(() => machine.stop());
      },
    },
    context,
  );
  await picture;
  const text = await readFile(log, 'utf8');
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.match(text, /Arrow keys and enter select mode/);
  const [, width, height] = /^Framebuffer (\d+)x(\d+) stride \d+ at [0-9A-F]+\r?$/m.exec(text) ?? [];
  const bytes = await readFile(file);
  assertTestPicture(bytes);
  assert.equal([width, height], [readPpm(bytes).width, readPpm(bytes).height].map(String));
});

/** Waits until the recording has a text. */
async function recorded(file: string, wanted: string, ended: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 300_000;
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (outputOf(text).includes(wanted)) return;
    if (ended() || performance.now() > giveUpMs) throw new Error(`waited in vain for "${wanted}" in ${text.slice(-2000)}`);
    await sleep(100);
  }
}

/** What a player of the recording shows. The last line may still be cut. */
function outputOf(cast: string): string {
  const lines = cast.split('\n').slice(1, -1);
  return lines.map((line): [number, string, string] => JSON.parse(line)).reduce((text, [, , part]) => text + part, '');
}

test('run.ts answers the menu and records the console; vm.ts writes pictures of the screen', async () => {
  const cast = join(dir, 'boot.cast');
  const machine = { ...env, TMPDIR: dir };
  const words = ['--system', 'redox', '--image', image, '--vmm', 'qemu', '--accel', 'tcg', '--display', '--cast', cast];
  const child = start([process.execPath, join(project, 'tasks/run.ts'), ...words], { cwd: dir, env: machine });
  let ended = false;
  void child.ended.then(() => (ended = true));
  try {
    await recorded(cast, 'redox login: ', () => ended);
    const vm = (file: string) => run([process.execPath, join(project, 'tasks/vm.ts'), 'screenshot', file], { cwd: dir, env: machine });
    assert.is((await vm('run.ppm')).exitCode, 0);
    assertTestPicture(await readFile(join(dir, 'run.ppm')));
    assert.is((await vm('run.png')).exitCode, 0);
    assert.equal([...(await readFile(join(dir, 'run.png'))).subarray(1, 4)], [...Buffer.from('PNG')]);
    const wrong = await vm('run.jpg');
    assert.is(wrong.exitCode, 2);
    assert.match(wrong.stderr, 'Cannot write a picture to "run.jpg": the name must end in .png or .ppm');
    const nowhere = await vm('none/run.png');
    assert.is(nowhere.exitCode, 1, nowhere.stderr);
    assert.match(nowhere.stderr, /Cannot .*(?:No such file|does not exist)/);
  } finally {
    child.stop();
  }
  const { stdout } = await child.ended;
  assert.is(outputOf(await readFile(cast, 'utf8')), stdout);
  assert.equal(
    (await readdir(dir)).filter((name) => name.endsWith('.partial') || name.startsWith('bloomery-machine-')),
    [],
  );
});

test.run();
