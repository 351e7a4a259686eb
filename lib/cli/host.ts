// The environment of a task: its arguments, its folders and the user's variables. It loads nothing else, because
// it is needed before everything else.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The user's environment. It is read once and passed on. */
export interface Host {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The cache directory, unless --cache names another. */
  readonly cacheDir: string;
}

/** In zx, argv is [node, zx, script, ...]. In node itself, it is [node, script, ...]. */
export function scriptArguments(argv: readonly string[]): readonly string[] {
  const script = argv.findIndex((word, index) => index > 0 && /\.[cm]?ts$/.test(word));
  return argv.slice(script === -1 ? 2 : script + 1);
}

export function hostOf(cwd: string, env: NodeJS.ProcessEnv): Host {
  const present = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const cacheHome = present['XDG_CACHE_HOME'] || join(present['HOME'] ?? homedir(), '.cache');
  return { cwd, env: present, cacheDir: present['BLOOMERY_CACHE'] || join(cacheHome, 'bloomery') };
}
