// Minimizes a history with a fault: drops edits, features and peculiarities one by one as long as the same
// kind of fault remains.
import type { History } from './history.ts';
import type { Plan } from '../projects/plan.ts';
import type { Fault } from './replay.ts';
import { shapeOf } from '../projects/shape.ts';

/** Replays a history and returns its fault. */
export type Trial = (history: History) => Promise<Fault | undefined>;

/** Returns the smallest history found whose fault has the kind of `fault`, and that fault. */
export async function minimise(
  history: History,
  fault: Fault,
  trial: Trial,
): Promise<{ readonly history: History; readonly fault: Fault }> {
  let best = { history: { ...history, steps: history.steps.slice(0, fault.step) }, fault };
  for (let improved = true; improved;) {
    improved = false;
    for (const smaller of smallerOnes(best.history)) {
      const found = await trial(smaller);
      if (found?.kind !== fault.kind) continue;
      best = { history: { ...smaller, steps: smaller.steps.slice(0, found.step) }, fault: found };
      improved = true;
      break;
    }
  }
  return best;
}

/**
 * Yields histories with one edit, operation, feature or peculiarity less. Edits come first, because each
 * costs a build in all the others.
 */
function* smallerOnes(history: History): Generator<History> {
  const { plan, steps } = history;
  for (let index = steps.length - 1; index >= 0; index--) yield { ...history, steps: steps.toSpliced(index, 1) };
  for (const [at, step] of steps.entries()) {
    if (step.operations.length < 2) continue;
    for (const index of step.operations.keys()) {
      yield { ...history, steps: steps.with(at, { ...step, operations: step.operations.toSpliced(index, 1) }) };
    }
  }
  for (let index = plan.parts.length - 1; index >= 0; index--)
    yield { ...history, plan: { ...plan, parts: plan.parts.toSpliced(index, 1) } };
  for (const plainer of plainerOnes(plan)) yield { ...history, plan: plainer };
}

function plainerOnes(plan: Plan): readonly Plan[] {
  const { git: _, ...withoutGit } = plan;
  const { build } = shapeOf(plan.shape);
  const candidates: readonly Plan[] = [
    withoutGit,
    { ...plan, library: false },
    { ...plan, renamed: false },
    { ...plan, beside: 'beside' },
    { ...plan, config: build },
    { ...plan, parts: plan.parts.map((part) => ({ ...part, data: 'data', name: part.id })) },
  ];
  return candidates.filter((candidate) => JSON.stringify(candidate) !== JSON.stringify(plan));
}
