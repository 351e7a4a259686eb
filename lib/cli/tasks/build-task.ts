// The steps of tasks/build.ts that belong to the command line: choosing the build, and printing the plan and
// the result.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openCache } from '../../cache/cache.ts';
import { cannot } from '../../core/errors.ts';
import type { Context, Outcome } from '../../core/events.ts';
import { shellWord } from '../command-line.ts';
import { formatBytes } from '../../core/sizes.ts';
import type { BuiltSystem } from '../../assemble/build-system.ts';
import type { BuiltPart } from '../../assemble/build-component.ts';
import type { PlanRequest } from '../../assemble/build-request.ts';
import type { SystemPlan } from '../../assemble/plan-system.ts';
import type { CompileOptions } from '../../crates/compiled.ts';
import type { SourceChoice } from '../../system/component.ts';
import { nixBaseOf, onNix } from '../../system/nix-profile.ts';
import type { NixImage } from '../../rootfs/nix/nix-base.ts';
import { originsOf } from '../../sources/upstream-sources.ts';
import { withNeededSources } from '../../sources/fetched-sources.ts';
import { withKernelCheckout } from '../../system/kernel-checkout.ts';
import { liveSystem } from '../../system/live-image.ts';
import { loadSystem } from '../../system/load.ts';
import type { LoadedSystem } from '../../system/load.ts';
import { defaultProfile, imageOf, profileOf } from '../../system/system.ts';
import type { System } from '../../system/system.ts';
import { watchBuild } from '../../report/build-recorder.ts';
import type { BuildWatch } from '../../report/build-recorder.ts';
import { kernelWishes } from '../flags/checkout-flags.ts';
import { configuredBuild, packageNotes } from '../flags/configured-build.ts';
import { diskPassword } from '../flags/disk-password.ts';
import { compilerOptions, declaredEnv, noteBareBuild } from '../flags/compiler-flags.ts';
import { cacheDirOf, repository } from '../task.ts';
import { systemWord } from '../../system/find-page.ts';
import type { Task } from '../task.ts';
import { sourcesOf } from '../flags/chosen-sources.ts';

/** The build that the command line asks for. */
export interface ChosenBuild {
  readonly loaded: LoadedSystem;
  readonly request: PlanRequest;
  /** The time at which the task began, by `performance.now()`. */
  readonly startMs: number;
  /** The system, its profile and the sources in one sentence. */
  readonly about: string;
  /** The origin of the sources. */
  readonly from: string;
  /** Notes about packages that are built from recipes or left out. */
  readonly notes: readonly string[];
  /** Returns the command that boots the image at a path. */
  readonly bootCommand: (imagePath: string) => string;
}

/** Reads the page and chooses its profile, sources and packages. Contradicting arguments are a Failure (usage). */
export async function chosenBuild(task: Task): Promise<ChosenBuild> {
  const { args, host } = task;
  const startMs = performance.now();
  const loaded = await loadSystem(repository, systemWord(args.words[0] ?? '', task), cacheDirOf(task));
  const chosen = await withKernelCheckout({ system: loaded, sources: await sourcesOf(task, loaded) }, kernelWishes(task));
  checkBootWords(task);
  const { profile, packages, sources, recipes, ...configured } = await configuredBuild(task, chosen.system, chosen.sources, loaded.folder);
  const live = args.has('live');
  const system = live ? liveSystem(configured.system) : configured.system;
  const base = baseOf(task, system, profile);
  const needed = base ? onNix(system, profile) : withNeededSources(system, profile);
  const onlyNix = base && profileOf(needed, profile).components?.length === 0;
  const from = onlyNix ? 'nixpkgs alone' : sourceWords(sources, needed);
  const variant = `${live ? ' as a live image' : ''}${base ? ' on the base nix' : ''}`;
  return {
    loaded,
    request: {
      ...{ system, base, profile, live, packages, recipes, sources, root: loaded.folder },
      outDir: task.path(args.text('out') ?? loaded.outDir),
      password: args.has('dry-run') ? undefined : await passwordOf(task, system, profile),
      env: declaredEnv(args.list('env'), host.env),
      cacheDir: cacheDirOf(task),
      hostEnv: host.env,
    },
    startMs,
    about: `${needed.title}, profile ${profile} (${profileOf(needed, profile).title})${variant}, from ${from}`,
    from,
    notes: packageNotes({ system, sources, packages, recipes }),
    bootCommand: (imagePath) => bootCommand(task, loaded, profile, imagePath),
  };
}

