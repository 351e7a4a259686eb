// What tasks/build.ts does: flags to a build request, and what it says before and after.
import { relative } from 'node:path';
import { openCache } from '../../cache/cache.ts';
import { cannot } from '../../core/errors.ts';
import { formatBytes } from '../../core/sizes.ts';
import { buildSystem } from '../../assemble/build-system.ts';
import type { BuildRequest } from '../../assemble/build-request.ts';
import { fetchedSources, withNeededSources } from '../../sources/fetched-sources.ts';
import { projectsOf } from '../../assemble/component-projects.ts';
import type { SourceChoice } from '../../system/component.ts';
import { nixBaseOf, onNix } from '../../system/nix-profile.ts';
import type { NixImage } from '../../rootfs/nix/nix-base.ts';
import { originsFor, originsOf } from '../../sources/upstream-sources.ts';
import { withKernelCheckout } from '../../system/kernel-checkout.ts';
import { liveSystem } from '../../system/live-image.ts';
import { loadSystem } from '../../system/load.ts';
import type { LoadedSystem } from '../../system/load.ts';
import { defaultProfile, imageOf, profileOf } from '../../system/system.ts';
import type { System } from '../../system/system.ts';
import { watchBuild } from '../../report/build-recorder.ts';
import type { BuildWatch } from '../../report/build-recorder.ts';
import type { Flag } from '../command-line.ts';
import { checkoutFlags, kernelWishes } from '../flags/checkout-flags.ts';
import { configurationFlags, configuredBuild, packageNotes } from '../flags/configured-build.ts';
import { diskPassword, passwordFlags } from '../flags/disk-password.ts';
import { compilerFlags, compilerOptions, declaredEnv, noteBareBuild } from '../flags/compiler-flags.ts';
import { cacheDirOf } from '../flags/cache-flag.ts';
import { systemWord } from '../system-word.ts';
import type { Task } from '../task.ts';
import { sourcesOf } from '../flags/chosen-sources.ts';
import type { Outcome } from '../../report/outcome.ts';
import { repository } from '../repository.ts';
import { sourceFlags } from '../flags/source-flags.ts';

export const buildFlags = {
  profile: { type: 'string', value: 'P', help: "the variant of the image (default: the system's own)" },
  base: {
    type: 'string',
    value: 'debian|nix',
    help: 'what the programs are put on: packages of Debian (the default), or a closure that Nix builds',
  },
  ...sourceFlags,
  out: { type: 'string', value: 'DIR', help: 'where the image and its manifest go (default: out)' },
  scheme: { type: 'string', value: 'NAME', help: 'a scheme of the OSDK.toml of a checkout (--source asterinas=DIR)' },
  ...checkoutFlags,
  live: { type: 'boolean', help: 'build the variant that runs from memory' },
  encrypt: { type: 'boolean', help: 'encrypt the RedoxFS of the image; asks for a password' },
  ...passwordFlags,
  component: { type: 'string', value: 'C', help: 'build only this component or recipe, and no image' },
  ...configurationFlags,
  'dry-run': { type: 'boolean', help: 'say what would be built, and build nothing' },
  ...compilerFlags,
} as const satisfies Record<string, Flag>;

/** What a command line asks to build. */
export interface OrderedBuild {
  readonly loaded: LoadedSystem;
  readonly request: Omit<BuildRequest, 'compile' | 'password'>;
  /** The system of the request on its base. */
  readonly system: System;
}

/** Loads the page, and applies checkouts, configuration and flags to it. Builds nothing. */
export async function orderedBuild(task: Task): Promise<OrderedBuild> {
  const { args, host } = task;
  const loaded = await loadSystem(repository, systemWord(args.words[0] ?? '', task), cacheDirOf(task));
  const chosen = await withKernelCheckout({ system: loaded, sources: await sourcesOf(task, loaded) }, kernelWishes(task));
  checkBootWords(task);
  const { system: configured, ...configuration } = await configuredBuild(task, chosen.system, chosen.sources, loaded.folder);
  const live = args.has('live');
  const page = live ? liveSystem(configured) : configured;
  const base = baseOf(task, page, configuration.profile);
  const system = base ? onNix(page, configuration.profile) : withNeededSources(page, configuration.profile);
  const outDir = task.path(args.text('out') ?? loaded.outDir);
  const env = declaredEnv(args.list('env'), host.env);
  return { loaded, request: { ...configuration, system: page, base, live, root: loaded.folder, outDir, env }, system };
}

