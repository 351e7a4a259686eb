// The work of tasks/run.ts: starts a machine, connects its serial console to the terminal, and records it on
// request.
import { existsSync } from 'node:fs';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { castFile } from '../../console/cast.ts';
import type { Cast } from '../../console/cast.ts';
import { MenuAnswers } from '../../console/dialogue.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../../core/errors.ts';
import { here } from '../../actions/place.ts';
import { firstVncPort } from '../../machine/machine.ts';
import type { Display, MachineDescription } from '../../machine/machine.ts';
import { freePort } from '../../machine/ports.ts';
import type { BootTarget } from '../../boot/boot-target.ts';
import { startMachine } from '../../boot/start-machine.ts';
import { loginFlag, machineFlags, orderedOrRestored } from '../flags/boot-flags.ts';
import type { Outcome } from '../../core/events.ts';
import type { Flag } from '../command-line.ts';
import { gdbFlags } from '../flags/machine-flags.ts';
import { optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';
import { joinTerminal, terminalSize } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { launchFile, launchText } from './vscode-launch.ts';

export const runFlags = {
  ...machineFlags,
  graphical: {
    type: 'boolean',
    help: 'show a screen: in a window if this host has a desktop, else at the first free VNC port of 127.0.0.1',
  },
  ...gdbFlags,
  symbols: { type: 'string', value: 'ELF', help: 'with --gdb: the kernel with its symbols, for the command that is printed' },
  vscode: { type: 'boolean', help: 'with --gdb: write .vscode/launch.json, with which Visual Studio Code (CodeLLDB) debugs the kernel' },
  cast: { type: 'string', value: 'FILE', help: 'record the console as an asciicast of version 2, which asciinema plays' },
  restore: { type: 'string', value: 'FOLDER', help: 'continue from a snapshot (tasks/vm.ts snapshot FOLDER)' },
  timeout: { type: 'string', value: 'S', help: 'with -- COMMAND: stop after S seconds of the boot, or S seconds of the command' },
  login: loginFlag,
  log: { type: 'string', value: 'FILE', help: 'with -- COMMAND: the transcript (default: in out/logs)' },
  verbose: { type: 'boolean', help: 'with -- COMMAND: show the console while it boots' },
  quiet: { type: 'boolean', help: 'print only errors and results, without progress' },
  json: { type: 'boolean', help: 'with -- COMMAND: print one JSON object as the last line, with the output in it' },
} as const satisfies Record<string, Flag>;

/** The exports of lib/cli/dev/guest-command-task.ts. */
interface GuestCommands {
  runGuestCommand(task: Task, root: string): Promise<Outcome>;
}

/**
 * Runs until the user quits, the machine ends or the task is interrupted. With words after "--" it runs until
 * that command has ended.
 */
export async function runMachine(task: Task, root: string, terminal: Terminal): Promise<Outcome | void> {
  const { args, path, report, signal } = task;
  if (args.after !== undefined) {
    const { runGuestCommand } = await optionalPart<GuestCommands>(repository, 'guest-commands', 'run a command in the guest', [
      'runGuestCommand',
    ]);
    return await runGuestCommand(task, root);
  }
  const ofCommands = ['timeout', 'login', 'log', 'verbose', 'json'].find((flag) => args.has(flag) || args.text(flag) !== undefined);
  if (ofCommands !== undefined) throw cannot('read the command line', `--${ofCommands} is for -- COMMAND`, { blame: 'usage' });
  const { title, order: ordered, target } = await orderedOrRestored(task, root);
  if (args.has('graphical') && !target) {
    throw cannot('read the command line', 'a snapshot determines its machine: --graphical cannot change it', { blame: 'usage' });
  }
  const order = args.has('graphical') ? { ...ordered, machine: await graphical(ordered.machine, ordered.env) } : ordered;
  const elf = await symbolFile(task, order.machine, target);
  const gdb = order.machine.gdb && gdbWords(order.machine.gdb.port, elf, target?.sourceFolder);
  await writeLaunchFile(task, order.machine, title, elf, target?.sourceFolder);
  const file = args.text('cast');
  const cast = file === undefined ? undefined : await castFile(path(file), { ...terminalSize(terminal), title });
  try {
    const machine = await startMachine(order, task);
    try {
      for (const text of screenNotes(order.machine.display)) report({ kind: 'note', text });
      if (gdb !== undefined) report({ kind: 'note', text: `Debug it with: ${gdb}` });
      const controlWords = existsSync(join(repository, 'tasks/vm.ts')) ? ', tasks/vm.ts controls it' : '';
      report({ kind: 'note', text: `${title} on ${machine.accelerator}; Ctrl-] ends the machine${controlWords}.` });
      const menus = new MenuAnswers(target?.system.console.menus ?? []);
      machine.serial.on('data', (bytes: Buffer) => {
        for (const answer of menus.hear(bytes)) machine.serial.write(answer);
      });
      const lost = cast ? record(machine.serial, cast) : signal;
      await joinTerminal(machine.serial, terminal, AbortSignal.any([signal, lost]));
      signal.throwIfAborted();
      lost.throwIfAborted();
    } finally {
      const { hostLines } = await machine.stop();
      for (const line of hostLines.filter((line) => !line.includes('terminating on signal'))) report({ kind: 'note', text: line });
    }
  } finally {
    cast?.close();
  }
}

/** Records the console. The returned signal aborts if the recording cannot be written. */
function record(serial: NodeJS.ReadableStream, cast: Cast): AbortSignal {
  const startMs = performance.now();
  const lost = new AbortController();
  serial.on('data', (bytes: Buffer) => {
    try {
      if (!lost.signal.aborted) cast.bytes(performance.now() - startMs, bytes);
    } catch (error) {
      lost.abort(error);
    }
  });
  return lost.signal;
}

/** Returns the machine with a screen that this host can show. */
async function graphical(machine: MachineDescription, env: Readonly<Record<string, string>>): Promise<MachineDescription> {
  if (machine.display) {
    throw cannot('read the command line', '--graphical chooses what --display and --vnc name', {
      blame: 'usage',
      hint: 'give one of them',
    });
  }
  if (env['DISPLAY'] || env['WAYLAND_DISPLAY']) return { ...machine, display: { kind: 'window', toolkit: 'gtk' } };
  const host = '127.0.0.1';
  const port = await freePort(host, firstVncPort, 100);
  if (port === undefined)
    throw cannot('show the screen', `all VNC ports of ${host} are used`, { blame: 'host', hint: '--vnc N takes one' });
  return { ...machine, display: { kind: 'vnc', host, number: port - firstVncPort } };
}

/**
 * Returns notes about how to see the screen. For a server that other hosts can reach, a second note reports
 * that it has no password.
 */
export function screenNotes(display: Display | undefined): readonly string[] {
  if (display?.kind !== 'vnc') return [];
  const { host, number } = display;
  const where = `The screen is at VNC display ${host}:${number} (port ${firstVncPort + number}).`;
  const local = ['127.0.0.1', 'localhost', '::1'].includes(host);
  return [local ? where : `${where} It has no password: everybody who reaches that port controls the machine.`];
}

/**
 * Returns the path of the kernel with its symbols: the file of --symbols, or the built one. Undefined without
 * --gdb.
 */
async function symbolFile({ args, path }: Task, { gdb }: MachineDescription, target: BootTarget | undefined): Promise<string | undefined> {
  const symbols = args.text('symbols');
  if (gdb === undefined && symbols !== undefined) throw cannot('read the command line', '--symbols is for --gdb', { blame: 'usage' });
  if (symbols === undefined) return gdb && target?.symbols;
  await access(path(symbols)).catch((error: unknown) => {
    throw cannotBecause(`read "${symbols}"`, error, '--symbols wants the ELF file of the kernel');
  });
  return path(symbols);
}

/** With --vscode, writes the launch file in the working directory of the user. */
async function writeLaunchFile(
  { args, path, report }: Task,
  { gdb }: MachineDescription,
  title: string,
  elf: string | undefined,
  sources?: string,
): Promise<void> {
  if (!args.has('vscode')) return;
  if (gdb === undefined) throw cannot('read the command line', '--vscode is for --gdb', { blame: 'usage' });
  if (elf === undefined) {
    throw cannot(`write ${launchFile}`, 'it needs the kernel with its symbols', { blame: 'usage', hint: 'name it with --symbols ELF' });
  }
  const file = path(launchFile);
  try {
    const text = launchText(await absentAsUndefined(readFile(file, 'utf8')), { name: `Bloomery: ${title}`, elf, port: gdb.port, sources });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  } catch (error) {
    throw cannotBecause(`write "${file}"`, error);
  }
  report({ kind: 'note', text: `${launchFile} has the configuration "Bloomery: ${title}"` });
}

/** Returns the command line of gdb, quoted for a shell. */
export function gdbWords(port: number, elf: string | undefined, sources?: string): string {
  const file = elf === undefined ? '' : ` ${/^[\w/.@%+-]+$/.test(elf) ? elf : `'${elf.replaceAll("'", `'\\''`)}'`}`;
  const map = sources === undefined ? '' : ` -ex 'set substitute-path ${here} ${sources}'`;
  return `gdb${file}${map} -ex 'target remote 127.0.0.1:${port}'`;
}
