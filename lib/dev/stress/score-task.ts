// The work of tasks/score.ts: judges every labelled text of a folder and prints how labels and verdicts
// agree.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mutations } from './mutations.ts';
import { judgedText, replay } from '../../console/replay.ts';
import { hasTimes } from '../../console/transcript.ts';
import type { Verdict } from '../../console/verdict.ts';
import { digestBytes } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { parseTomlFields } from '../../core/fields.ts';
import { plural } from '../../core/sizes.ts';
import { consoleRules } from '../../boot/boot-target.ts';
import type { Flag } from '../../cli/command-line.ts';
import type { Task } from '../../cli/task.ts';
import type { Outcome } from '../../core/events.ts';

/** The number of parts into which texts are divided. One of them may be held back. */
const folds = 5;

export const scoreFlags = {
  fold: {
    type: 'string',
    value: 'K',
    help: `hold back the texts of part K of ${folds}, and print only their figures`,
  },
  mutate: { type: 'boolean', help: 'count the verdicts that change if a text has other line ends, colours or prefixes' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

/** `either`: people disagree about the text, and each verdict is accepted. */
type Label = 'pass' | 'fail' | 'incomplete' | 'either';

/** A text with its label. */
interface Labelled {
  readonly file: string;
  readonly system: string;
  readonly label: Label;
  /** The kind of a failure. Empty without a failure. */
  readonly kind: string;
}

interface Judged extends Labelled {
  readonly verdict: Verdict;
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
  const judged = rows.flatMap((row, index): Judged[] => {
    const verdict = verdicts[index];
    return verdict ? [{ ...row, verdict }] : [];
  });
  const fold = args.count('fold', 0);
  if (fold !== undefined && fold >= folds) throw cannot(`use --fold ${fold}`, `the parts are 0 to ${folds - 1}`, { blame: 'usage' });
  const isHeldBack = ({ file }: Judged): boolean => fold !== undefined && partOf(file) === fold;
  const open = judged.filter((row) => !isHeldBack(row));
  const table = new Map<string, number>();
  const kinds = new Map<string, number>();
  const wrong: string[] = [];
  for (const { file, label, kind, verdict } of open) {
    add(table, `${label} ${verdict.kind}`);
    if (label === 'fail') add(kinds, `${kind} ${said(verdict)}`);
    if (!fits(label, kind, verdict)) wrong.push(`${file}: ${label}${kind === '' ? '' : ` (${kind})`}, judged ${said(verdict)}`);
  }
  for (const line of confusion(table)) print(line);
  print('');
  for (const line of kindLines(kinds)) print(line);
  for (const line of wrong) print(`not as labelled  ${line}`);
  const families = [...new Set(open.map(familyOf))].sort();
  for (const family of families) print(figuresLine(family, figuresOf(open.filter((row) => familyOf(row) === family))));
  const all = figuresOf(open);
  print(figuresLine('all', all));
  const heldBack = fold === undefined ? undefined : figuresOf(judged.filter(isHeldBack));
  if (heldBack) print(figuresLine('held back', heldBack));
  if (args.has('mutate')) for (const line of await mutationLines(folder, root, open)) print(line);
  print(`${plural(open.length, 'text')}, ${wrong.length} not as labelled`);
  const more = { figures: { ...all }, ...(heldBack && { heldBack: { ...heldBack } }) };
  return { json: { texts: open.length, table: Object.fromEntries(table), kinds: Object.fromEntries(kinds), wrong, ...more } };
}

/**
 * Returns a line for each verdict that a mutation changes, and the count. Texts with the label `either` are
 * left out.
 */
async function mutationLines(folder: string, root: string, rows: readonly Judged[]): Promise<readonly string[]> {
  const changed: string[] = [];
  const clear = rows.filter(({ label }) => label !== 'either');
  for (const { file, system, verdict } of clear) {
    if (await hasTimes(join(folder, file))) continue; // the times belong to offsets in the original bytes
    const text = await readFile(join(folder, file), 'latin1');
    const rules = await consoleRules(root, system);
    for (const { name, change } of mutations) {
      const now = said(judgedText(Buffer.from(change(text), 'latin1'), rules).verdict);
      if (now !== said(verdict)) changed.push(`changed  ${file} with ${name}: ${said(verdict)} became ${now}`);
    }
  }
  return [...changed, `${clear.length} texts in ${mutations.length} ways, ${plural(changed.length, 'verdict')} changed`];
}

/** Returns the family of a text, which is the name of its folder. */
const familyOf = ({ file }: Judged): string => (file.includes('/') ? file.replace(/\/.*/, '') : 'texts');

/**
 * Returns the part to which a text belongs. It depends only on the path, so it is the same on every machine
 * and in every order.
 */
function partOf(file: string): number {
  return Number.parseInt(digestBytes(file).slice(0, 8), 16) % folds;
}

/** Counts of right and wrong verdicts, in texts. */
interface Figures {
  readonly fails: number;
  /** Failures that were found, and those of them whose kind was right. */
  readonly found: number;
  readonly rightKind: number;
  readonly wrongPass: number;
  /** Good boots that were judged as failed, and those that were not judged as booted. */
  readonly wrongFail: number;
  readonly passMissed: number;
}

function figuresOf(rows: readonly Judged[]): Figures {
  const of = (wanted: Label, fit: (row: Judged) => boolean): number => rows.filter((row) => row.label === wanted && fit(row)).length;
  const isFound = ({ verdict, kind }: Judged): boolean => verdict.kind === 'failed' || fits('fail', kind, verdict);
  return {
    fails: of('fail', () => true),
    found: of('fail', isFound),
    rightKind: of('fail', ({ kind, verdict }) => fits('fail', kind, verdict)),
    wrongPass: of('fail', ({ verdict }) => verdict.kind === 'booted'),
    wrongFail: of('pass', ({ verdict }) => verdict.kind === 'failed'),
    passMissed: of('pass', ({ verdict }) => verdict.kind !== 'booted'),
  };
}

function figuresLine(name: string, { fails, found, rightKind, wrongPass, wrongFail, passMissed }: Figures): string {
  const share = (count: number): string => (fails === 0 ? 'none' : `${((100 * count) / fails).toFixed(1)} %`);
  const failures = `of ${plural(fails, 'failure')} found ${share(found)}, right kind ${share(rightKind)}`;
  return `${name}: ${failures}; wrong pass ${wrongPass}, wrong fail ${wrongFail}, pass missed ${passMissed}`;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function said(verdict: Verdict): string {
  return verdict.kind === 'failed' ? verdict.failure : verdict.kind;
}

/** Whether the verdict matches the label. For a text that only stops, `stalled` is right. */
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

/** Returns the counts of each kind and verdict for texts that fail. */
function kindLines(kinds: ReadonlyMap<string, number>): readonly string[] {
  return [...kinds].sort().map(([pair, count]) => {
    const blank = pair.indexOf(' ');
    const [kind, called] = [pair.slice(0, blank) || 'no kind', pair.slice(blank + 1)];
    return `  ${String(count).padStart(4)} x ${kind} -> ${called}`;
  });
}

/**
 * Parses index.tsv (path, system, label, kind, with a heading) or index.toml ([[transcript]] with file,
 * system, label, kind).
 */
async function labelled(folder: string): Promise<readonly Labelled[]> {
  const what = `score "${folder}"`;
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), 'utf8').catch((error: unknown) => {
      throw cannotBecause(what, error, 'its index.tsv or index.toml must have a label for each text');
    });
  const tsv = await read('index.tsv').catch(() => undefined);
  const rows =
    tsv === undefined
      ? parseTomlFields(await read('index.toml'), join(folder, 'index.toml'))
          .tables('transcript')
          .map((row) => ({
            file: row.requiredText('file'),
            system: row.requiredText('system'),
            label: row.requiredText('label'),
            kind: row.requiredText('kind'),
          }))
      : tsv
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split('\t'))
          .map(([file = '', system = '', label = '', kind = '']) => ({ file, system, label, kind }));
  return rows.map(({ file, label: written, ...row }) => {
    const label = labels.find((known) => known === written);
    if (label === undefined) throw cannot(what, `"${file}" has the label "${written}"`, { hint: `it must be ${labels.join(', ')}` });
    return { ...row, file, label };
  });
}
