// A history: a project, and the edits that are applied to it one after the other. A seed determines all of
// it.
import { generalStep } from '../projects/general-edits.ts';
import type { Manner, Step } from '../projects/operation.ts';
import { randomPlan } from '../projects/plan.ts';
import type { Plan } from '../projects/plan.ts';
import { projectOf } from '../projects/project.ts';
import type { Project } from '../projects/project.ts';
import { Random } from '../projects/random.ts';

export interface History {
  readonly seed: number;
  readonly plan: Plan;
  readonly steps: readonly Step[];
}

const featureShare = 0.6;
const manners: readonly (Manner | undefined)[] = [undefined, undefined, undefined, 'renamed', 'dated back'];
/** Share of steps with two edits at once, because builds take longer than edits. */
const togetherShare = 0.3;

/** Returns the history of a seed; `edits` is the number of its steps. */
export function historyOf(seed: number, edits: number): History {
  const random = new Random(seed);
  const plan = randomPlan(random);
  const project = projectOf(plan);
  const steps: Step[] = [];
  while (steps.length < edits) {
    const step = random.chance(featureShare) ? featureStep(project, random) : generalStep(project, plan, random);
    if (!step) continue;
    const more = stands(step) && random.chance(togetherShare) ? featureStep(project, random) : undefined;
    steps.push(more ? together(step, more) : step);
  }
  return { seed, plan, steps };
}

function featureStep({ edits, always }: Project, random: Random): Step | undefined {
  if (edits.length === 0) return undefined;
  const { feature, does, operations, reference = 'incremental', idle = false } = random.pick(edits);
  const manner = random.pick(manners);
  const inManner = operations.map((operation) =>
    manner !== undefined && (operation.op === 'write' || operation.op === 'swap') ? { ...operation, manner } : operation,
  );
  return {
    name: `${feature}: ${does}${manner === undefined ? '' : ` (${manner})`}`,
    operations: inManner,
    reference: manner === 'dated back' ? 'fresh' : reference,
    idle: idle && !always,
  };
}

/**
 * Whether another edit may follow in the same step: not after an undo, and not if the step checks that
 * nothing is built.
 */
function stands({ operations, idle }: Step): boolean {
  return !idle && operations.every(({ op }) => op !== 'undo');
}

function together(one: Step, other: Step): Step {
  return {
    name: `${one.name}, ${other.name}`,
    operations: [...one.operations, ...other.operations],
    reference: one.reference === 'fresh' ? 'fresh' : other.reference,
    idle: false,
  };
}
