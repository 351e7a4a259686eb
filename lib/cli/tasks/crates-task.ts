// What tasks/crates.ts does: flags to projects, and projects to programs.
import { availableParallelism } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { readFile, stat } from 'node:fs/promises';
import { layout, openCache } from '../../cache/cache.ts';
import type { Cache } from '../../cache/cache.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { parseAllowances } from '../../crates/unit/allowance.ts';
import { compile } from '../../crates/compile.ts';
import type { CompiledProject } from '../../crates/compiled.ts';
import { projectSet } from '../../crates/project-set.ts';
import { publish } from '../../crates/publish.ts';
import type { Project } from '../../crates/project.ts';
import type { Sysroot } from '../../crates/project.ts';
import { watchBuild } from '../../report/build-recorder.ts';
import type { Flag } from '../command-line.ts';
import { processCost } from '../../report/process-cost.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../report/outcome.ts';

/** Flags of everything that compiles. */
export const compilerFlags = {
  toolchain: { type: 'string', value: 'T', help: 'a toolchain by rustup name, channel or folder (default: what rustup would take)' },
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
  jobs: { type: 'string', value: 'N', help: `how many compilers run at once (default ${availableParallelism()} here)` },
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
  'no-sandbox': { type: 'boolean', help: 'run compilers and build scripts without bubblewrap' },
  explain: { type: 'boolean', help: 'say for each unit that has to be built what changed since its last result' },
  timings: { type: 'string', value: 'FILE', help: 'write the timeline of the build as an HTML page' },
  json: { type: 'boolean', help: 'print one JSON object as the last line of standard output' },
  quiet: { type: 'boolean', help: 'no progress, only errors and results' },
  verbose: { type: 'boolean', help: 'also show what build scripts print' },
} as const satisfies Record<string, Flag>;

export const projectFlags = {
  package: { type: 'string', value: 'P', multiple: true, help: 'build this package of the workspace' },
  bin: { type: 'string', value: 'B', multiple: true, help: 'build only this binary' },
  lib: { type: 'boolean', help: 'build only the library' },
  release: { type: 'boolean', help: 'the release profile of the project' },
  profile: { type: 'string', value: 'P', help: 'dev (default), release, system (that of images) or one that the project declares' },
  triple: {
    type: 'string',
    value: 'T',
    multiple: true,
    help: 'a target triple or a JSON target specification; several: OUT/T/bin for each',
  },
  features: { type: 'string', value: 'F,..', multiple: true, help: 'features to turn on' },
  'no-default-features': { type: 'boolean', help: 'leave the default features off' },
  'build-std': { type: 'string', value: 'core,alloc', help: 'compile these crates of the standard library too' },
  'build-std-features': { type: 'string', value: 'F,..', help: 'features of the standard library (compiler-builtins-mem)' },
  'cargo-config': { type: 'string', value: 'FILE', multiple: true, help: 'a further cargo configuration file' },
  sysroot: { type: 'string', value: 'DIR', help: 'the C library of --triple (lib/, include/): at /bloomery/sysroot for what is linked' },
  locked: { type: 'boolean', help: 'refuse a Cargo.lock that does not fit the manifests; without it cargo updates the file' },
  set: { type: 'string', value: 'FILE', help: 'several projects in one graph: TOML with [[project]] tables' },
  out: { type: 'string', value: 'DIR', help: 'where programs go: DIR/bin, or DIR/<name>/bin with --set (default out)' },
  ...compilerFlags,
} as const satisfies Record<string, Flag>;

export async function compileProjects(task: Task): Promise<Outcome> {
  const { args, host, signal } = task;
  const startMs = performance.now();
  const projects = await projectsOf(task);
  const out = task.path(args.text('out') ?? 'out');
  const watch = watchBuild(task);
  const cache = await openCache(cacheDirOf(task), process.pid, watch.report);
  try {
    const set = args.text('set') !== undefined;
    const bins = new Map<string, Readonly<Record<string, string>>>();
    const handOver = async (compiled: CompiledProject): Promise<void> => {
      const { name } = compiled.project;
      bins.set(name, await publish(compiled, set ? resolve(out, name) : out, cache));
    };
    const sysroot = await sysrootOf(task, cache);
    const linked = sysroot ? projects.map((project) => ({ ...project, sysroot })) : projects;
    const compiled = await compile(linked, { cache, ...compilerOptions(task), handOver }, { signal, report: watch.report });
    if (!args.has('json'))
      for (const path of [...bins.values()].flatMap((one) => Object.values(one))) task.print(relative(host.cwd, path) || path);
    const published = compiled.projects.map(({ project: { name } }) => ({ name, bins: { ...bins.get(name) } }));
    const seconds = (performance.now() - startMs) / 1000;
    const { units, hits, misses } = compiled;
    const title = projects.map(({ name }) => name).join(', ');
    const watched = await watch.finish(title, compiled, { cache, name: title });
    noteBareBuild(task);
    const { childCpuSeconds, ownCpuSeconds, peakBytes } = await processCost();
    const cost = { cpuSeconds: rounded(childCpuSeconds + ownCpuSeconds), ownCpuSeconds: rounded(ownCpuSeconds), peakBytes };
    return { json: { projects: published, units, hits, misses, seconds: rounded(seconds), ...cost, ...watched } };
  } finally {
    watch.stop();
    await cache.close();
  }
}

