// A JUnit report is XML that an independent parser accepts. It has a case for each boot, and no text of a
// console breaks it or is lost.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../core/paths.ts';
import { findProgram, run } from '../core/sh.ts';
import { junitXml } from './junit.ts';
import type { JUnitCase } from './junit.ts';

const good: JUnitCase = {
  system: 'redox',
  subject: 'redox-default.img',
  judgement: { verdict: { kind: 'booted', line: 'redox login:', afterMs: 8136 }, milestones: [], findings: [], lastLines: [] },
  transcript: 'out/logs/redox.log',
  attempts: 2,
};
const bad: JUnitCase = {
  ...good,
  subject: 'a"b<c>&.img',
  attempts: 1,
  judgement: {
    verdict: { kind: 'failed', failure: 'kernel-panic', line: '<PANIC> "x" & \u0007', stage: 'kernel', afterMs: 500 },
    milestones: [],
    findings: [{ kind: 'warning', line: 'a \ud800 b ]]>', count: 3 }],
    lastLines: ['up', '\u0000\u001b]0;x\ufffe'],
  },
};

test('every boot is a case, a failure has its kind, sentence and last lines, and counts and times add up', () => {
  const text = junitXml([good, bad]);
  assert.match(text, '<testsuite name="boot" tests="2" failures="1" errors="0" skipped="0" time="8.636">');
  assert.match(text, '<testcase classname="boot.redox" name="redox-default.img" time="8.136">');
  assert.match(text, '<failure type="kernel-panic" message="a&quot;b&lt;c&gt;&amp;.img failed to boot after 0.5 s in stage kernel');
  assert.match(text, 'flaky: booted at attempt 2');
  assert.is(text.match(/<failure /g)?.length, 1);
});

test('the report is well-formed XML, whatever a console prints', async () => {
  const python = await findProgram('python3', pathOf(process.env));
  if (!python) return; // an independent parser
  const argv = [python, '-c', 'import sys, xml.dom.minidom as d; print(len(d.parse(sys.stdin.buffer).getElementsByTagName("testcase")))'];
  const { exitCode, stdout, stderr } = await run(argv, { cwd: '/', env: {}, stdin: junitXml([good, bad]) });
  assert.equal([exitCode, stdout.trim()], [0, '2'], stderr);
});

test.run();
