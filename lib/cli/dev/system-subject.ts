// A system in the rounds of tasks/dev.ts: components are compiled, the image is assembled, the machine is
// restarted and judged, and a command runs in it.
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { assembleSystem } from '../../assemble/build-system.ts';
import { compileSystem } from '../../assemble/compile-system.ts';
import { planSystem } from '../../assemble/plan-system.ts';
import { runInGuest } from '../../boot/guest-command.ts';
import type { BootTarget } from '../../boot/boot-target.ts';
import type { MachineOrder } from '../../boot/start-machine.ts';
import type { Context } from '../../core/events.ts';
import type { Json } from '../../core/digest.ts';
import { cargoHome } from '../../crates/cargo/config-files.ts';
import type { Compiled } from '../../crates/compiled.ts';
import { evidenceLines, reportLines } from '../../report/boot-report.ts';
import { pageFiles } from './page-files.ts';
import { reloadModules } from '../../watch/page-reload.ts';
import { projectFolders } from '../../watch/project-folders.ts';
import type { RoundCause } from '../../watch/rounds.ts';
import type { WatchSet } from '../../watch/watch-set.ts';
import { bootLimits, orderedMachine } from '../flags/boot-flags.ts';
import { cacheDirOf, repository } from '../task.ts';
import { compilerOptions } from '../flags/compiler-flags.ts';
import { chosenBuild } from '../tasks/build-task.ts';
import type { ChosenBuild } from '../tasks/build-task.ts';
import type { Task } from '../task.ts';
import { BuildClock, NotesOnce } from './build-clock.ts';
import { chosenShell, quickLimits } from './guest-command-task.ts';
import { KeptMachine } from './kept-machine.ts';
import { quietArgs } from './project-subject.ts';
import type { RoundResult } from './round-result.ts';
import type { Subject } from './subject.ts';
import { WarmCache } from './warm-cache.ts';

/** The last step of a round. `boot` builds nothing. */
export type Only = 'compile' | 'image' | 'boot';

interface Built {
  readonly result: RoundResult;
  /** The identity of everything that is booted. Undefined without an image. */
  readonly identity?: string;
}

export class SystemSubject implements Subject {
  readonly machine = new KeptMachine();
  readonly #task: Task;
  readonly #only: Only | undefined;
  readonly #more: readonly string[];
  readonly #notes = new NotesOnce();
  readonly #warm: WarmCache;
  #page: { readonly file: string; readonly files: ReadonlySet<string> } | undefined;
  /** The identity of what the running machine has booted. */
  #booted: string | undefined;

  /** `task` has the flags of tasks/build.ts and of test-boot.ts. `more`: further folders to watch. */
  constructor(task: Task, only: Only | undefined, more: readonly string[]) {
    this.#task = { ...task, args: quietArgs(task.args) };
    this.#only = only;
    this.#more = more;
    this.#warm = new WarmCache(cacheDirOf(task));
  }

  get title(): string {
    return this.#task.args.words[0] ?? '';
  }

