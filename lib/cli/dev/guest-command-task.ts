// The work of tasks/run.ts with words after "--": boots, runs one command in the guest, prints its output and
// exits with its status.
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { bootTest } from '../../boot/boot-test.ts';
import { checkTypeable, guestShellOf, runInGuest, shellLine } from '../../boot/guest-command.ts';
import type { ShellFacts } from '../../boot/guest-command.ts';
import type { CommandResult } from '../../console/shell.ts';
import type { GuestShell, Limits } from '../../console/rules.ts';
import type { Judgement } from '../../console/verdict.ts';
import { cannot, exitCodes } from '../../core/errors.ts';
import { evidenceLines, reportLines } from '../../report/boot-report.ts';
import type { Outcome } from '../../core/events.ts';
import { bootLimits, orderedMachine } from '../flags/boot-flags.ts';
import { hasOptionalPart, optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';

/** Time for which the console is read after the prompt. A later crash is noticed by the command. */
const graceMs = 200;

/** Runs the words after "--" as one command of the guest's shell. A machine that does not boot is exit 1, with its verdict. */
export async function runGuestCommand(task: Task, root: string): Promise<Outcome> {
  const { args, path, report, signal, write } = task;
  refuseOtherRuns(args);
  const command = shellLine(args.after ?? []);
  if (command === '') throw cannot('read the command line', 'there is no command after --', { blame: 'usage', hint: '-- ls /bin' });
  checkTypeable(command);
  const startMs = performance.now();
  const { target, order } = await orderedMachine(task, root, args.words[0], 'auto');
  const { system, log } = target;
  const shell = chosenShell(args, system);
  await buildMissing(task, order.image);
  const subject = basename(order.image ?? order.machine.kernel?.image ?? target.image);
  const transcript = path(args.text('log') ?? log);
  const limits = quickLimits(bootLimits(args, system.console.limits));
  let result: CommandResult | undefined;
  const onLine = (line: string): void => void (args.has('json') ? undefined : write(Buffer.from(`${line}\n`)));
  const judgement = await bootTest(
    {
      ...order,
      ...{ rules: system.console, limits, steps: [], log: transcript },
      onVerdict: (judgement, _machine, evidence) => {
        if (judgement.verdict.kind === 'booted') return;
        const reported = { system: system.name, subject, judgement, transcript };
        for (const text of [...evidenceLines(evidence), ...reportLines(reported)]) report({ kind: 'note', text });
      },
      afterBoot: async (machine, prompt) => {
        const wanted = { command, shell, rules: system.console, prompt, shares: order.machine.shares ?? [] };
        result = await runInGuest(machine.serial, machine.ended, { ...wanted, timeoutMs: args.seconds('timeout'), onLine }, { signal });
      },
    },
    { signal, report: (event) => (event.kind === 'console' && !args.has('verbose') ? undefined : report(event)) },
  );
  return outcomeOf(command, result, judgement, performance.now() - startMs);
}

function outcomeOf(command: string, result: CommandResult | undefined, { verdict }: Judgement, durationMs: number): Outcome {
  const ran = { status: result?.status ?? null, output: result?.output ?? null };
  const seconds = Math.round(durationMs / 10) / 100;
  return { exitCode: result?.status ?? exitCodes.failed, json: { command, ...ran, seconds, verdict: { ...verdict } } };
}

/** Returns the login of the command line, otherwise that of the page. */
export function chosenShell(args: Task['args'], system: ShellFacts): GuestShell {
  const login = args.text('login');
  if (login === undefined) return guestShellOf(system);
  const [, user = '', password] = /^([^:]*)(?::(.*))?$/s.exec(login) ?? [];
  return { ...(user === '' ? {} : { user }), ...(password === undefined ? {} : { password }) };
}

/** Returns the limits of a page with a short grace window. */
export function quickLimits(limits: Limits): Limits {
  return { ...limits, graceMs: Math.min(limits.graceMs, graceMs) };
}

/** Refuses flags for runs on a terminal. */
function refuseOtherRuns(args: Task['args']): void {
  const flags = ['graphical', 'gdb', 'gdb-wait', 'vscode', 'cast', 'restore', 'symbols'];
  const other = flags.find((flag) => args.has(flag) || args.text(flag) !== undefined);
  if (other === undefined) return;
  throw cannot('read the command line', `--${other} is for a console on the terminal, not for -- COMMAND`, { blame: 'usage' });
}

interface ImageBuilds {
  buildMissingImage(task: Task, words: readonly string[]): Promise<void>;
}

/** Builds the image of a system if it does not exist. An image that the user named with --image must exist. */
async function buildMissing(task: Task, image: string | undefined): Promise<void> {
  const { args, report } = task;
  const [word] = args.words;
  if (image === undefined || word === undefined || args.text('image') !== undefined || (await exists(image))) return;
  if (!hasOptionalPart(repository, 'image-builds')) return; // a copy without builds: the boot reports the missing image
  report({ kind: 'note', text: `building ${basename(image)}, which does not exist yet` });
  const { buildMissingImage } = await optionalPart<ImageBuilds>(repository, 'image-builds', 'build the image', ['buildMissingImage']);
  const given = ['profile', 'cache'].flatMap((flag) => {
    const value = args.text(flag);
    return value === undefined ? [] : [`--${flag}`, value];
  });
  await buildMissingImage(task, [word, ...given, '--quiet']);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
