// The steps of test-boot.ts: boots one or several systems, or judges a recording, and reports each verdict in
// every requested form.
import { access, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import pLimit from 'p-limit';
import { compareFindings } from '../../console/findings.ts';
import type { FindingsChange } from '../../console/findings.ts';
import { replay } from '../../console/replay.ts';
import { isFinding, verdictSentence } from '../../console/verdict.ts';
import type { Finding } from '../../console/verdict.ts';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause, exitCodes } from '../../core/errors.ts';
import { bootTarget, namedSystem } from '../../boot/boot-target.ts';
import { bootTest } from '../../boot/boot-test.ts';
import type { CheckResult } from '../../boot/guest-check.ts';
import { loadPage, loadSystem } from '../../system/load.ts';
import type { System } from '../../system/system.ts';
import { bootLimits, dialogueSteps, orderedMachine } from '../flags/boot-flags.ts';
import type { BootChoice } from '../flags/boot-flags.ts';
import { sourceFlags, checkoutFlags } from '../flags/source-flags.ts';
import {
  attachLines,
  bootOutcome,
  bootTable,
  changeLines,
  checksLine,
  evidenceLines,
  githubLines,
  milestoneLine,
  reportLines,
} from '../../report/boot-report.ts';
import type { Reported } from '../../report/boot-report.ts';
import { junitXml } from '../../report/junit.ts';
import type { JUnitCase } from '../../report/junit.ts';
import { systemWord } from '../../system/find-page.ts';
import { optionalPart } from '../optional-parts.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

/** The exports of lib/cli/tasks/kernel-test-task.ts. */
interface KernelTests {
  testKernel(task: Task, root: string): Promise<Outcome>;
}

/** Loads the module that runs the tests of a kernel. */
export async function kernelTests(root: string): Promise<KernelTests> {
  return await optionalPart<KernelTests>(root, 'kernel-tests', 'run the tests of a kernel', ['testKernel']);
}

/**
 * Boots the systems on the command line, or judges the recording of --replay. Prints each verdict as soon as
 * it is known.
 */
export async function bootCases(task: Task, root: string): Promise<readonly JUnitCase[]> {
  refuseBuildFlags(task.args);
  const recording = task.args.text('replay');
  return recording === undefined ? await bootAll(task, root) : [await replayed(task, root, recording)];
}

/**
 * Writes the JUnit report. Prints the table of several boots, annotations for GitHub, and how the findings
 * differ from earlier ones. Returns exit code 0 if every case booted.
 */
export async function reportCases(
  { args, path, print, report, host }: Task,
  cases: readonly JUnitCase[],
  before: readonly Finding[] | undefined,
): Promise<Outcome> {
  const junit = args.text('junit');
  if (junit !== undefined) {
    await writeFile(path(junit), junitXml(cases)).catch((error: unknown) => {
      throw cannotBecause(`write the report "${junit}"`, error, 'choose another file with --junit FILE');
    });
  }
  if (cases.length > 1) for (const line of bootTable(cases)) print(line);
  if (host.env['GITHUB_ACTIONS'] === 'true') for (const line of githubLines(cases)) print(line);
  const outcomes = cases.map((one) => outcomeOf(one, before, print));
  const failed = outcomes.find(({ exitCode }) => exitCode !== exitCodes.done);
  const flaky = cases.filter(({ attempts, judgement }) => attempts > 1 && judgement.verdict.kind === 'booted');
  for (const { subject, attempts } of flaky) report({ kind: 'note', text: `${subject} is flaky: it booted at attempt ${attempts}` });
  const json = outcomes.length === 1 ? (outcomes[0]?.json ?? null) : { boots: outcomes.map((outcome) => outcome.json ?? null) };
  return { exitCode: failed?.exitCode ?? exitCodes.done, json };
}

/** Refuses flags of builds. A boot test uses an existing image, and only tests of a kernel are built here. */
function refuseBuildFlags(args: Task['args']): void {
  const flag = Object.keys({ ...sourceFlags, ...checkoutFlags }).find(
    (name) => args.has(name) || args.text(name) !== undefined || args.list(name).length > 0,
  );
  if (flag === undefined) return;
  throw cannot('read the command line', `--${flag} is for --ktest`, { blame: 'usage', hint: 'tasks/build.ts has it for the image' });
}

