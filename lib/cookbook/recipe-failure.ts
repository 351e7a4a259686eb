// The failures of a recipe as sentences: what is missing, or how its script ended, with the last lines of its
// log.
import type { Made } from '../actions/lookup.ts';
import { cannot, Failure } from '../core/errors.ts';
import { installHint, toolPackages } from '../core/tools.ts';
import type { Recipe } from './recipe.ts';

const shownLines = 30;
/** Exit code of `lacks` in script-functions.sh. */
const lacksCode = 69;

export const recipeFailure = { lacksProgram, script, several };

function lacksProgram({ name }: Recipe, program: string): Failure {
  const hint = Object.hasOwn(toolPackages, program) ? installHint(program) : `install the package ${packageOf(program)}`;
  return cannot(`build the recipe ${name}`, `the host lacks ${program}`, { blame: 'host', hint });
}

function script({ name }: Recipe, { stdout, stderr, exitCode }: Exclude<Made, { ok: true }>, log: string): Failure {
  const words = `${stdout}${stderr}`.trimEnd();
  const detail = words.split('\n').slice(-shownLines).join('\n');
  const hint = `the whole log is in ${log}`;
  const hunk = /^Hunk #(\d+) FAILED at (\d+)/m.exec(words);
  const where = hunk ? ` (hunk ${hunk[1]}, at line ${hunk[2]}, does not)` : '';
  const found = /^lacks: (.*)$/m.exec(words)?.[1];
  const lack = found === undefined ? undefined : `${found}${where}`;
  if (lack !== undefined)
    return cannot(`build the recipe ${name}`, `it lacks ${lack}`, { blame: exitCode === lacksCode ? 'host' : 'failed', detail, hint });
  const unknown = /: line \d+: ([\w.+-]+): command not found$/m.exec(words)?.[1];
  if (exitCode === 127 && unknown !== undefined) {
    return cannot(`build the recipe ${name}`, `the host lacks ${unknown}`, { blame: 'host', detail, hint });
  }
  const end = exitCode === null ? 'was killed by a signal' : `exited with ${exitCode}`;
  return cannot(`build the recipe ${name}`, `its script ${end}`, { detail, hint });
}

/** Returns the package of a tool that only builds for other triples need, by its name in most distributions. */
function packageOf(program: string): string {
  if (program.startsWith('llvm-')) return 'llvm';
  if (program === 'ld.lld') return 'lld';
  return program.startsWith('clang') ? 'clang' : `that has ${program}`;
}

/** Returns one Failure for all failures of a build with --keep-going. */
function several(failed: ReadonlyMap<string, unknown>, all: number): Failure {
  const failures = [...failed.values()].filter((error): error is Failure => error instanceof Failure);
  const [only] = failures;
  if (only && failures.length === 1) return only;
  const detail = failures.map((one) => [...(one.detail === undefined ? [] : [one.detail]), one.message].join('\n')).join('\n');
  const blame = failures.every((one) => one.blame === 'host') ? 'host' : 'failed';
  return cannot('build all recipes', `${failures.length} of ${all} failed: ${[...failed.keys()].join(', ')}`, { blame, detail });
}
