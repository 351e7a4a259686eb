// Converts boots to a JUnit report: a test suite with a test case for each, in the format that CI systems
// read (the schema of Jenkins' xunit plugin). Pure.
import { verdictSentence } from '../console/verdict.ts';
import type { Reported } from './boot-report.ts';

export interface JUnitCase extends Reported {
  /** 1, or more if the boot was repeated. */
  readonly attempts: number;
}

/** Returns the text of a report file. */
export function junitXml(cases: readonly JUnitCase[]): string {
  const bad = cases.filter(({ judgement }) => judgement.verdict.kind !== 'booted').length;
  const seconds = cases.reduce((sum, one) => sum + secondsOf(one), 0).toFixed(3);
  const counts = `tests="${cases.length}" failures="${bad}" errors="0" skipped="0" time="${seconds}"`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="boot" ${counts}>`,
    ...cases.flatMap(caseLines),
    '  </testsuite>',
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

/** One test of a suite. */
export interface SuiteTest {
  readonly path: string;
  readonly result: string;
  readonly output: readonly string[];
  readonly ms: number;
}

/**
 * Returns the text of a report file about the tests of one suite. A test passed, was ignored, or its result
 * contains the failure.
 */
export function testSuiteXml(name: string, tests: readonly SuiteTest[]): string {
  return testSuitesXml([{ name, tests }]);
}

/** Does the same for several suites. `ms`: the duration of a suite if that is not the sum of its tests. */
export function testSuitesXml(
  suites: readonly { readonly name: string; readonly tests: readonly SuiteTest[]; readonly ms?: number }[],
): string {
  const counts = (tests: readonly SuiteTest[], ms: number): string => {
    const count = (is: (result: string) => boolean): number => tests.filter(({ result }) => is(result)).length;
    const bad = count((result) => result !== 'passed' && result !== 'ignored');
    return `tests="${tests.length}" failures="${bad}" errors="0" skipped="${count((result) => result === 'ignored')}" time="${seconds(ms)}"`;
  };
  const timed = suites.map((suite) => ({ ...suite, ms: suite.ms ?? suite.tests.reduce((sum, { ms }) => sum + ms, 0) }));
  const total = timed.reduce((sum, { ms }) => sum + ms, 0);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts(
      suites.flatMap(({ tests }) => tests),
      total,
    )}>`,
    ...timed.flatMap(({ name, tests, ms }) => [
      `  <testsuite name="${escaped(name)}" ${counts(tests, ms)}>`,
      ...testLines(tests),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function testLines(tests: readonly SuiteTest[]): readonly string[] {
  return tests.flatMap(({ path, result, output, ms }) => {
    const at = path.lastIndexOf('::');
    const [group, own] = at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 2)];
    const open = `    <testcase classname="${escaped(group)}" name="${escaped(own)}" time="${seconds(ms)}">`;
    const text = output.map(escaped).join('\n');
    const inner =
      result === 'passed'
        ? `      <system-out>${text}</system-out>`
        : result === 'ignored'
          ? '      <skipped/>'
          : `      <failure type="${escaped(result)}" message="${escaped(output[0] ?? result)}">${text}</failure>`;
    return [open, inner, '    </testcase>'];
  });
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function caseLines(one: JUnitCase): readonly string[] {
  const { system, subject, judgement, transcript, attempts } = one;
  const { verdict, lastLines, findings } = judgement;
  const open = `    <testcase classname="boot.${escaped(system)}" name="${escaped(subject)}" time="${secondsOf(one).toFixed(3)}">`;
  const kind = verdict.kind === 'failed' ? verdict.failure : verdict.kind;
  const failure =
    verdict.kind === 'booted'
      ? []
      : [
          `      <failure type="${kind}" message="${escaped(verdictSentence(subject, verdict))}">`,
          ...lastLines.map((line) => escaped(line)),
          '      </failure>',
        ];
  const notes = [
    `transcript ${transcript}`,
    ...(attempts > 1 ? [`flaky: booted at attempt ${attempts}`] : []),
    ...findings.map(({ kind: what, line, count }) => `${count} x ${what}: ${line}`),
  ];
  return [open, ...failure, `      <system-out>${escaped(notes.join('\n'))}</system-out>`, '    </testcase>'];
}

function secondsOf({ judgement: { verdict } }: Reported): number {
  return (verdict.afterMs ?? 0) / 1000;
}

/** XML 1.0 excludes most control characters and lone surrogates. */
function escaped(text: string): string {
  const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .toWellFormed()
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
    .replaceAll(/[&<>"]/g, (mark) => marks[mark] ?? mark);
}