export function cacheDirOf({ args, host, path }: Task): string {
  const given = args.text('cache');
  return given === undefined ? host.cacheDir : path(given);
}

/** For tasks that look at a cache and make none: a folder named with --cache must be one. */
export async function existingCacheDir(task: Task): Promise<string> {
  const dir = cacheDirOf(task);
  if (task.args.text('cache') !== undefined && !(await absentAsUndefined(stat(join(dir, layout))))) {
    throw cannot(`open the cache in "${dir}"`, 'there is none', { blame: 'usage', hint: 'a build with the same --cache makes it' });
  }
  return dir;
}

/** Reports at the end of a build that it had no sandbox. */
export function noteBareBuild({ args, report }: Pick<Task, 'args' | 'report'>): void {
  if (!args.has('no-sandbox')) return;
  report({
    kind: 'warning',
    text: 'built without a sandbox (--no-sandbox): build scripts and macros could read and change your files, and use the network',
  });
}

/** What every compiling task hands to `compile`, from the flags of `compilerFlags`. */
export function compilerOptions({ args, host, path }: Task): Omit<Parameters<typeof compile>[1], 'cache'> {
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

/** `--env NAME=VALUE`, or `--env NAME` for the value it has here. */
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

export async function projectsOf(task: Task): Promise<readonly Project[]> {
  const { args, host, path } = task;
  const [dir] = args.words;
  const set = args.text('set');
  if ((dir === undefined) === (set === undefined)) {
    throw cannot('read the command line', 'it needs either <cargo project> or --set FILE', {
      blame: 'usage',
      hint: 'see npx zx tasks/crates.ts --help',
    });
  }
  const split = (values: readonly string[]): string[] => values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== '');
  const [triple, ...moreTriples] = args.list('triple').map((word) => (word.endsWith('.json') ? path(word) : word));
  const defaults: Project = {
    name: '',
    dir: '',
    packages: args.list('package'),
    bins: args.list('bin'),
    lib: args.has('lib'),
    features: split(args.list('features')),
    defaultFeatures: !args.has('no-default-features'),
    profile: args.text('profile') ?? (args.has('release') ? 'release' : 'dev'),
    triple,
    moreTriples,
    buildStd: split([args.text('build-std') ?? '']),
    buildStdFeatures: split([args.text('build-std-features') ?? '']),
    cargoConfigs: args.list('cargo-config').map(path),
    locked: args.has('locked'),
    env: declaredEnv(args.list('env'), host.env),
  };
  if (dir !== undefined) return [{ ...defaults, name: basename(path(dir)), dir: path(dir) }];
  const file = path(set ?? '');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw cannot(`read "${file}"`, 'it cannot be opened', { blame: 'usage', cause: error });
  });
  return projectSet(text, file, defaults);
}

/** The folder of --sysroot, for the one triple that it has a C library of. */
async function sysrootOf({ args, path, signal }: Task, cache: Cache): Promise<Sysroot | undefined> {
  const folder = args.text('sysroot');
  if (folder === undefined) return undefined;
  const [triple, other] = args.list('triple');
  if (triple === undefined || other !== undefined || triple.endsWith('.json')) {
    throw cannot('use --sysroot', 'it is for one triple, which --triple has to name', { blame: 'usage' });
  }
  const { crossSysroot } = await import('../../cookbook/cross-tools.ts'); // few builds have one
  const { hostPrograms } = await import('../../cookbook/host-programs.ts');
  const { folderStage } = await import('../../cookbook/sysroot.ts');
  return await crossSysroot(triple, await folderStage('sysroot', path(folder), cache), hostPrograms(cache, signal).identities);
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
