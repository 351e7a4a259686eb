// Test programs run on the host with the user's permissions, as with cargo. A program was compiled with
// places of the sandbox (env!("CARGO_MANIFEST_DIR")), so its files must be visible at these places too.
// bubblewrap gives the process a root folder that has the host's folders and the folder /bloomery. Nothing
// else is isolated: processes, network, users and devices are those of the host. This module only computes.
import type { Bubblewrap } from '../../actions/sandbox/sandbox.ts';
import { root } from '../../actions/place.ts';

/** An entry of the host's root folder: a link with its target, or a mount. */
export interface RootEntry {
  readonly name: string;
  readonly link?: string | undefined;
}

export interface TestView {
  readonly entries: readonly RootEntry[];
  /** The absolute path on the host by its place. It is writable if the user may write it. */
  readonly mounts: Readonly<Record<string, string>>;
  /** The same, but never writable: files that several programs share. */
  readonly readOnly: Readonly<Record<string, string>>;
}

/** Returns the command line that runs `argv` with the host's folders and the places. */
export function testArgv(
  { program }: Pick<Bubblewrap, 'program'>,
  { entries, mounts, readOnly }: TestView,
  cwd: string,
  argv: readonly string[],
): readonly string[] {
  const host = entries.filter(({ name }) => `/${name}` !== root);
  const bind = (word: string, from: TestView['mounts']): readonly (readonly [string, string, string])[] =>
    Object.entries(from).map(([place, path]) => [word, path, place]);
  // A folder is mounted before the mounts inside it.
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

/**
 * Variables of a session, a terminal or the program that started the task. No result depends on them, so they
 * are not in keys.
 */
const ofSession = new RegExp(
  [
    '^(?:PWD|OLDPWD|SHLVL|_|TERM.*|COLUMNS|LINES|COLORTERM|FORCE_COLOR|WINDOWID|INVOCATION_ID|JOURNAL_STREAM)$',
    '^(?:SSH_|WAYLAND_|DBUS_|XDG_SESSION|XDG_VTNR|XDG_SEAT|DISPLAY$)',
    '^(?:INIT_CWD$|NODE$|NODE_|npm_)',
  ].join('|'),
);

/** Returns the variables of the user that the result of a test may depend on. */
export function countedEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofSession.test(name)));
}
