// The flags of all compiling tasks, and their meaning.
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import type { Flag } from '../command-line.ts';
import type { Task } from '../task.ts';
import { cannot } from '../../core/errors.ts';
import type { Allowance, Allowances, CompileOptions } from '../../crates/compiled.ts';

/** Flags of all compiling tasks. */
export const compilerFlags = {
  toolchain: { type: 'string', value: 'T', help: 'a toolchain by rustup name, channel or folder (default: as with rustup)' },
  'rust-src': { type: 'string', value: 'DIR|ARCHIVE', help: 'the source of the standard library, for build-std' },
  env: {
    type: 'string',
    value: 'NAME[=VALUE]',
    multiple: true,
    help: 'declare a variable for build scripts and env!(); no others are seen',
  },
  allow: {
    type: 'string',
    value: 'NAME=net|PATH',
    multiple: true,
    help: 'let a package use the network in its build script, or read PATH',
  },
  jobs: { type: 'string', value: 'N', short: 'j', help: `number of compilers that run at once (default ${availableParallelism()} here)` },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
  'no-sandbox': { type: 'boolean', help: 'run compilers and build scripts without bubblewrap' },
  explain: { type: 'boolean', help: 'print for each unit that is built what changed since its last result' },
  timings: { type: 'string', value: 'FILE', help: 'write the timeline of the build as an HTML page' },
  json: { type: 'boolean', help: 'print one JSON object as the last line of standard output' },
  quiet: { type: 'boolean', help: 'print only errors and results, without progress' },
  verbose: { type: 'boolean', help: 'also show the output of build scripts' },
} as const satisfies Record<string, Flag>;

/** Reports at the end of a build that it had no sandbox. */
export function noteBareBuild({ args, report }: Pick<Task, 'args' | 'report'>): void {
  if (!args.has('no-sandbox')) return;
  report({
    kind: 'warning',
    text: 'built without a sandbox (--no-sandbox): build scripts and macros could read and change your files, and use the network',
  });
}

/** Returns the options of `compile` from the flags of `compilerFlags`. */
export function compilerOptions({ args, host, path }: Task): Omit<CompileOptions, 'cache'> {
  const rustSrc = args.text('rust-src') ?? host.env['BLOOMERY_RUST_SRC'];
  return {
    hostEnv: host.env,
    toolchain: args.text('toolchain'),
    rustSrc: rustSrc === undefined ? undefined : path(rustSrc),
    otherCacheDir: host.cacheDir,
    jobs: args.count('jobs', 1),
    allow: parseAllowances(args.list('allow'), path),
    sandbox: !args.has('no-sandbox'),
    explain: args.has('explain'),
    verbose: args.has('verbose'),
    shorten: (file) => {
      const inside = relative(host.cwd, file);
      return inside.startsWith('..') ? file : inside;
    },
    colour: process.stderr.isTTY === true && !host.env['NO_COLOR'],
  };
}

/** Parses `--env NAME=VALUE`, or `--env NAME` for the value in the user's environment. */
export function declaredEnv(list: readonly string[], env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    list.map((word) => {
      const at = word.indexOf('=');
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
      const value = env[word];
      if (at === 0 || value === undefined)
        throw cannot(`declare the variable "${word}"`, 'it has no value here', { blame: 'usage', hint: 'write --env NAME=VALUE' });
      return [word, value];
    }),
  );
}

const usage = { blame: 'usage', hint: 'write --allow NAME=net or --allow NAME=PATH' } as const;

/**
 * Parses the values of --allow. `absolute` makes a path absolute. A folder with the name "net" is written
 * "./net".
 */
export function parseAllowances(words: readonly string[], absolute: (path: string) => string): Allowances {
  const allowances: Record<string, Allowance> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const [name, what] = [word.slice(0, at), word.slice(at + 1)];
    if (at < 1 || what === '') throw cannot(`allow "${word}"`, 'it must be NAME=PATH or NAME=net', usage);
    const { network, paths } = allowances[name] ?? { network: false, paths: [] };
    allowances[name] = what === 'net' ? { network: true, paths } : { network, paths: [...paths, absolute(what)] };
  }
  return allowances;
}
