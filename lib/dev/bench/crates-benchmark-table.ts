// The results of the compilation benchmark as text: medians, and ratios exactly as measured.
import { itemOf } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import type { Case, Cost } from './crates-benchmark.ts';

/**
 * A row as it is printed and as --json has it. A ratio is the time of this project divided by the other one.
 * It is undefined if there is nothing to compare.
 */
export interface Row {
  readonly name: string;
  readonly cargoMs: number;
  readonly oursMs: number;
  readonly ratio: number;
  readonly cargoCpuMs: number;
  readonly oursCpuMs: number;
  readonly cpuRatio: number;
  readonly sccacheMs: number | undefined;
  readonly ownCpuMs: number;
  readonly peakBytes: number;
  readonly misses: number;
  readonly runs: number;
}

export function rowOf({ name, cargo, ours, sccache }: Case): Row {
  const [cargoMs, oursMs] = [medianOf(cargo, ({ wallMs }) => wallMs), medianOf(ours, ({ wallMs }) => wallMs)];
  const [cargoCpuMs, oursCpuMs] = [medianOf(cargo, ({ cpuMs }) => cpuMs), medianOf(ours, ({ cpuMs }) => cpuMs)];
  return {
    name,
    cargoMs,
    oursMs,
    ratio: oursMs / cargoMs,
    cargoCpuMs,
    oursCpuMs,
    cpuRatio: oursCpuMs / cargoCpuMs,
    sccacheMs: sccache.length > 0 ? medianOf(sccache, ({ wallMs }) => wallMs) : undefined,
    ownCpuMs: medianOf(ours, ({ ownCpuMs = 0 }) => ownCpuMs),
    peakBytes: Math.max(...ours.map(({ peakBytes = 0 }) => peakBytes)),
    misses: Math.max(...ours.map(({ misses = 0 }) => misses)),
    runs: ours.length,
  };
}

/** Returns the lines of a Markdown table, which is also readable on a terminal. */
export function tableOf(rows: readonly Row[]): readonly string[] {
  const withSccache = rows.some(({ sccacheMs }) => sccacheMs !== undefined);
  const head = [
    'case',
    'cargo s',
    'ours s',
    'ratio',
    'cargo CPU s',
    'ours CPU s',
    'ratio',
    ...(withSccache ? ['sccache s'] : []),
    'own CPU s',
    'peak',
    'built',
    'runs',
  ];
  const body = rows.map((row) => [
    row.name,
    seconds(row.cargoMs),
    seconds(row.oursMs),
    row.ratio.toFixed(3),
    seconds(row.cargoCpuMs),
    seconds(row.oursCpuMs),
    row.cpuRatio.toFixed(3),
    ...(withSccache ? [row.sccacheMs === undefined ? '' : seconds(row.sccacheMs)] : []),
    seconds(row.ownCpuMs),
    formatBytes(row.peakBytes),
    String(row.misses),
    String(row.runs),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((cells) => itemOf(cells, column).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(itemOf(widths, column)) : cell.padStart(itemOf(widths, column)))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...body.map(line)];
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function medianOf(costs: readonly Cost[], figure: (cost: Cost) => number): number {
  const sorted = costs.map(figure).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
