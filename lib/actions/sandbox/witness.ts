// Finds out what the sandbox refused to a command. A failed action runs once more with a library (witness.c)
// preloaded, which records refused calls. Successful actions do not run twice. The outputs of the second run
// are discarded. Without the library, the command's own output is judged. Most refusals are normal, for
// example when a program is searched along PATH. So a refusal counts only if the host has a file that the
// sandbox hides.
import { mkdir, mkdtemp, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Action } from '../action.ts';
import { tracerPlace } from './tracer.ts';
import { hostPath, isBelow, pathsOf, root } from '../place.ts';
import { bubblewrapArgv, hostPlaces, outsideEnv } from './sandbox.ts';
import type { Bubblewrap, Sandbox } from './sandbox.ts';
import { stageInputs, topOf } from '../stage.ts';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import type { Context } from '../../core/events.ts';
import { removeTree, withRegularFile } from '../../core/paths.ts';
import { findProgram, run } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';

const library = `${root}/witness.so`;
const logDir = `${root}/witnessed`;

/** A number that no file descriptor has. */
const noLog = '1000000';

/** After this time the second run is stopped, and only the output of the first run is judged. */
const timeoutMs = 60_000;

/**
 * Returns what the sandbox refused to the action, the most likely cause of the failure first. Empty without a
 * sandbox. `words` is the output of the failed run. `home` is the user's home folder. If nothing is found
 * without it, HOME is set to it, so that accesses to files in it become visible.
 */
export async function witnessed(
  action: Action,
  words: string,
  sandbox: Sandbox,
  cache: CacheFolder,
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
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<string> {
  const { argv, cwd, env } = action.record;
  const log = join(stage, 'witnessed');
  await mkdir(log, { recursive: true });
  const view = await stageInputs(action, stage, cache);
  // The tracer also keeps an action of the user's packages from connecting to servers of the host. Its
  // records are not used here.
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
  // The command knows the name of the log and may have replaced it by any file.
  return (await withRegularFile(join(log, 'log'), (opened) => readFile(opened, 'utf8'))) ?? '';
}

/** Whether the host has something at the path of the place that the sandbox does not show. */
async function isHidden(place: string, action: Action): Promise<boolean> {
  const { mounts, record } = action;
  const inputs = Object.keys({ ...record.inputs, ...record.layout }).map(topOf);
  const visible = [...hostPlaces, ...Object.keys(mounts), ...inputs, record.outputDir, '/proc', '/dev', logDir];
  const leads = visible.some((folder) => folder.startsWith(`${place}/`)) || place === '/';
  if (leads || isBelow(place, visible)) return false;
  return (await stat(hostPath(place, pathsOf(action))).catch(() => undefined)) !== undefined;
}

export type Violation =
  /** `peer` is "192.0.2.1 port 80", a name that was looked up, or "" if unknown. */
  | { readonly act: 'network'; readonly peer: string }
  /** `place` is a path as the command saw it, or "" if unknown. */
  | { readonly act: 'write'; readonly place: string }
  | { readonly act: 'read'; readonly place: string };

const readOnlyFileSystem = 30; // EROFS

/** Files in /etc that libraries and shells read in any program. */
const everyday = [
  ...[
    'ld.so.preload',
    'nsswitch.conf',
    'passwd',
    'group',
    'resolv.conf',
    'host',
    'hosts',
    'host.conf',
    'gai.conf',
    'localtime',
    'services',
  ],
  ...['protocols', 'locale.alias', 'selinux', 'gitconfig', 'ssl', 'inputrc', 'profile', 'bash.bashrc', 'xattr.conf'],
];

function isEveryday(place: string): boolean {
  return isBelow(
    place,
    everyday.map((name) => `/etc/${name}`),
  );
}

/**
 * Returns the lines of the witness as violations: the network first, then writes, then reads. Within each
 * kind the last one comes first, because it is the nearest to the end of the command. `isHidden` returns
 * whether the host has something at a path that the sandbox does not show.
 */
export async function violationsOf(log: string, isHidden: (place: string) => Promise<boolean>): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  for (const line of new Set(log.split('\n').reverse())) {
    const [, act, errno, what = ''] = /^(\w+) (\d+) (.+)$/.exec(line) ?? [];
    const place = posix.normalize(what);
    if (act === 'connect' || act === 'resolve') found.push({ act: 'network', peer: what });
    else if (act === 'write' && (Number(errno) === readOnlyFileSystem || (await isHidden(posix.dirname(place)))))
      found.push({ act, place });
    else if (act === 'read' && !isEveryday(place) && (await isHidden(place))) found.push({ act, place });
  }
  const order: readonly Violation['act'][] = ['network', 'write', 'read'];
  return order.flatMap((act) => found.filter((violation) => violation.act === act));
}

const networkWords =
  /Network is unreachable|NetworkUnreachable|Connection refused|ConnectionRefused|[Nn]ame resolution|failed to lookup address|[Cc]ould not resolve host/;
const writeWords = /Read-only file system|ReadOnlyFilesystem/;

/**
 * Returns the violations in the output of the command. Used if there was no witness, as for a static program
 * or on a host without a C compiler.
 */
export function violationsInWords(text: string): readonly Violation[] {
  if (networkWords.test(text)) return [{ act: 'network', peer: '' }];
  return writeWords.test(text) ? [{ act: 'write', place: '' }] : [];
}
