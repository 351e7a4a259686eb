// What this process and its children have cost so far, as the kernel counts it.
import { readFile } from 'node:fs/promises';
import { KiB } from '../core/sizes.ts';

export interface ProcessCost {
  /** Of children that have ended, theirs included: compilers, linkers, scripts. In steps of 10 ms. */
  readonly childCpuSeconds: number;
  /** Of this process alone, from its start. */
  readonly ownCpuSeconds: number;
  /** The most memory that this process alone had resident. */
  readonly peakBytes: number;
}

export async function processCost(): Promise<ProcessCost> {
  const { user, system } = process.cpuUsage();
  // proc(5): cutime and cstime in hundredths of a second; the name in parentheses may have spaces.
  const text = await readFile('/proc/self/stat', 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const childCpuSeconds = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / 100;
  return { childCpuSeconds, ownCpuSeconds: (user + system) / 1e6, peakBytes: process.resourceUsage().maxRSS * KiB };
}
