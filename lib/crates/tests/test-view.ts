// Where test programs run: on the host, with the user's rights, as cargo runs them. A program was compiled with places of the sandbox
// (env!("CARGO_MANIFEST_DIR")), so these are shown at their places as well: bubblewrap gives the process a root with the host's folders and the
// folder /bloomery. Nothing else is separated: processes, network, users and devices are the host's. As pure functions.
import type { Bubblewrap } from '../../actions/sandbox/sandbox.ts';
import { root } from '../../actions/place.ts';

/** An entry of the host's root folder: a link with its target, or something that is mounted. */
export interface RootEntry {
  readonly name: string;
  readonly link?: string | undefined;
}

export interface TestView {
  readonly entries: readonly RootEntry[];
  /** Absolute path of the host by its place. Writable where the user may write it. */
  readonly mounts: Readonly<Record<string, string>>;
  /** The same, never writable: files that others share. */
  readonly readOnly: Readonly<Record<string, string>>;
}

/** The command line that runs `argv` with the host's folders and the places. */
export function testArgv(
  { program }: Pick<Bubblewrap, 'program'>,
  { entries, mounts, readOnly }: TestView,
  cwd: string,
  argv: readonly string[],
): readonly string[] {
  const host = entries.filter(({ name }) => `/${name}` !== root);
  const bind = (word: string, from: TestView['mounts']): readonly (readonly [string, string, string])[] =>
    Object.entries(from).map(([place, path]) => [word, path, place]);
  // A folder before what is mounted in it.
  const byLength = [...bind('--bind', mounts), ...bind('--ro-bind', readOnly)].sort(([, , a], [, , b]) => a.length - b.length);
  return [
    program,
    '--die-with-parent',
    ...host.flatMap(({ name, link }) =>
      link === undefined ? ['--dev-bind-try', `/${name}`, `/${name}`] : ['--symlink', link, `/${name}`],
    ),
    ...byLength.flat(),
    '--chdir',
    cwd,
    '--',
    ...argv,
  ];
}

/** Variables of a session, a terminal or the program that started the task. A result does not depend on them, so they are in no key. */
const ofSession = new RegExp(
  [
    '^(?:PWD|OLDPWD|SHLVL|_|TERM.*|COLUMNS|LINES|COLORTERM|FORCE_COLOR|WINDOWID|INVOCATION_ID|JOURNAL_STREAM)$',
    '^(?:SSH_|WAYLAND_|DBUS_|XDG_SESSION|XDG_VTNR|XDG_SEAT|DISPLAY$)',
    '^(?:INIT_CWD$|NODE$|NODE_|npm_)',
  ].join('|'),
);

/** The variables of the user that a result of a test counts with. */
export function countedEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofSession.test(name)));
}
