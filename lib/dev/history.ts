// A history: a project, and the edits that are made to it one after the other. All of it follows from a seed.
import { generalStep } from './general-edits.ts';
import type { Step } from './operation.ts';
import { randomPlan } from './plan.ts';
import type { Plan } from './plan.ts';
import { projectOf } from './project.ts';
import type { Project } from './project.ts';
import { Random } from './random.ts';

export interface History {
  readonly seed: number;
  readonly plan: Plan;
  readonly steps: readonly Step[];
}

const featureShare = 0.6;

/** Returns the history of a seed; `edits` is the number of its steps. */
export function historyOf(seed: number, edits: number): History {
  const random = new Random(seed);
  const plan = randomPlan(random);
  const project = projectOf(plan);
  const steps: Step[] = [];
  while (steps.length < edits) {
    const step = random.chance(featureShare) ? featureStep(project, random) : generalStep(project, plan, random);
    if (step) steps.push(step);
  }
  return { seed, plan, steps };
}

function featureStep({ edits, always }: Project, random: Random): Step | undefined {
  if (edits.length === 0) return undefined;
  const { feature, does, operations, reference = 'incremental', idle = false } = random.pick(edits);
  return { name: `${feature}: ${does}`, operations, reference, idle: idle && !always };
}