export async function build(task: Task): Promise<Outcome> {
  const { args, host, print, report, signal } = task;
  const startMs = performance.now();
  const { loaded, request: ordered, system } = await orderedBuild(task);
  const { system: page, profile, base, live, sources, packages, recipes } = ordered;
  const say = (text: string): void => {
    if (!args.has('quiet')) report({ kind: 'note', text });
  };
  const onlyNix = base && profileOf(system, profile).components?.length === 0;
  const from = onlyNix ? 'nixpkgs alone' : sourceWords(sources, system);
  const variant = `${live ? ' as a live image' : ''}${base ? ' on the base nix' : ''}`;
  const about = `${system.title}, profile ${profile} (${profileOf(system, profile).title})${variant}, from ${from}`;
  if (args.has('dry-run')) return await dryRun(task, about, { ...ordered, page, system });
  const password = await passwordOf(task, page, profile);
  const part = args.text('component');
  say(`building ${part === undefined ? '' : `${part} of `}${about}`);
  for (const text of part === undefined ? packageNotes({ system: page, sources, packages, recipes }) : []) say(text);
  const watch = watchBuild(task);
  const cache = await openCache(cacheDirOf(task), process.pid, watch.report);
  try {
    const compile = { cache, ...compilerOptions(task) };
    const request = { ...ordered, password, compile };
    if (part !== undefined) return await buildPart(task, part, request, watch, startMs);
    const { imagePath, manifestPath, image, sources: taken, compiled, nix } = await buildSystem(request, { report: watch.report, signal });
    const seconds = secondsSince(startMs);
    const watched = await watch.finish(`${system.name}, profile ${profile}`, compiled, { cache, name: system.name });
    if (!args.has('json')) print(relative(host.cwd, imagePath) || imagePath);
    const how = nix ? bootWords(system.name, imagePath, nix) : bootCommand(task, loaded, profile, imagePath);
    say(`${formatBytes(image.bytes)}, sha256 ${image.sha256.slice(0, 16)}..., from ${from}; boot it with ${how}`);
    noteBareBuild(task);
    const { units, hits, misses } = compiled;
    return {
      json: {
        system: system.name,
        profile,
        sources: taken,
        image: imagePath,
        manifest: manifestPath,
        bytes: image.bytes,
        sha256: image.sha256,
        ...(packages && { packages: { ...packages } }),
        ...(nix && { kernel: nix.kernel, initrd: nix.initrd ?? null, commandLine: nix.commandLine }),
        units,
        hits,
        misses,
        seconds,
        ...watched,
      },
    };
  } finally {
    watch.stop();
    await cache.close();
  }
}

/** One component or recipe, without an image. */
async function buildPart(task: Task, name: string, request: BuildRequest, watch: BuildWatch, startMs: number): Promise<Outcome> {
  const { args, host, print, signal } = task;
  const { system, profile, compile } = request;
  const { buildComponent } = await import('../../assemble/build-component.ts'); // few builds are of one part
  const { outputs, compiled } = await buildComponent(request, name, { report: watch.report, signal });
  const watched = await watch.finish(`${system.name}, ${name}`, compiled, { cache: compile.cache, name: system.name });
  if (!args.has('json')) for (const path of Object.values(outputs)) print(relative(host.cwd, path) || path);
  noteBareBuild(task);
  const { units, hits, misses } = compiled;
  return {
    json: { system: system.name, profile, component: name, outputs, units, hits, misses, seconds: secondsSince(startMs), ...watched },
  };
}

