// Measures how long it takes to assemble an image of 512 MiB with 300 MiB of content, including its SHA-256.
// It is compared with `cp` of the same content, alternately and on the same disk. The goal is relative
// because disks differ: at most twice the time of cp, plus a second.
import { Buffer } from 'node:buffer';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { itemOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { outputOf } from '../../core/sh.ts';
import { KiB, MiB } from '../../core/sizes.ts';
import { file, fileTree, symlink } from '../../image/file-tree.ts';
import type { Entry, FileTree } from '../../image/file-tree.ts';
import { assemble } from '../../image/image.ts';
import type { ImageHost } from '../../image/image-tools.ts';

export interface ImageBenchmark {
  readonly contentBytes: number;
  readonly imageBytes: number;
  readonly files: number;
  /** The time of each repetition in milliseconds, in order. */
  readonly cpMs: readonly number[];
  readonly assembleMs: readonly number[];
  readonly medianCpMs: number;
  readonly medianAssembleMs: number;
  /** The time of assembling divided by the time of cp. */
  readonly ratio: number;
  /** Twice the time of cp plus 1 s. */
  readonly goalMs: number;
  /** The figure of this whole process, since its start. */
  readonly peakRssBytes: number;
}

const espType = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const linuxType = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';

export interface ImageWorkload {
  readonly imageBytes: number;
  readonly espBytes: number;
  readonly files: readonly { readonly folder: string; readonly count: number; readonly sizeBytes: number }[];
}

/**
 * The workload of the goal: 300 MiB of content, most of it in a few large files, and the rest in many small
 * ones.
 */
export const imageWorkload: ImageWorkload = {
  imageBytes: 512 * MiB,
  espBytes: 200 * MiB,
  files: [
    { folder: 'large', count: 2, sizeBytes: 100 * MiB },
    { folder: 'medium', count: 50, sizeBytes: 1 * MiB },
    { folder: 'small', count: 784, sizeBytes: 64 * KiB },
    { folder: 'tiny', count: 64, sizeBytes: 16 * KiB },
  ],
};

/** Runs the benchmark in its own folder in `scratchDir`, which is removed afterwards. */
export async function benchmarkImage(
  workload: ImageWorkload,
  repetitions: number,
  scratchDir: string,
  host: ImageHost,
  context: Context,
): Promise<ImageBenchmark> {
  const dir = await mkdtemp(join(scratchDir, 'bloomery-bench-'));
  const command = async (...argv: string[]): Promise<void> => {
    await outputOf('run the benchmark', argv, { cwd: dir, env: { PATH: host.path }, signal: context.signal });
  };
  try {
    const tree = writeContent(workload.files, join(dir, 'content'));
    const cpMs: number[] = [];
    const assembleMs: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      await command('sync');
      cpMs.push(await measured(() => command('cp', '-r', '--reflink=never', 'content', 'copy')));
      await command('rm', '-r', 'copy');
      await command('sync');
      assembleMs.push(
        await measured(async () => {
          await assemble(layoutOf(workload, tree), join(dir, 'image'), host, context);
        }),
      );
      await rm(join(dir, 'image'));
      context.report({ kind: 'progress', phase: 'measuring', done: i + 1, total: repetitions });
    }
    const [medianCpMs, medianAssembleMs] = [median(cpMs), median(assembleMs)];
    return {
      contentBytes: workload.files.reduce((sum, { count, sizeBytes }) => sum + count * sizeBytes, 0),
      imageBytes: workload.imageBytes,
      files: workload.files.reduce((sum, { count }) => sum + count, 0),
      cpMs,
      assembleMs,
      medianCpMs,
      medianAssembleMs,
      ratio: medianAssembleMs / medianCpMs,
      goalMs: 2 * medianCpMs + 1000,
      peakRssBytes: process.resourceUsage().maxRSS * KiB,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Returns pseudo-random bytes, which have no holes and cannot be compressed. They are the same in every run. */
function writeContent(files: ImageWorkload['files'], dir: string): FileTree {
  const entries: [string, Entry][] = [['bin', symlink('usr/bin')]];
  const chunk = new BigUint64Array(MiB / 8);
  let state = 0x9e3779b97f4a7c15n;
  for (let i = 0; i < chunk.length; i++) chunk[i] = state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  const bytes = Buffer.from(chunk.buffer);
  for (const { folder, count, sizeBytes } of files) {
    mkdirSync(join(dir, folder), { recursive: true });
    for (let number = 0; number < count; number++) {
      const path = join(dir, folder, `file-${number}`);
      const fd = openSync(path, 'w');
      for (let at = 0; at < sizeBytes; at += MiB) {
        bytes.writeUInt32LE(entries.length, 0);
        writeSync(fd, bytes, 0, Math.min(MiB, sizeBytes - at), at);
      }
      closeSync(fd);
      entries.push([`usr/${folder}/file-${number}`, file({ kind: 'host', path, sizeBytes })]);
    }
  }
  return fileTree(entries);
}

function layoutOf({ imageBytes, espBytes }: ImageWorkload, tree: FileTree): Parameters<typeof assemble>[0] {
  const esp = fileTree([['EFI/BOOT/BOOTX64.EFI', file(Buffer.alloc(200 * KiB, 'e'))]]);
  return {
    sizeBytes: imageBytes,
    timestampSec: 0,
    partitions: [
      { name: 'EFI', typeGuid: espType, startLba: 2048, sizeBytes: espBytes, contents: { kind: 'fat', label: 'EFI', tree: esp } },
      { name: 'root', typeGuid: linuxType, startLba: 'next', sizeBytes: 'rest', contents: { kind: 'redoxfs', tree } },
    ],
  };
}

async function measured(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? itemOf(sorted, middle) : (itemOf(sorted, middle - 1) + itemOf(sorted, middle)) / 2;
}