  async watched(): Promise<WatchSet> {
    const task = this.#task;
    const { loaded, request } = await chosenBuild(task);
    const files = await pageFiles(loaded.file, join(repository, 'lib'));
    this.#page = { file: loaded.file, files: new Set(files) };
    if (this.#only === 'boot') return await this.#bootedFiles();
    const home = cargoHome(task.host.env);
    const { projects } = await planSystem(request);
    const sources = [...projects.values()].filter(({ kind }) => kind !== 'upstream');
    const folders = (await Promise.all(sources.map(({ folder }) => projectFolders(folder, home)))).flat();
    const named = [...folders, ...Object.values(request.sources.local), join(loaded.folder, loaded.name)];
    const own = named.filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
    const outputs = [request.outDir, cacheDirOf(task), ...folders.map((folder) => join(folder, 'target'))];
    return { folders: [...new Set([...own, ...this.#more])], files, excluded: outputs.filter((folder) => !own.includes(folder)) };
  }

  async round(cause: RoundCause, context: Context): Promise<RoundResult> {
    if (cause.paths.some((path) => this.#isOfPage(path))) reloadModules(this.#page?.files ?? []);
    const boots = this.#only === undefined || this.#only === 'boot';
    const builds = this.#only !== 'boot' && cause.kind !== 'reboot';
    const built = builds ? await this.#paused(() => this.#build(context)) : { result: { ok: true, parts: {} } };
    if (!boots) return built.result;
    if (builds && cause.kind === 'change' && built.identity === this.#booted && this.machine.isRunning) {
      await this.machine.resume();
      return { ...built.result, sameMachine: true };
    }
    this.#booted = undefined;
    const booted = await this.#boot(built.result, context);
    if (booted.verdict?.kind === 'booted') this.#booted = built.identity;
    return booted;
  }

  async close(): Promise<void> {
    await this.machine.stop();
    await this.#warm.close();
  }

  #isOfPage(path: string): boolean {
    return this.#page?.files.has(path) === true;
  }

  /** A guest in a busy loop would take a processor from the compilers. */
  async #paused<T>(work: () => Promise<T>): Promise<T> {
    await this.machine.pause();
    try {
      return await work();
    } catch (error) {
      await this.machine.resume();
      throw error;
    }
  }

  async #build({ signal, report }: Context): Promise<Built> {
    const task = this.#task;
    const clock = new BuildClock();
    const ordered = await chosenBuild(task);
    const watched = { signal, report: clock.watch(this.#notes.of(report)) };
    return await this.#warm.use(watched.report, async (cache) => {
      const compiler = { cache, ...compilerOptions(task) };
      const plan = await planSystem(ordered.request, watched);
      const parts = await compileSystem(plan, compiler, watched);
      if (this.#only === 'compile') return { result: builtResult(parts.compiled, clock) };
      const { imagePath, manifestPath } = await assembleSystem(plan, parts, compiler, watched);
      return { result: { ...builtResult(parts.compiled, clock), image: imagePath }, identity: await bootedBytes(manifestPath, ordered) };
    });
  }

  async #boot(built: RoundResult, { signal, report }: Context): Promise<RoundResult> {
    const { args } = this.#task;
    const { target, order } = await this.#machineOrder();
    const { system, log } = target;
    const transcript = this.#task.path(args.text('log') ?? log);
    const command = args.text('run');
    const shell = command === undefined ? undefined : chosenShell(args, system);
    let ran: RoundResult['command'];
    let commandMs = 0;
    const limits = bootLimits(args, system.console.limits);
    const { judgement, evidence, stopMs, firstMilestoneMs, promptMs, verdictMs } = await this.machine.boot(
      {
        ...order,
        ...{ rules: system.console, limits: args.text('grace') === undefined ? quickLimits(limits) : limits, steps: [], log: transcript },
        ask: !args.has('no-ask'),
        afterBoot: async ({ serial, ended }, prompt) => {
          if (command === undefined || !shell) return;
          const startMs = performance.now();
          const wanted = { command, shell, rules: system.console, prompt, shares: order.machine.shares ?? [] };
          const { status, output } = await runInGuest(serial, ended, { ...wanted, timeoutMs: args.seconds('timeout') }, { signal });
          ran = { text: command, status, output };
          commandMs = performance.now() - startMs;
        },
      },
      { signal, report: (event) => (event.kind === 'console' && !args.has('verbose') ? undefined : report(event)) },
      (milestone) => report({ kind: 'phase-started', phase: `booting: ${milestone}` }),
    );
    report({ kind: 'phase-finished', phase: 'booting', durationMs: 0 });
    const ok = judgement.verdict.kind === 'booted';
    const about = { system: system.name, subject: basename(order.image ?? target.image), judgement, transcript };
    if (!ok) for (const text of [...evidenceLines(evidence), ...reportLines(about)]) report({ kind: 'note', text });
    const decidedMs = verdictMs - commandMs;
    const firmware = firstMilestoneMs ?? decidedMs;
    const boot = (promptMs ?? decidedMs) - firmware;
    const parts = {
      ...built.parts,
      stop: stopMs,
      firmware,
      boot,
      judging: decidedMs - (promptMs ?? decidedMs),
      ...(ran && { command: commandMs }),
    };
    return { ...built, ok: ok && (ran?.status ?? 0) === 0, verdict: judgement.verdict, ...(ran && { command: ran }), parts };
  }

  async #machineOrder(): Promise<{ readonly target: BootTarget; readonly order: MachineOrder }> {
    const { args } = this.#task;
    if (args.text('out') === undefined) return await orderedMachine(this.#task, repository);
    // The image is in another folder than the one of the page.
    const { target } = await orderedMachine(this.#task, repository);
    const image = join(this.#task.path(args.text('out') ?? ''), basename(target.image));
    const named = { ...args, text: (flag: string) => (flag === 'image' ? image : args.text(flag)) };
    return await orderedMachine({ ...this.#task, args: named }, repository);
  }

  async #bootedFiles(): Promise<WatchSet> {
    const { order } = await this.#machineOrder();
    const { kernel } = order.machine;
    const files = [order.image, kernel?.image, kernel?.initrd].filter((path) => path !== undefined).map((path) => resolve(path));
    return { folders: [...this.#more], files: [...new Set([...files, ...(this.#page?.files ?? [])])], excluded: [] };
  }
}

function builtResult({ misses, hits }: Compiled, clock: BuildClock): RoundResult {
  const { total, ...parts } = clock.parts();
  return { ok: true, built: { compiled: misses, hits, seconds: total / 1000 }, parts };
}

/** Returns the digests of the image and of all outputs, and the description of the machine. */
async function bootedBytes(manifestPath: string, { request: { system, profile } }: ChosenBuild): Promise<string> {
  const { image, components } = JSON.parse(await readFile(manifestPath, 'utf8')) as {
    readonly image: Json;
    readonly components: Readonly<Record<string, { readonly outputs: Json }>>;
  };
  const outputs = Object.entries(components).map(([name, component]): Json => [name, component.outputs]);
  return JSON.stringify([image, outputs, system.machine, system.profiles[profile]?.machine ?? null, dirname(manifestPath)]);
}
