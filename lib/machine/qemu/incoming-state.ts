// Brings a QEMU that was started with -incoming to the state of a snapshot, and lets it run.
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannot, cannotBecause, errnoOf, Failure } from '../../core/errors.ts';
import type { Child } from '../../core/sh.ts';
import { snapshotState } from './control.ts';
import type { QemuControl } from './control.ts';

const lookAgainMs = 20;

/** A snapshot is of a machine that is paused. */
export async function goOn(folder: string, socketPath: string, child: Child, control: QemuControl): Promise<void> {
  const what = 'go on from the snapshot';
  await access(join(folder, snapshotState)).catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  try {
    await sendState(join(folder, snapshotState), socketPath, child);
    while ((await control.info()).state === 'inmigrate') await sleep(lookAgainMs);
    await control.resume();
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    child.stop();
    const detail = (await child.ended).stderr.trim();
    throw cannot(what, 'QEMU does not take its state', { detail, hint: 'only a QEMU like the one that wrote it can', cause });
  }
}

/**
 * QEMU listens for a snapshot's state when its devices are there, and closes the connection when it needs no
 * more of it, or ends.
 */
async function sendState(file: string, socketPath: string, child: Child): Promise<void> {
  let ended = false;
  void child.ended.then(() => (ended = true));
  const socket = createConnection({ path: socketPath, allowHalfOpen: true }); // else QEMU's end would cut ours short
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  if (open) {
    socket.on('error', () => undefined);
    await pipeline(createReadStream(file), socket).catch((error: unknown) => {
      if (!['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '')) throw error; // what it made of the bytes, its status tells
    });
    socket.destroy();
    return;
  }
  await sleep(lookAgainMs);
  if (ended) throw cannot('go on from the snapshot', 'QEMU ended');
  await sendState(file, socketPath, child);
}
