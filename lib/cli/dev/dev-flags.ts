// The command line of tasks/dev.ts: flags of the repeated tasks, and flags for watching.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cannot, nearest } from '../../core/errors.ts';
import { findPage, isPagePath } from '../../system/find-page.ts';
import type { OnBusy } from '../../watch/rounds.ts';
import type { CommandLine, Flag } from '../command-line.ts';
import { loginFlag, machineFlags, verdictFlags } from '../flags/boot-flags.ts';
import { repository } from '../task.ts';
import { buildFlags } from '../flags/build-flags.ts';
import { projectFlags } from '../flags/project-flags.ts';
import type { Task } from '../task.ts';
import type { Only } from './system-subject.ts';

const loopFlags = {
  only: {
    type: 'string',
    value: 'compile|image|boot',
    help: 'compile without an image, assemble without a machine, or boot new images and build nothing',
  },
  run: {
    type: 'string',
    value: 'COMMAND',
    help: 'run this line of a shell in the guest after each boot; a status other than 0 is a failure',
  },
  'on-busy': {
    type: 'string',
    value: 'restart|wait',
    help: 'a change stops the running round and starts the next one (default), or waits for its end',
  },
  watch: { type: 'string', value: 'DIR', multiple: true, help: 'watch this folder too' },
  json: { type: 'boolean', help: 'print one JSON object per round, each on its own line' },
} as const satisfies Record<string, Flag>;

const { set: _set, timings: _timings, ...ofProject } = projectFlags;
const { 'dry-run': _dryRun, component: _component, encrypt: _encrypt, 'password-file': _passwordFile, timings: _, ...ofBuild } = buildFlags;
const { image: _image, system: _system, ...ofMachine } = machineFlags;
const { expect: _expect, send: _send, ...ofVerdict } = verdictFlags;
const log: Flag = { type: 'string', value: 'FILE', help: 'the transcript of the last boot (default: in out/logs)' };
const ofSystem = { ...ofBuild, ...ofMachine, ...ofVerdict, log, login: loginFlag };

export const devFlags: Readonly<Record<string, Flag>> = { ...loopFlags, ...ofProject, ...ofSystem };

/** Returns the kind of the argument. A folder with a Cargo.toml is a project unless its name is a system's. */
export async function kindOf(word: string, { path }: Pick<Task, 'path'>): Promise<'system' | 'project'> {
  if (word.endsWith('.ts')) return 'system';
  const isProject = existsSync(join(path(word), 'Cargo.toml'));
  if (!isPagePath(word) && (!isProject || (await isSystem(word)))) return 'system';
  if (isProject) return 'project';
  throw cannot(`watch "${word}"`, 'it is neither a system nor the folder of a Cargo project', { blame: 'usage' });
}

async function isSystem(name: string): Promise<boolean> {
  return await findPage(repository, name).then(
    () => true,
    () => false,
  );
}

/** Refuses flags that do not apply to the watched kind. */
export function refuseOthers(args: CommandLine, kind: 'system' | 'project'): void {
  const own: Readonly<Record<string, Flag>> = { ...loopFlags, ...(kind === 'system' ? ofSystem : ofProject) };
  const given = (flag: string): boolean => args.has(flag) || args.text(flag) !== undefined || args.list(flag).length > 0;
  const other = Object.keys(devFlags).find((flag) => !(flag in own) && given(flag));
  const run = kind === 'project' && args.text('run') !== undefined ? 'run' : other;
  if (run === undefined) return;
  throw cannot('read the command line', `--${run} is for ${kind === 'system' ? 'a Cargo project' : 'a system'}`, { blame: 'usage' });
}

export function onlyOf(args: CommandLine, kind: 'system' | 'project'): Only | undefined {
  const only = choice(args, 'only', ['compile', 'image', 'boot'] as const);
  if (kind === 'project' && only !== undefined && only !== 'compile') {
    throw cannot(`use --only ${only}`, 'a Cargo project has no image', { blame: 'usage' });
  }
  if (args.text('run') !== undefined && only !== undefined && only !== 'boot') {
    throw cannot('read the command line', `--run needs a machine, and --only ${only} boots none`, { blame: 'usage' });
  }
  return only;
}

export function onBusyOf(args: CommandLine): OnBusy {
  return choice(args, 'on-busy', ['restart', 'wait'] as const) ?? 'restart';
}

function choice<T extends string>(args: CommandLine, flag: string, words: readonly T[]): T | undefined {
  const given = args.text(flag);
  const found = words.find((word) => word === given);
  if (found !== undefined || given === undefined) return found;
  const near = nearest(given, words);
  throw cannot(`use --${flag} "${given}"`, `it must be ${words.join(', ')}`, { blame: 'usage', hint: near && `did you mean ${near}?` });
}
