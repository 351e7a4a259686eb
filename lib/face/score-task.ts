// What tasks/score.ts does: judges every labelled text of a folder and prints how labels and verdicts go together.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { replay } from '../console/replay.ts';
import type { Verdict } from '../console/verdict.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import { plural } from '../core/sizes.ts';
import { consoleRules } from '../system/boot-target.ts';
import type { Flag } from './command-line.ts';
import type { Outcome, Task } from './task.ts';

export const scoreFlags = {
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

/** `either`: people disagree, and so may the verdict. */
type Label = 'pass' | 'fail' | 'incomplete' | 'either';

/** A text, and what a person says of it. */
interface Labelled {
  readonly file: string;
  readonly system: string;
  readonly label: Label;
  /** The kind of a failure; empty for none. */
  readonly kind: string;
}

const labels: readonly Label[] = ['pass', 'fail', 'incomplete', 'either'];

export async function score({ args, path, print, report, signal }: Task, root: string): Promise<Outcome> {
  const folder = args.words[0] === undefined ? join(root, 'fixtures/transcripts') : path(args.words[0]);
  const rows = await labelled(folder);
  const verdicts: Verdict[] = [];
  for (const [index, { file, system }] of rows.entries()) {
    signal.throwIfAborted();
    const rules = await consoleRules(root, system);
    verdicts.push((await replay(join(folder, file), rules, rules.limits)).verdict);
    report({ kind: 'progress', phase: 'judging', done: index + 1, total: rows.length });
  }
  const table = new Map<string, number>();
  const kinds = new Map<string, number>();
  const wrong: string[] = [];
  for (const [index, { file, label, kind }] of rows.entries()) {
    const verdict = verdicts[index];
    if (!verdict) continue;
    add(table, `${label} ${verdict.kind}`);
    if (label === 'fail') add(kinds, `${kind} ${said(verdict)}`);
    if (!fits(label, kind, verdict)) wrong.push(`${file}: ${label}${kind === '' ? '' : ` (${kind})`}, judged ${said(verdict)}`);
  }
  for (const line of confusion(table)) print(line);
  print('');
  for (const line of kindLines(kinds)) print(line);
  for (const line of wrong) print(`not as labelled  ${line}`);
  print(`${plural(rows.length, 'text')}, ${wrong.length} not as labelled`);
  return { json: { texts: rows.length, table: Object.fromEntries(table), kinds: Object.fromEntries(kinds), wrong } };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function said(verdict: Verdict): string {
  return verdict.kind === 'failed' ? verdict.failure : verdict.kind;
}

/** A text that only stops is rightly called stalled. */
function fits(label: Label, kind: string, verdict: Verdict): boolean {
  if (label === 'either') return true;
  if (label === 'pass') return verdict.kind === 'booted';
  if (label === 'incomplete') return verdict.kind === 'stalled' || verdict.kind === 'exited-early';
  if (verdict.kind === 'failed') return verdict.failure === kind;
  return (verdict.kind === 'stalled' && kind === 'hang') || (verdict.kind === 'exited-early' && kind === '');
}

const verdictKinds: readonly Verdict['kind'][] = ['booted', 'failed', 'stalled', 'exited-early'];

function confusion(table: ReadonlyMap<string, number>): readonly string[] {
  const line = (head: string, cells: readonly (string | number)[]): string =>
    head.padEnd(12) + cells.map((cell) => String(cell).padStart(14)).join('');
  return [
    line('', verdictKinds),
    ...labels.map((label) =>
      line(
        label,
        verdictKinds.map((kind) => table.get(`${label} ${kind}`) ?? 0),
      ),
    ),
  ];
}

/** Of the texts that fail: what they are, and what they were called. */
function kindLines(kinds: ReadonlyMap<string, number>): readonly string[] {
  return [...kinds].sort().map(([pair, count]) => {
    const blank = pair.indexOf(' ');
    const [kind, called] = [pair.slice(0, blank) || 'no kind', pair.slice(blank + 1)];
    return `  ${String(count).padStart(4)} x ${kind} -> ${called}`;
  });
}

/** The rows of index.tsv (path, system, label, kind, with a heading) or of index.toml ([[transcript]] with file, system, label, kind). */
async function labelled(folder: string): Promise<readonly Labelled[]> {
  const what = `score "${folder}"`;
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((error: unknown) => {
      throw cannotBecause(what, error, 'its index.tsv or index.toml says what each text is');
    });
  const tsv = await read('index.tsv').catch(() => undefined);
  const rows =
    tsv === undefined
      ? (parse(await read('index.toml'))['transcript'] as unknown as readonly Labelled[])
      : tsv
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split('\t'))
          .map(([file = '', system = '', label = '', kind = '']) => ({ file, system, label: label as Label, kind }));
  const odd = rows.find(({ label }) => !labels.includes(label));
  if (odd) throw cannot(what, `"${odd.file}" has the label "${odd.label}"`, { hint: `it must be ${labels.join(', ')}` });
  return rows;
}
