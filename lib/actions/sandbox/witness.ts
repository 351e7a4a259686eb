// Runs an action that failed in the sandbox once more, with a witness (witness.c) loaded into it, to learn what it was refused. Only failures
// pay for it, and what the second run makes is thrown away. Does not judge what it finds: violation.ts.
import { mkdir, mkdtemp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import type { Context } from '../../core/events.ts';
import { removeTree, withRegularFile } from '../../core/paths.ts';
import { findProgram, run } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import type { Action } from '../action.ts';
import { hostPath, isBelow, pathsOf } from './mounts.ts';
import { tracerPlace } from '../run-action.ts';
import { bubblewrapArgv, hostPlaces, outsideEnv } from './sandbox.ts';
import { root } from './root.ts';
import type { Bubblewrap, Sandbox } from './sandbox.ts';
import { stageInputs, topOf } from '../stage.ts';
import { violationsInWords, violationsOf } from './violation.ts';
import type { Violation } from './violation.ts';

const library = `${root}/witness.so`;
const logDir = `${root}/witnessed`;

/** The number of no open file. */
const noLog = '1000000';

/** A command that takes longer keeps its secret: its own words must do. */
const timeoutMs = 60_000;

/**
 * What the action was refused, the most telling first; none without a sandbox. `words` is what it said when it failed. `home` is the person's
 * home folder: where nothing is found without it, the action is told of it, so that one that looks into it shows what for.
 */
export async function witnessed(
  action: Action,
  words: string,
  sandbox: Sandbox,
  cache: Cache,
  home: string | undefined,
  { signal }: Pick<Context, 'signal'>,
): Promise<readonly Violation[]> {
  if (sandbox.kind === 'none') return [];
  const stage = await mkdtemp(join(cache.tmpDir, 'witness-'));
  try {
    const object = join(stage, 'witness.so');
    const cc = await findProgram('cc', '/usr/bin:/bin');
    const source = join(import.meta.dirname, 'witness.c');
    const made = cc && (await run([cc, '-shared', '-fPIC', '-w', '-o', object, source, '-ldl'], { cwd: stage, env: {}, signal }));
    if (!made || made.exitCode !== 0) return violationsInWords(words);
    for (const told of home === undefined ? [{}] : [{}, { HOME: home }]) {
      const log = await logOf(action, told, object, join(stage, `run-${Object.keys(told).length}`), sandbox, cache, signal);
      const found = await violationsOf(log, (place) => isHidden(place, action));
      if (found.length > 0) return found;
    }
    return violationsInWords(words);
  } finally {
    removeTree(stage);
  }
}

async function logOf(
  action: Action,
  told: Readonly<Record<string, string>>,
  object: string,
  stage: string,
  sandbox: Bubblewrap,
  cache: Cache,
  signal: AbortSignal,
): Promise<string> {
  const { argv, cwd, env } = action.record;
  const log = join(stage, 'witnessed');
  await mkdir(log, { recursive: true });
  const view = await stageInputs(action, stage, cache);
  // The tracer also keeps an action of the user's packages from servers of the host; what it records is not wanted here.
  const { own, tracer } = action;
  const sealed = own && tracer !== undefined ? [tracerPlace, noLog, 'sealed', '/tmp', action.record.outputDir, '--', ...argv] : argv;
  const wider = {
    ...view,
    readOnly: { ...view.readOnly, [library]: object, ...(tracer === undefined ? {} : { [tracerPlace]: tracer }) },
    writable: { ...view.writable, [logDir]: log },
  };
  const loaded = { LD_PRELOAD: library, BLOOMERY_WITNESS: `${logDir}/log`, ...told };
  const inside = { ...env, ...action.ambientEnv, ...loaded };
  await run(bubblewrapArgv(sandbox, sealed, cwd, wider, inside), {
    cwd: stage,
    env: outsideEnv(inside),
    signal,
    timeoutMs,
    mostOutputBytes: 64 * MiB,
  });
  // The command knows the name of the log, and may have put anything there.
  return (await withRegularFile(join(log, 'log'), (opened) => readFile(opened, 'utf8'))) ?? '';
}

/** Is there something on the host, at the path that the place stands for, which the sandbox does not show? */
async function isHidden(place: string, action: Action): Promise<boolean> {
  const { mounts, record } = action;
  const inputs = Object.keys({ ...record.inputs, ...record.layout }).map(topOf);
  const visible = [...hostPlaces, ...Object.keys(mounts), ...inputs, record.outputDir, '/proc', '/dev', logDir];
  const leads = visible.some((folder) => folder.startsWith(`${place}/`)) || place === '/';
  if (leads || isBelow(place, visible)) return false;
  return (await stat(hostPath(place, pathsOf(action))).catch(() => undefined)) !== undefined;
}
