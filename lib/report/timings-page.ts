// The timeline of a build as one HTML page without scripts or external resources: when each unit ran, how
// many ran at once, how busy the processors were, and a table. The function takes data and returns text.
import { formatMs, plural } from '../core/sizes.ts';
import { concurrency, slowest } from './timings.ts';
import type { TimedUnit, Timings } from './timings.ts';

const chart = { width: 1000, left: 230, row: 18, load: 120, foot: 22 } as const;
const tableRows = 500;

/** Returns a whole page. `title` names what was built. `note` describes the host. */
export function timingsPage(timings: Timings, title: string, note: string): string {
  const { built, hits, totalMs, savedMs, repaired } = timings;
  const facts: readonly (readonly [string, string])[] = [
    ['Wall time', formatMs(totalMs)],
    ['Built', plural(built.length, 'unit')],
    ['Hits', plural(hits, 'unit')],
    ['Saved by the cache', formatMs(savedMs)],
    ['Running at once', `${averageRunning(timings).toFixed(2)} on average`],
    ...(repaired > 0 ? [['Repaired', plural(repaired, 'entry', 'entries')] as const] : []),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(note)}</p>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>
${built.length > 0 ? `${loadChart(timings)}\n${unitChart(timings)}\n${table(timings)}` : '<p>Nothing was built: every unit was a hit.</p>'}
</body>
</html>
`;
}

/** Returns unit-seconds per second. */
function averageRunning({ built, totalMs }: Timings): number {
  return built.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / Math.max(1, totalMs);
}

const style = `
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: ${chart.width + chart.left}px; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }
dl { display: flex; flex-wrap: wrap; gap: 0 2.5em }
dt { color: #666; font-size: .85em } dd { margin: 0; font-size: 1.15em }
svg { display: block; width: 100%; height: auto } svg text { font: 11px system-ui, sans-serif; fill: #333 }
.grid { stroke: #ddd } .bar { fill: #4c78a8 } .bar.tail { fill: #9ecae9 } .bar.script { fill: #e49444 }
.running { fill: none; stroke: #4c78a8; stroke-width: 1.5 } .cpu { fill: #eeca3b; fill-opacity: .35; stroke: #c9a400 }
.key { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -.1em }
table { border-collapse: collapse; width: 100% } .number { text-align: right }
th, td { text-align: left; padding: .15em .8em .15em 0; border-bottom: 1px solid #eee }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #1b1b1b } svg text { fill: #ccc } .grid { stroke: #333 } th, td { border-color: #333 } dt { color: #999 }
}
`;

/** Running units as a line (its axis is on the left), busy processors as an area (0 to 100 %). */
function loadChart({ built, cpu, totalMs }: Timings): string {
  const steps = concurrency(built);
  const most = Math.max(1, ...steps.map(({ running }) => running));
  const x = scale(totalMs);
  const y = (share: number): string => (chart.load - share * (chart.load - 10)).toFixed(1);
  let line = `M${chart.left},${y(0)}`;
  for (const { atMs, running } of steps) line += `H${x(atMs)}V${y(running / most)}`;
  const area = cpu.map(({ atMs, busy }) => `L${x(atMs)},${y(busy)}`).join('');
  const end = cpu.at(-1);
  return `<h2>Load</h2>
<p><span class="key" style="background:#4c78a8"></span>units running (at most ${most})<span class="key" style="background:#eeca3b"></span>processors of the
whole machine busy (top: 100 %)</p>
<svg viewBox="0 0 ${chart.width + chart.left} ${chart.load + chart.foot}">
${grid(totalMs, chart.load)}
${end ? `<path class="cpu" d="M${chart.left},${y(0)}${area}L${x(end.atMs)},${y(0)}Z"/>` : ''}
<path class="running" d="${line}"/>
<text x="${chart.left - 8}" y="14" text-anchor="end">${most}</text><text x="${chart.left - 8}" y="${chart.load}" text-anchor="end">0</text>
</svg>`;
}

/** One row for each unit, in the order in which they began. */
function unitChart({ built, totalMs }: Timings): string {
  const x = scale(totalMs);
  const height = built.length * chart.row;
  const rows = built.map((unit, index) => {
    const y = index * chart.row;
    const kind = / \((?:run )?build script\)$/.test(unit.unit) ? 'bar script' : 'bar';
    const bar = (fromMs: number, toMs: number, name: string): string =>
      `<rect class="${name}" x="${x(fromMs)}" y="${y + 2}" width="${Math.max(1, Number(x(toMs)) - Number(x(fromMs))).toFixed(1)}" height="${chart.row - 4}"/>`;
    const { startMs, endMs, metadataMs } = unit;
    const bars = metadataMs === undefined ? bar(startMs, endMs, kind) : bar(startMs, metadataMs, kind) + bar(metadataMs, endMs, 'bar tail');
    const label = `<text x="${chart.left - 8}" y="${y + 13}" text-anchor="end">${escaped(shortened(unit.unit))}</text>`;
    return `<g><title>${escaped(tip(unit))}</title>${label}${bars}</g>`;
  });
  return `<h2>Units</h2>
<p><span class="key" style="background:#4c78a8"></span>compiling<span class="key" style="background:#9ecae9"></span>compiling on, users may
start<span class="key" style="background:#e49444"></span>build scripts</p>
<svg viewBox="0 0 ${chart.width + chart.left} ${height + chart.foot}">
${grid(totalMs, height)}
${rows.join('\n')}
</svg>`;
}

function table(timings: Timings): string {
  const rows = slowest(timings, tableRows).map(({ unit, startMs, endMs, metadataMs }, index) => {
    const metadata = metadataMs === undefined ? '' : formatMs(metadataMs - startMs);
    const figures = [formatMs(endMs - startMs), metadata, formatMs(startMs)].map((text) => `<td class="number">${text}</td>`);
    return `<tr><td class="number">${index + 1}</td><td>${escaped(unit)}</td>${figures.join('')}</tr>`;
  });
  const head = ['Duration', 'Until metadata', 'Began at'].map((text) => `<th class="number">${text}</th>`).join('');
  return `<h2>By duration</h2>
<table><thead><tr><th class="number">#</th><th>Unit</th>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>`;
}

/** At most ten vertical lines with their times, at round steps. */
function grid(totalMs: number, height: number): string {
  const steps = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
  const stepMs = steps.find((step) => totalMs / step <= 10) ?? 3_600_000;
  const x = scale(totalMs);
  const marks: string[] = [];
  for (let atMs = 0; atMs <= totalMs; atMs += stepMs) {
    marks.push(`<line class="grid" x1="${x(atMs)}" x2="${x(atMs)}" y1="0" y2="${height}"/>`);
    marks.push(`<text x="${x(atMs)}" y="${height + 15}" text-anchor="middle">${formatMs(atMs)}</text>`);
  }
  return marks.join('');
}

function scale(totalMs: number): (atMs: number) => string {
  const room = chart.width - 20;
  return (atMs) => (chart.left + (room * atMs) / Math.max(1, totalMs)).toFixed(1);
}

function tip({ unit, startMs, endMs, metadataMs }: TimedUnit): string {
  const metadata = metadataMs === undefined ? '' : `, its metadata after ${formatMs(metadataMs - startMs)}`;
  return `${unit}: ${formatMs(endMs - startMs)} from ${formatMs(startMs)}${metadata}`;
}

const labelLetters = 36;

function shortened(text: string): string {
  return text.length > labelLetters ? `${text.slice(0, labelLetters - 1)}…` : text;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