interface DryRun extends Pick<BuildRequest, 'root' | 'base' | 'profile' | 'packages' | 'recipes' | 'sources' | 'env'> {
  readonly page: System;
  readonly system: System;
}

/** Prints what would be built. */
async function dryRun({ host, print, ...task }: Task, about: string, request: DryRun): Promise<Outcome> {
  const { page, base, system, profile, packages, recipes, sources } = request;
  const at = { root: request.root, cacheDir: cacheDirOf({ host, print, ...task }), env: host.env };
  const fetched = (await fetchedSources(system, at))?.folder;
  const origins = await originsFor(request, at);
  const projects = projectsOf({ ...request, fetched, origins });
  print(about);
  for (const [name, { folder, project }] of projects) {
    print(`  ${name.padEnd(12)} ${project.triple ?? 'the host'}  ${relative(host.cwd, folder) || '.'}`);
  }
  if (base) {
    const { base: on, profile: from } = nixBaseOf(page, profile);
    print(`  nix-build ${on.expression} -A ${from.attribute}, with ${Object.keys(from.packages).join(', ') || 'no package of ours'}`);
    return {};
  }
  for (const text of packageNotes({ system: page, sources, packages, recipes })) print(`  ${text}`);
  for (const { name, fileSystem, sizeBytes, files } of imageOf(system, profile).partitions) {
    const size = sizeBytes === undefined ? 'the rest' : formatBytes(sizeBytes);
    print(`  partition ${name}: ${fileSystem.kind}, ${size}, ${Object.keys(files).length} entries`);
  }
  return {};
}

/** Returns the password of the image's disk if it is to be encrypted. */
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

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 10) / 100;
}

function baseOf({ args }: Task, { name, sources, profiles }: System, profile: string): 'nix' | undefined {
  const base = args.text('base') ?? profiles[profile]?.base;
  if (base === undefined || base === 'nix') return base;
  if (base !== 'debian') throw cannot(`use --base "${base}"`, 'it must be debian or nix', { blame: 'usage' });
  if (!sources) throw cannot(`build ${name} on the base debian`, 'its page has no such base', { blame: 'usage' });
  return undefined;
}

function bootCommand({ args, host }: Task, page: System, profile: string, imagePath: string): string {
  const word = args.words[0] ?? page.name;
  if (args.text('config') !== undefined || args.has('live')) return `npx zx test-boot.ts --system ${word} --image ${relative(host.cwd, imagePath)}`;
  return `npx zx test-boot.ts ${word}${profile === defaultProfile(page) ? '' : ` --profile ${profile}`}`;
}

/** Two ways to say what is built. */
function checkBootWords({ args }: Pick<Task, 'args'>): void {
  const flag = ['boot-method', 'grub-boot-protocol'].find((name) => args.text(name) !== undefined);
  if (flag === undefined || args.text('profile') === undefined) return;
  throw cannot('read the command line', `--profile and --${flag} both say how the kernel is booted`, { blame: 'usage', hint: 'leave one of them out' });
}

/** The machine starts the kernel of the closure directly. */
function bootWords(system: string, imagePath: string, { kernel, initrd, commandLine }: NixImage): string {
  const words = ['npx zx test-boot.ts --system', system, '--no-checks --image', imagePath, '--kernel', kernel];
  return [...words, ...(initrd === undefined ? [] : ['--initrd', initrd]), `--append "${commandLine}"`].join(' ');
}

function sourceWords({ kind, local }: SourceChoice, system: System): string {
  const { sources, sourceOwner } = system;
  const own = Object.entries(local).map(([name, dir]) => `${name} from ${dir}`);
  const bundled = originsOf(system).size > 0 ? "bundled sources (small fixtures of ours; upstream's are not fetched)" : 'the sources next to its page';
  const plain = kind === 'bundled' ? bundled : "upstream's sources";
  const fetched = sources && `what was fetched of Debian ${sources.suite}`;
  const rest = fetched === undefined ? plain : sourceOwner ? `${plain} and ${fetched}` : fetched;
  return own.length === 0 ? rest : `${rest}, but ${own.join(', ')}`;
}