async function replayed(task: Task, root: string, recording: string): Promise<JUnitCase> {
  const { args, path, print } = task;
  const file = path(recording);
  const word = namedSystem(args.words[0], args.text('system'));
  const { name: system, console: rules } = await loadPage(root, systemWord(word, task));
  const reported = {
    system,
    subject: basename(file),
    judgement: await replay(file, rules, bootLimits(args, rules.limits), task.signal),
    transcript: file,
  };
  for (const line of reportLines(reported)) print(line);
  return { ...reported, attempts: 1 };
}

/**
 * Boots the systems on the command line. One system is booted with its console shown, and several are booted
 * concurrently.
 */
async function bootAll(task: Task, root: string): Promise<readonly JUnitCase[]> {
  const { args } = task;
  if (args.has('matrix')) return await bootMatrix(task, root);
  const words = args.words.length === 0 ? [undefined] : args.words;
  if (words.length > 1) {
    const given = (flag: string): boolean => (flag === 'keep' ? args.has(flag) : (args.text(flag) ?? args.list(flag)[0]) !== undefined);
    const one = ['image', 'system', 'log', 'keep', 'expect', 'send', 'disk'].find(given);
    if (one) throw cannot('read the command line', `--${one} is for one system`, { blame: 'usage', hint: 'name one system' });
  }
  const limit = pLimit(availableParallelism());
  return await Promise.all(words.map((word) => limit(() => bootWithRetries(task, root, word, words.length > 1))));
}

/** Boots each profile with each kernel, two at a time. The name of a case has both. */
async function bootMatrix(task: Task, root: string): Promise<readonly JUnitCase[]> {
  const { args } = task;
  const other = ['image', 'profile', 'kernel', 'log', 'keep', 'disk'].find((flag) =>
    flag === 'keep' ? args.has(flag) : args.text(flag) !== undefined,
  );
  if (other) throw cannot('read the command line', `--${other} is for one boot, and --matrix is for all`, { blame: 'usage' });
  const word = namedSystem(args.words[0], args.text('system'));
  const system = await loadSystem(root, systemWord(word, task));
  const choices = matrixOf(system);
  const built = await Promise.all(
    choices.map(async (choice) => ((await isBuilt(root, systemWord(word, task), choice)) ? choice : undefined)),
  );
  const found = built.filter((choice) => choice !== undefined);
  const missing = [...new Set(choices.filter((choice) => !found.includes(choice)).map(({ profile }) => profile ?? ''))];
  if (found.length > 0 && missing.length > 0) task.print(`Left out, because they are not built: ${missing.join(', ')}`);
  const limit = pLimit(availableParallelism());
  return await Promise.all(
    (found.length > 0 ? found : choices).map((choice) => limit(() => bootWithRetries(task, root, word, true, choice))),
  );
}

/**
 * Returns each profile with its own kernel, and with those other kernels of the page that can start it. A
 * closure of Nix is booted with the command line of its build.
 */
export function matrixOf({ profiles, reference }: Pick<System, 'profiles' | 'reference'>): readonly BootChoice[] {
  const others = Object.keys(reference?.kernels ?? {});
  return Object.entries(profiles).flatMap(([profile, { base, kernel, referenceWords }]) => {
    if (base !== undefined) return [];
    const started = kernel !== undefined || referenceWords !== undefined;
    return [undefined, ...(started ? others : [])].map((one) => ({ profile, kernel: one }));
  });
}

async function isBuilt(root: string, system: string, { profile }: BootChoice): Promise<boolean> {
  const { image } = await bootTarget({ root, system, profile, image: undefined });
  return await access(image).then(
    () => true,
    () => false,
  );
}

async function bootWithRetries(task: Task, root: string, word: string | undefined, many: boolean, choice?: BootChoice): Promise<JUnitCase> {
  const most = (task.args.count('retry', 0) ?? 0) + 1;
  for (let attempts = 1; ; attempts++) {
    const reported = await bootOnce(task, root, word, many, choice);
    if (reported.judgement.verdict.kind === 'booted' || attempts === most) return { ...reported, attempts };
    task.report({ kind: 'note', text: `attempt ${attempts} of ${most}: ${verdictSentence(reported.subject, reported.judgement.verdict)}` });
  }
}

