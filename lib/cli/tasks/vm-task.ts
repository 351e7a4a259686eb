// The work of tasks/vm.ts: selects one of the running machines and executes one verb on it.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { basename, extname, join } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause, nearest } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import { cloudHypervisorControl } from '../../machine/cloud-hypervisor/control.ts';
import type { MachineControl, MachineInfo, PictureFormat } from '../../machine/machine.ts';
import { qemuControl, openQmp } from '../../machine/qemu/control.ts';
import { controlName, runningMachines } from '../../machine/run-directory.ts';
import type { RunningRecord } from '../../machine/run-directory.ts';
import { memoryOf } from '../command-line.ts';
import type { Flag } from '../command-line.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

export const vmFlags = {
  machine: { type: 'string', value: 'PID', help: 'which machine, if several are running' },
  cpus: { type: 'string', value: 'N', help: 'resize: the number of processors (run.ts --max-cpus sets the limit)' },
  memory: { type: 'string', value: 'SIZE', help: 'resize: the size of the memory, like 512M or 2G' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

const answerMs = 5000;

const pictureFormats: readonly PictureFormat[] = ['png', 'ppm'];

/** Verbs that take a second word. */
const withFile = ['snapshot', 'screenshot'];

type Verb = (control: MachineControl, task: Task, record: RunningRecord) => Promise<string>;

const verbs: Readonly<Record<string, Verb>> = {
  pause: async (control) => {
    await control.pause();
    return 'is paused';
  },
  resume: async (control) => {
    await control.resume();
    return 'is running again';
  },
  info: async (control) => infoWords(await control.info()),
  resize: async (control, { args }) => {
    const [cpus, memory] = [args.count('cpus', 1), args.text('memory')];
    if (cpus === undefined && memory === undefined)
      throw cannot('resize the machine', 'it needs --cpus N or --memory SIZE', { blame: 'usage' });
    await control.resize({
      ...(cpus === undefined ? {} : { cpus }),
      ...(memory === undefined ? {} : { memoryBytes: memoryOf(memory) }),
    });
    return `was asked to change: ${infoWords(await control.info())}`;
  },
  snapshot: async (control, { args, path }, record) => {
    const folder = args.words[1];
    if (folder === undefined) throw cannot('write a snapshot', 'it needs a folder', { blame: 'usage', hint: 'vm.ts snapshot FOLDER' });
    await mkdir(path(folder)).catch((error: unknown) => {
      throw cannotBecause(`write a snapshot to "${folder}"`, error, 'name a folder that does not exist');
    });
    try {
      await control.snapshot(path(folder));
      const { directory: _, ...kept } = record;
      await writeFile(join(path(folder), 'machine.json'), JSON.stringify(kept));
    } catch (error) {
      await rm(path(folder), { recursive: true, force: true });
      throw error;
    }
    return `is kept in ${folder}; npx zx tasks/run.ts --restore ${folder} continues it`;
  },
  screenshot: async (control, { args, path }) => {
    const file = args.words[1];
    if (file === undefined) throw cannot('write a picture', 'it needs a file', { blame: 'usage', hint: 'vm.ts screenshot FILE.png' });
    const format = pictureFormats.find((name) => extname(file).toLowerCase() === `.${name}`);
    if (!format) throw cannot(`write a picture to "${file}"`, 'the name must end in .png or .ppm', { blame: 'usage' });
    const partial = `${path(file)}.${process.pid}.partial`;
    try {
      await control.screenshot(partial, format);
      await rename(partial, path(file));
    } catch (error) {
      await rm(partial, { force: true });
      throw cannotBecause(`write a picture to "${file}"`, error);
    }
    return `wrote its screen to ${file}`;
  },
  shutdown: async (control) => {
    await control.shutdown();
    return 'was asked to power off';
  },
};

export async function controlMachine(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  const [word = ''] = args.words;
  const machines = await runningMachines(host.env['TMPDIR'] || '/tmp');
  if (word === 'list') {
    for (const machine of machines) print(machineWords(machine));
    if (machines.length === 0) print('No machine is running.');
    return { json: { machines: machines.map(machineJson) } };
  }
  const verb = verbs[word];
  if (!verb) {
    const names = ['list', ...Object.keys(verbs)];
    const near = nearest(word, names);
    throw cannot(`do "${word}"`, `the verbs are ${names.join(', ')}`, { blame: 'usage', hint: near && `did you mean ${near}?` });
  }
  if (args.words.length > 1 && !withFile.includes(word)) {
    throw cannot('read the command line', `"${args.words[1]}" is one word too many`, {
      blame: 'usage',
      hint: '--machine PID names a machine',
    });
  }
  const record = meant(machines, args.text('machine'));
  const control = await controlOf(record, host.env['TMPDIR'] || '/tmp');
  try {
    const sentence = await verb(control, task, record);
    const info = word === 'shutdown' ? undefined : await control.info();
    print(`${machineWords(record)} ${sentence}`);
    return { json: { ...machineJson(record), ...(info ? { ...info } : {}) } };
  } finally {
    control.close();
  }
}

/** Returns the machine with that process id, or the only one. */
function meant(machines: readonly RunningRecord[], pid: string | undefined): RunningRecord {
  const found = pid === undefined ? machines : machines.filter((machine) => String(machine.pid) === pid);
  const [first] = found;
  if (first && found.length === 1) return first;
  if (first) {
    const hint = `choose one with --machine PID: ${machines.map(machineWords).join('; ')}`;
    throw cannot('choose a machine', `${machines.length} machines are running`, { blame: 'usage', hint });
  }
  const hint =
    machines.length > 0 ? machines.map(machineWords).join('; ') : 'start one: npx zx tasks/run.ts <system>, or test-boot.ts --keep';
  throw cannot('find a machine', pid === undefined ? 'no machine is running' : `no machine is running as process ${pid}`, {
    blame: 'usage',
    hint,
  });
}

async function controlOf(record: RunningRecord, tempRoot: string): Promise<MachineControl> {
  const path = join(record.directory, controlName);
  if (record.monitor === 'cloud-hypervisor') return cloudHypervisorControl(path);
  const socket = createConnection(path);
  await once(socket, 'connect').catch((error: unknown) => {
    throw cannotBecause('reach the machine', error);
  });
  const control = qemuControl(openQmp(socket), tempRoot);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), answerMs);
  });
  const first = await Promise.race([control.info(), late]);
  clearTimeout(timer);
  if (first !== 'late') return control;
  control.close();
  throw cannot('reach the machine', 'it does not answer', { hint: 'QMP accepts one client at a time, and another vm.ts may be connected' });
}

function infoWords({ state, cpus, memoryBytes }: MachineInfo): string {
  return `${state}, ${cpus} CPU${cpus === 1 ? '' : 's'}, ${formatBytes(memoryBytes)}`;
}

function machineWords({ pid, monitor, image }: RunningRecord): string {
  return `${pid} (${monitor}, ${image === null ? 'no disk' : basename(image)})`;
}

/** Returns the object of --json. `control` is the socket of the monitor, QMP or Cloud Hypervisor's HTTP. */
function machineJson({ pid, monitor, image, accelerator, directory }: RunningRecord): { readonly [key: string]: Json } {
  return { pid, monitor, image, accelerator, control: join(directory, controlName) };
}