/** The tools of a build, and how its progress is reported. */
export interface BuildTools {
  readonly compiler: CompileOptions;
  readonly watch: BuildWatch;
  readonly context: Context;
}

/** Opens the cache, prints what is built, and closes the cache however the build ends. */
export async function withCompiler(
  task: Task,
  { about, notes }: ChosenBuild,
  build: (tools: BuildTools) => Promise<Outcome>,
): Promise<Outcome> {
  const part = task.args.text('component');
  say(task, `building ${part === undefined ? '' : `${part} of `}${about}`);
  if (part === undefined) for (const text of notes) say(task, text);
  const watch = watchBuild(task);
  const cache = await openCache(cacheDirOf(task), process.pid, watch.report);
  try {
    const compiler = { cache, ...compilerOptions(task) };
    return await build({ compiler, watch, context: { report: watch.report, signal: task.signal } });
  } finally {
    watch.stop();
    await cache.close();
  }
}

/** Prints the plan: the project of each component with its folder, and the partitions of the image. */
export function printPlan({ host, print }: Task, { about, notes }: ChosenBuild, { request, system, projects }: SystemPlan): Outcome {
  const { base, profile } = request;
  print(about);
  for (const [name, { folder, project }] of projects) {
    print(`  ${name.padEnd(12)} ${project.triple ?? 'the host'}  ${relative(host.cwd, folder) || '.'}`);
  }
  if (base) {
    const { base: on, profile: from } = nixBaseOf(request.system, profile);
    print(`  nix-build ${on.expression} -A ${from.attribute}, with ${Object.keys(from.packages).join(', ') || 'no package of ours'}`);
    return {};
  }
  for (const text of notes) print(`  ${text}`);
  for (const { name, fileSystem, sizeBytes, files } of imageOf(system, profile).partitions) {
    const size = sizeBytes === undefined ? 'the rest' : formatBytes(sizeBytes);
    print(`  partition ${name}: ${fileSystem.kind}, ${size}, ${Object.keys(files).length} entries`);
  }
  return {};
}

/** Prints where the image is and how to boot it. Returns the object of --json. */
export async function reportImage(task: Task, build: ChosenBuild, built: BuiltSystem, { compiler, watch }: BuildTools): Promise<Outcome> {
  const { args, host, print } = task;
  const { system, profile, packages } = build.request;
  const { imagePath, manifestPath, image, sources, compiled, nix } = built;
  const seconds = secondsOf(build);
  const watched = await watch.finish(`${system.name}, profile ${profile}`, compiled, { cache: compiler.cache, name: system.name });
  if (!args.has('json')) print(relative(host.cwd, imagePath) || imagePath);
  const command = nix ? bootWords(system.name, imagePath, nix) : build.bootCommand(imagePath);
  const how = existsSync(join(repository, 'test-boot.ts')) ? `; boot it with ${command}` : '';
  say(task, `${formatBytes(image.bytes)}, sha256 ${image.sha256.slice(0, 16)}..., from ${build.from}${how}`);
  noteBareBuild(task);
  const { units, hits, misses } = compiled;
  return {
    json: {
      system: system.name,
      profile,
      sources,
      image: imagePath,
      manifest: manifestPath,
      bytes: image.bytes,
      sha256: image.sha256,
      ...(packages && { packages: { ...packages } }),
      ...(nix && { kernel: nix.kernel, initrd: nix.initrd ?? null, commandLine: nix.commandLine }),
      ...{ units, hits, misses, seconds },
      ...watched,
    },
  };
}