/** Boots once. `choice` selects the profile and kernel instead of the command line. */
export async function bootOnce(task: Task, root: string, word: string | undefined, many: boolean, choice?: BootChoice): Promise<Reported> {
  const { args, path, print } = task;
  const {
    target: { system, image, log },
    order,
  } = await orderedMachine(task, root, word, 'qemu', choice);
  const reported = {
    system: system.name,
    subject: choice
      ? `${choice.profile}, ${choice.kernel ?? 'its own kernel'}`
      : basename(order.image ?? order.machine.kernel?.image ?? image),
    transcript: path(args.text('log') ?? log),
  };
  const symbols = args.text('symbols');
  if (symbols !== undefined) {
    await access(path(symbols)).catch((error: unknown) => {
      throw cannotBecause(`read "${symbols}"`, error, '--symbols wants the ELF file of the kernel');
    });
  }
  if (system.referenceSession && !system.session && !args.has('no-checks')) {
    const kernels = Object.keys(system.reference?.kernels ?? {}).join(', ');
    task.report({ kind: 'note', text: `the checks of this profile are for other kernels: --kernel ${kernels}` });
  }
  let checks: readonly CheckResult[] | undefined;
  // With several systems, a line of a console could not be assigned to one of them.
  const report: Task['report'] = (event) => (many && event.kind === 'console' ? undefined : task.report(event));
  const judgement = await bootTest(
    {
      ...order,
      ...(args.count('reboots', 0) ? { machine: { ...order.machine, resets: true as const } } : {}),
      rules: system.console,
      limits: bootLimits(args, system.console.limits),
      steps: dialogueSteps(args),
      log: reported.transcript,
      keep: args.has('keep'),
      ask: !args.has('no-ask'),
      session: args.has('no-checks') || dialogueSteps(args).length > 0 ? undefined : system.session,
      onChecks: (results) => {
        checks = results;
      },
      onMilestone: (milestone) =>
        report({ kind: 'note', text: `${many ? `${choice ? reported.subject : system.name}: ` : ''}${milestoneLine(milestone)}` }),
      symbols: symbols === undefined ? undefined : path(symbols),
      onVerdict: (judgement, machine, evidence) => {
        for (const line of [...evidenceLines(evidence), ...reportLines({ ...reported, judgement })]) print(line);
        if (args.has('keep')) for (const line of attachLines(machine)) print(line);
      },
    },
    { signal: task.signal, report },
  );
  if (checks) print(checksLine(checks));
  return { ...reported, judgement, ...(checks && { checks }) };
}

function outcomeOf(one: JUnitCase, before: readonly Finding[] | undefined, print: Task['print']): { exitCode: number; json: Json } {
  const { exitCode = exitCodes.done, json } = bootOutcome(one);
  const change: FindingsChange | undefined = before && compareFindings(before, one.judgement.findings);
  if (change) for (const line of changeLines(change)) print(line);
  const more = {
    ...(one.attempts > 1 ? { attempts: one.attempts, flaky: exitCode === exitCodes.done } : {}),
    ...(change ? { findingsChange: { new: change.fresh.length, gone: change.gone.length, counts: change.counts.length } } : {}),
  };
  return { exitCode, json: { ...(json as { readonly [key: string]: Json }), ...more } };
}

/** Returns the findings of an earlier run. The file is the output of --json, or its last line alone. */
export async function earlierFindings({ args, path }: Task): Promise<readonly Finding[] | undefined> {
  const file = args.text('findings');
  if (file === undefined) return undefined;
  const what = `compare findings with "${file}"`;
  const text = await readFile(path(file), 'utf8').catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  const findings = findingsIn(text.trim().split('\n').at(-1) ?? '');
  if (findings) return findings;
  throw cannot(what, 'it is not what --json prints', { blame: 'usage', hint: 'npx zx test-boot.ts <system> --json >OLD.json' });
}

/** Returns the findings in a line of --json. Undefined if the line is something else. */
function findingsIn(line: string): readonly Finding[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('findings' in value) || !Array.isArray(value.findings)) return undefined;
  const findings: readonly unknown[] = value.findings;
  return findings.every(isFinding) ? findings : undefined;
}
