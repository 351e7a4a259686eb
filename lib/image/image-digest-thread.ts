// The thread of image-digest.ts. It hashes a file from its start up to the final part, and answers with the
// digest.
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { finished, sha256 } from '../core/digest.ts';
import { MiB } from '../core/sizes.ts';
import type { DigestOrder, FinalRange } from './image-digest.ts';

const { path, sizeBytes }: DigestOrder = workerData;
const hash = sha256();
const buffer = Buffer.alloc(MiB);
const zeros = Buffer.alloc(MiB);
const fd = openSync(path, 'r');
let done = 0;

parentPort?.on('message', ({ zerosFromBytes, endBytes }: FinalRange) => {
  if (done === sizeBytes) return; // the end was reported twice
  while (done < zerosFromBytes) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, zerosFromBytes - done), done);
    if (count === 0) throw new Error(`"${path}" became shorter while its digest was taken`);
    take(buffer.subarray(0, count));
  }
  while (done < endBytes) take(zeros.subarray(0, Math.min(zeros.length, endBytes - done)));
  if (done < sizeBytes) return;
  closeSync(fd);
  parentPort?.postMessage(finished(hash));
  parentPort?.close();
});

function take(bytes: Uint8Array): void {
  hash.update(bytes);
  done += bytes.length;
}
