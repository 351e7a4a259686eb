// The report of a judgement for users, at the end of a boot test. It does not use the machine.
import { judgementJson, verdictSentence } from '../console/verdict.ts';
import type { FindingsChange } from '../console/findings.ts';
import type { Judgement, SeenMilestone } from '../console/verdict.ts';
import { exitCodes } from '../core/errors.ts';
import { formatMs, plural } from '../core/sizes.ts';
import type { Evidence } from '../boot/evidence.ts';
import type { CheckResult } from '../boot/guest-check.ts';
import type { Outcome } from '../core/events.ts';

/** The subject of the report. */
export interface Reported {
  readonly system: string;
  /** The name of the image, such as "redox-default.img". */
  readonly subject: string;
  readonly judgement: Judgement;
  readonly transcript: string;
  /** Results of checks in the guest. */
  readonly checks?: readonly CheckResult[];
}

/**
 * Returns the lines of a report. The verdict is at the end, followed only by the path of the transcript, so
 * that it is visible at the bottom of the terminal.
 */
export function reportLines({ subject, judgement, transcript }: Reported): readonly string[] {
  const { verdict, findings, lastLines, suspects = [] } = judgement;
  const good = verdict.kind === 'booted';
  const tail = good ? [] : [`The last ${plural(lastLines.length, 'line')} of the console:`, ...lastLines.map((line) => `  | ${line}`)];
  const found = findings.length === 0 ? [] : [`Findings that did not decide: ${plural(findings.length, 'kind')}`];
  const suspicious = suspects.length === 0 ? [] : ['Lines that may say why:', ...suspects.map((line) => `  ? ${line}`)];
  return [
    ...tail,
    ...suspicious,
    ...found,
    ...findings.map(({ kind, line, count }) => `  ${count} x ${kind}: ${line}`),
    `${good ? 'PASS' : 'FAIL'} ${verdictSentence(subject, verdict)}`,
    `Transcript: ${transcript}`,
  ];
}

/** Returns lines with the diagnostics of a failed machine. */
export function evidenceLines({ screenshot, registersFile, processors, addresses }: Evidence): readonly string[] {
  return [
    ...(addresses.length === 0 ? [] : ['Addresses of the console by name:', ...addresses.map((line) => `  ${line}`)]),
    ...processors,
    ...(registersFile === undefined ? [] : [`Registers: ${registersFile}`]),
    ...(screenshot === undefined ? [] : [`Screen: ${screenshot}`]),
  ];
}

/** Returns a line about the checks in the guest. Failed checks are named. */
export function checksLine(checks: readonly CheckResult[]): string {
  const failed = checks.filter(({ passed }) => !passed);
  const names = failed.map(({ name, seen }) => `\n  ${name}: ${seen ?? ''}`).join('');
  return `${failed.length === 0 ? 'PASS' : 'FAIL'} in the guest: ${checks.length - failed.length} of ${plural(checks.length, 'check')} passed${names}`;
}

export function milestoneLine({ name, atMs }: SeenMilestone): string {
  return `-- milestone "${name}"${atMs === undefined ? '' : ` after ${formatMs(atMs)}`}`;
}

/** Returns lines that explain how to reach a machine that was left running. */
export function attachLines({ pid, attachPath }: { readonly pid: number; readonly attachPath: string }): readonly string[] {
  return [
    `The machine keeps running as process ${pid} until ^C here. To talk to its console from another terminal:`,
    `  socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:${attachPath}     (Ctrl-] leaves)`,
  ];
}

/** Returns a line for each of several boots. */
export function bootTable(boots: readonly (Reported & { readonly attempts: number })[]): readonly string[] {
  const width = Math.max(...boots.map(({ subject }) => subject.length));
  return boots.map(({ subject, judgement: { verdict }, attempts }) => {
    const kind = verdict.kind === 'failed' ? `failed (${verdict.failure})` : verdict.kind;
    const after = verdict.afterMs === undefined ? '' : ` ${formatMs(verdict.afterMs)}`;
    return `${verdict.kind === 'booted' ? 'PASS' : 'FAIL'} ${subject.padEnd(width)} ${kind}${after}${attempts > 1 ? `, attempt ${attempts}` : ''}`;
  });
}

/** Returns the differences between the findings and those of an earlier run. */
export function changeLines({ fresh, gone, counts }: FindingsChange): readonly string[] {
  if (fresh.length + gone.length + counts.length === 0) return ['Findings are as in the earlier run'];
  return [
    ...fresh.map(({ kind, line, count }) => `new      ${count} x ${kind}: ${line}`),
    ...gone.map(({ kind, line, count }) => `gone     ${count} x ${kind}: ${line}`),
    ...counts.map(({ finding: { kind, line, count }, before }) => `changed  ${before} -> ${count} x ${kind}: ${line}`),
  ];
}

/** Returns workflow commands, which GitHub shows next to a change. In their data %, CR and LF are escaped. */
export function githubLines(boots: readonly Reported[]): readonly string[] {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return boots.flatMap(({ subject, system, judgement: { verdict, lastLines } }) => {
    if (verdict.kind === 'booted') return [];
    const words = [verdictSentence(subject, verdict), ...lastLines.slice(-10)].join('\n');
    return [`::error title=boot of ${data(system)}::${data(words)}`];
  });
}

/** Returns the exit code and the object for --json. */
export function bootOutcome({ system, judgement, transcript, checks }: Reported): Outcome {
  const good = judgement.verdict.kind === 'booted' && (checks ?? []).every(({ passed }) => passed);
  const told = checks && checks.map(({ name, passed, seen }) => ({ name, passed, ...(seen === undefined ? {} : { seen }) }));
  return {
    exitCode: good ? exitCodes.done : exitCodes.failed,
    json: { system, ...judgementJson(judgement), ...(told && { checks: told }), transcript },
  };
}
