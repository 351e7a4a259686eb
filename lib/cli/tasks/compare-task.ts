// The work of tasks/compare.ts: boots the same image with two kernels, prints both verdicts, and finds the
// first difference in the output of their programs.
import { readFile } from 'node:fs/promises';
import { firstDifference, programOutput } from '../../console/lines/program-output.ts';
import { cannot, exitCodes } from '../../core/errors.ts';
import { loadSystem } from '../../system/load.ts';
import { defaultProfile } from '../../system/system.ts';
import type { System } from '../../system/system.ts';
import { machineFlags, verdictFlags } from '../flags/boot-flags.ts';
import { bootOnce } from './boot-task.ts';
import type { Flag } from '../command-line.ts';
import { systemWord } from '../../system/find-page.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

const { profile, accel, cpus, memory, cache } = machineFlags;
const { timeout, silence, grace, 'no-ask': noAsk, expect, send } = verdictFlags;

export const compareFlags = {
  kernels: {
    type: 'string',
    value: 'A,B',
    help: 'two kernels: names on the page, or the name of the system for its own kernel (default: the first other one and its own)',
  },
  ...{ profile, accel, cpus, memory, cache, timeout, silence, grace, 'no-ask': noAsk, expect, send },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

export async function compare(task: Task, root: string): Promise<Outcome> {
  const { args, print } = task;
  const [verb, word = ''] = args.words;
  if (verb !== 'boot') throw cannot(`compare "${verb}"`, 'the only verb is boot', { blame: 'usage' });
  const system = await loadSystem(root, systemWord(word, task));
  const { name } = system;
  const { output } = system.reference ?? {};
  if (!output) throw cannot(`compare kernels of ${name}`, 'its page has no other kernels', { blame: 'usage' });
  const kernels = chosenKernels(system, args.text('kernels'));
  const boots = [];
  const chosen = args.text('profile') ?? defaultProfile(system);
  for (const kernel of kernels) {
    const choice = { profile: chosen, kernel: kernel === name ? undefined : kernel };
    const reported = await bootOnce(quiet(task), root, word, true, choice);
    const lines = programOutput(await readFile(reported.transcript), output);
    boots.push({ kernel, verdict: reported.judgement.verdict, transcript: reported.transcript, lines });
  }
  const [left, right] = boots;
  const difference = firstDifference(left?.lines ?? [], right?.lines ?? []);
  for (const { kernel, lines } of boots) for (const line of lines) print(`${kernel}: ${line}`);
  if (difference) {
    print(`the first difference is in line ${difference.line}:`);
    print(`  ${left?.kernel}: ${difference.left ?? '(it has ended)'}`);
    print(`  ${right?.kernel}: ${difference.right ?? '(it has ended)'}`);
  } else print('the output is the same');
  const booted = boots.every(({ verdict }) => verdict.kind === 'booted');
  const json = {
    system: name,
    boots: boots.map(({ kernel, verdict, transcript, lines }) => ({ kernel, verdict: verdict.kind, transcript, output: [...lines] })),
    difference: difference ? { line: difference.line, left: difference.left ?? null, right: difference.right ?? null } : null,
  };
  return { exitCode: booted ? exitCodes.done : exitCodes.failed, json };
}

function chosenKernels({ name, reference }: System, text: string | undefined): readonly string[] {
  const others = Object.keys(reference?.kernels ?? {});
  const chosen = text?.split(',') ?? [...others.slice(0, 1), name];
  const unknown = chosen.find((kernel) => kernel !== name && !others.includes(kernel));
  if (unknown !== undefined) {
    throw cannot(`use the kernel "${unknown}"`, `the kernels of ${name} are ${[name, ...others].join(', ')}`, { blame: 'usage' });
  }
  if (chosen.length !== 2) throw cannot(`use --kernels "${text}"`, 'it must be two names with a comma between', { blame: 'usage' });
  return chosen;
}

/** The consoles of two boots are not shown. The result is printed at the end. */
function quiet(task: Task): Task {
  return { ...task, report: (event) => (event.kind === 'console' ? undefined : task.report(event)) };
}
