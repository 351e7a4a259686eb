// Replays a history with both builders and compares them after each edit. The correct outcome is that of
// cargo in an empty folder. Cargo's incremental build is tried first because it is faster, and is accepted if
// Bloomery's agrees with it.
import { join } from 'node:path';
import type { Context } from '../../core/events.ts';
import { removeTree } from '../../core/paths.ts';
import { difference } from './build-outcome.ts';
import type { BuildOutcome, Builder } from './build-outcome.ts';
import { Checkout } from './checkout.ts';
import type { History } from './history.ts';
import type { Reference, Step } from '../projects/operation.ts';
import { projectOf } from '../projects/project.ts';
import type { Project } from '../projects/project.ts';

export interface Builders {
  readonly cargo: Builder;
  readonly ours: Builder;
}

export interface Fault {
  readonly seed: number;
  /** 0 for the build before the first edit. */
  readonly step: number;
  /** The operations before it. */
  readonly after: string;
  readonly kind: string;
  readonly text: string;
}

export interface Replayed {
  /** Number of compared builds. */
  readonly compared: number;
  /** Number of builds for which cargo built in an empty folder. */
  readonly fresh: number;
  /** Number of steps that both builders refused. */
  readonly refused: number;
  readonly fault?: Fault;
}

const initial: Step = { name: 'the initial state', operations: [], reference: 'fresh', idle: false };

/** Replays the history in `folder`, which does not exist yet, up to the first fault. */
export async function replay(history: History, folder: string, builders: Builders, context: Context): Promise<Replayed> {
  const project = projectOf(history.plan);
  const site = new ReplaySite(project, await Checkout.create(project, join(folder, 'work')), folder, builders, context);
  const counts = { compared: 0, fresh: 0, refused: 0 };
  for (const [index, step] of [initial, ...history.steps].entries()) {
    const fault = await site.take(step, counts);
    if (fault) return { ...counts, fault: { seed: history.seed, step: index, after: step.name, ...fault } };
    if (index === 0 && site.refused) break;
  }
  return counts;
}

/** The folders of a replay, and the correct outcomes before and after the last edit. */
class ReplaySite {
  readonly #project: Project;
  readonly #checkout: Checkout;
  readonly #folder: string;
  readonly #builders: Builders;
  readonly #context: Context;
  #right: BuildOutcome | undefined;
  #rightBefore: BuildOutcome | undefined;

  constructor(project: Project, checkout: Checkout, folder: string, builders: Builders, context: Context) {
    this.#project = project;
    this.#checkout = checkout;
    this.#folder = folder;
    this.#builders = builders;
    this.#context = context;
  }

  get refused(): boolean {
    return this.#right?.kind !== 'built';
  }

  /** Applies the edit, builds and compares. If both builders refused the previous edit, it is undone first. */
  async take(step: Step, counts: { compared: number; fresh: number; refused: number }): Promise<Pick<Fault, 'kind' | 'text'> | undefined> {
    const undoes = step.operations.some(({ op }) => op === 'undo');
    if (this.#right && (undoes || this.refused)) {
      const fault = await this.#takeBack(counts);
      if (fault || undoes) return fault;
    }
    await this.#checkout.apply(step.operations);
    const own = await this.#buildOurs();
    this.#rightBefore = this.#right;
    let reference: Reference = step.reference;
    if (reference === 'incremental') {
      this.#right = await this.#buildWithCargo();
      if (difference(own, this.#right)) reference = 'fresh';
    }
    if (reference === 'fresh') {
      counts.fresh++;
      this.#right = await this.#buildFresh();
    }
    counts.compared++;
    if (this.refused) counts.refused++;
    return this.#faultOf(own, step.idle && this.#rightBefore?.kind === 'built');
  }

  /** The outcome before the last edit is known, so cargo need not build it again. */
  async #takeBack(counts: { compared: number }): Promise<Pick<Fault, 'kind' | 'text'> | undefined> {
    if (this.#checkout.reversible && this.#rightBefore) {
      await this.#checkout.undo();
      this.#right = this.#rightBefore;
    }
    this.#rightBefore = undefined;
    counts.compared++;
    return this.#faultOf(await this.#buildOurs(), !this.#project.always);
  }

  #faultOf(own: BuildOutcome, idle: boolean): Pick<Fault, 'kind' | 'text'> | undefined {
    const differs = this.#right && difference(own, this.#right);
    if (differs) return differs;
    if (idle && own.kind === 'built' && own.units > 0) return { kind: 'needless', text: `${own.units} units were built` };
    return undefined;
  }

  async #buildOurs(): Promise<BuildOutcome> {
    return this.#builders.ours(this.#checkout.folder, join(this.#folder, 'out'), this.#checkout.settings, this.#context);
  }

  async #buildWithCargo(): Promise<BuildOutcome> {
    return this.#builders.cargo(this.#checkout.folder, join(this.#folder, 'target'), this.#checkout.settings, this.#context);
  }

  /** Builds in an empty folder, which incremental builds use from then on. */
  async #buildFresh(): Promise<BuildOutcome> {
    removeTree(join(this.#folder, 'target'));
    return this.#buildWithCargo();
  }
}