/** Prints the paths of the outputs of one component or recipe. Returns the object of --json. */
export async function reportPart(task: Task, build: ChosenBuild, part: BuiltPart, { compiler, watch }: BuildTools): Promise<Outcome> {
  const { args, host, print } = task;
  const { system, profile } = build.request;
  const { name, outputs, compiled } = part;
  const seconds = secondsOf(build);
  const watched = await watch.finish(`${system.name}, ${name}`, compiled, { cache: compiler.cache, name: system.name });
  if (!args.has('json')) for (const path of Object.values(outputs)) print(relative(host.cwd, path) || path);
  noteBareBuild(task);
  const { units, hits, misses } = compiled;
  return { json: { system: system.name, profile, component: name, outputs, units, hits, misses, seconds, ...watched } };
}

function say({ args, report }: Task, text: string): void {
  if (!args.has('quiet')) report({ kind: 'note', text });
}

/** Returns the seconds since the task began, with two decimals. */
function secondsOf({ startMs }: ChosenBuild): number {
  return Math.round((performance.now() - startMs) / 10) / 100;
}

/** Returns the password of the image's file system if it is to be encrypted. */
async function passwordOf(task: Task, system: System, profile: string): Promise<string | undefined> {
  const { args } = task;
  if (!args.has('encrypt')) {
    if (args.text('password-file') !== undefined) {
      throw cannot('use --password-file', 'the image is not to be encrypted', { blame: 'usage', hint: 'add --encrypt' });
    }
    return undefined;
  }
  const image = profileOf(system, profile).image ?? system.image;
  if (!image?.partitions.some(({ fileSystem }) => fileSystem.kind === 'redoxfs')) {
    throw cannot(`encrypt the image of ${system.name}`, 'it has no RedoxFS', { blame: 'usage' });
  }
  return await diskPassword(task, { again: true });
}

function baseOf({ args }: Task, { name, sources, profiles }: System, profile: string): 'nix' | undefined {
  const base = args.text('base') ?? profiles[profile]?.base;
  if (base === undefined || base === 'nix') return base;
  if (base !== 'debian') throw cannot(`use --base "${base}"`, 'it must be debian or nix', { blame: 'usage' });
  if (!sources) throw cannot(`build ${name} on the base debian`, 'its page has no such base', { blame: 'usage' });
  return undefined;
}

function bootCommand({ args, host }: Task, page: System, profile: string, imagePath: string): string {
  const word = shellWord(args.words[0] ?? page.name);
  if (args.text('config') !== undefined || args.has('live'))
    return `npx zx test-boot.ts --system ${word} --image ${shellWord(relative(host.cwd, imagePath))}`;
  return `npx zx test-boot.ts ${word}${profile === defaultProfile(page) ? '' : ` --profile ${profile}`}`;
}

/** Refuses a profile together with flags that also choose how the kernel is booted. */
function checkBootWords({ args }: Pick<Task, 'args'>): void {
  const flag = ['boot-method', 'grub-boot-protocol'].find((name) => args.text(name) !== undefined);
  if (flag === undefined || args.text('profile') === undefined) return;
  throw cannot('read the command line', `--profile and --${flag} both say how the kernel is booted`, {
    blame: 'usage',
    hint: 'leave one of them out',
  });
}

/** Returns the command that boots a closure of Nix. The machine starts its kernel directly. */
function bootWords(system: string, imagePath: string, { kernel, initrd, commandLine }: NixImage): string {
  const words = ['npx zx test-boot.ts --system', system, '--no-checks --image', shellWord(imagePath), '--kernel', shellWord(kernel)];
  return [...words, ...(initrd === undefined ? [] : ['--initrd', shellWord(initrd)]), `--append "${commandLine}"`].join(' ');
}

function sourceWords({ kind, local }: SourceChoice, system: System): string {
  const { sources, sourceOwner } = system;
  const own = Object.entries(local).map(([name, dir]) => `${name} from ${dir}`);
  const bundled =
    originsOf(system).size > 0 ? "bundled sources (small fixtures of ours; upstream's are not fetched)" : 'the sources next to its page';
  const plain = kind === 'bundled' ? bundled : "upstream's sources";
  const fetched = sources && `what was fetched of Debian ${sources.suite}`;
  const rest = fetched === undefined ? plain : sourceOwner ? `${plain} and ${fetched}` : fetched;
  return own.length === 0 ? rest : `${rest}, but ${own.join(', ')}`;
}
