// The work of tasks/closure.ts: its verbs.
import { cannot, nearest } from '../../core/errors.ts';
import { closureBytes, closureSizes, findNode, shortestPath, treeLines } from '../../closure/graph.ts';
import { packageDiff } from '../../closure/diff.ts';
import { help, namedClosure, storePlace } from './closure-argument.ts';
import type { NamedClosure } from './closure-argument.ts';
import { changeJson, changeLine, closureJson, comparisonLines, packageLine, sizeLines } from './closure-tables.ts';
import type { Flag } from '../command-line.ts';
import { optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import { hash, verify } from './closure-store-verbs.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

export const closureFlags = {
  store: {
    type: 'string',
    value: 'DIR',
    help: 'folder with the files of the store, if it is not that of the paths (default /nix/store for bare names)',
  },
  out: { type: 'string', value: 'DIR', help: 'folder of images and their manifests (default out)' },
  from: {
    type: 'string',
    value: 'CACHE',
    help: 'store paths are in this binary cache: a folder, or a URL of file:, http: or https: (copy alone checks signatures)',
  },
  to: { type: 'string', value: 'DIR', help: 'replace, copy, cache: the folder that is written' },
  replacement: {
    type: 'string',
    multiple: true,
    value: 'OLD=NEW',
    help: 'replace: use NEW instead of OLD; the names must have the same length',
  },
  cutoff: { type: 'string', multiple: true, value: 'PATH', help: 'replace: do not change PATH, whatever it refers to' },
  whole: { type: 'boolean', help: 'replace: also copy unchanged paths to DIR, so that it has the whole closure of the new root' },
  'trusted-key': {
    type: 'string',
    multiple: true,
    value: 'KEY',
    help: 'copy, verify: paths must be signed by this public key, or one of these',
  },
  'secret-key': { type: 'string', value: 'FILE', help: 'cache: sign with the key in FILE (nix key generate-secret)' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

interface Verb {
  /** The arguments after the verb, for an error. */
  readonly words: string;
  readonly count: readonly [min: number, max: number];
  readonly work: (task: Task, words: readonly string[]) => Promise<Outcome>;
}

/** The interface of lib/cli/closure/closure-replace-verb.ts. */
interface ReplaceVerb {
  readonly replace: Verb['work'];
}

/** The interface of lib/cli/closure/closure-cache-verbs.ts. */
interface CacheVerbs {
  readonly copy: Verb['work'];
  readonly writeCache: Verb['work'];
}

const verbs: Readonly<Record<string, Verb>> = {
  size: { words: 'A [B]', count: [1, 2], work: size },
  packages: { words: 'A [B]', count: [1, 2], work: packages },
  tree: { words: 'A [B]', count: [1, 2], work: tree },
  why: { words: 'A B', count: [2, 2], work: why },
  hash: { words: 'PATH', count: [1, 1], work: hash },
  replace: { words: 'ROOT --replacement OLD=NEW --to DIR', count: [1, 1], work: replace },
  copy: { words: 'CACHE PATH --to DIR', count: [2, 2], work: copy },
  cache: { words: 'ROOT --to DIR', count: [1, 1], work: writeCache },
  verify: { words: 'PATH', count: [1, 1], work: verify },
};

export async function studyClosure(task: Task): Promise<Outcome> {
  const [word = '', ...words] = task.args.words;
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (!verb) {
    const near = nearest(word, Object.keys(verbs));
    const hint = near ? `did you mean ${near}? ${help}` : help;
    throw cannot(`do "${word}" with a closure`, `the verbs are ${Object.keys(verbs).join(', ')}`, { blame: 'usage', hint });
  }
  const [min, max] = verb.count;
  if (words.length < min) throw cannot('read the command line', `${word} needs ${verb.words}`, { blame: 'usage', hint: help });
  if (words.length > max) throw cannot('read the command line', `"${words[max]}" is one word too many`, { blame: 'usage', hint: help });
  return await verb.work(task, words);
}

async function replace(task: Task, words: readonly string[]): Promise<Outcome> {
  const part = await optionalPart<ReplaceVerb>(repository, 'replace', 'replace dependencies', ['replace']);
  return await part.replace(task, words);
}

async function copy(task: Task, words: readonly string[]): Promise<Outcome> {
  return await (await cacheVerbs('copy from a binary cache')).copy(task, words);
}

async function writeCache(task: Task, words: readonly string[]): Promise<Outcome> {
  return await (await cacheVerbs('write a binary cache')).writeCache(task, words);
}

async function cacheVerbs(what: string): Promise<CacheVerbs> {
  return await optionalPart<CacheVerbs>(repository, 'binary-caches', what, ['copy', 'writeCache']);
}

async function size(task: Task, words: readonly string[]): Promise<Outcome> {
  const closures = await closuresOf(words, task);
  const [a, b] = closures;
  const lines = a && b ? comparisonLines(a, b, packageDiff(a.closure, b.closure)) : a ? sizeLines(a) : [];
  for (const line of lines) task.print(line);
  const listed = closures.map((named) => {
    const sizes = closureSizes(named.closure);
    const nodes = [...named.closure.nodes.values()];
    return { ...closureJson(named), sizes: nodes.map(({ id, kind, bytes }) => ({ id, kind, bytes, closureBytes: sizes.get(id) ?? 0 })) };
  });
  return { json: { closures: listed, ...(a && b ? { difference: closureBytes(b.closure) - closureBytes(a.closure) } : {}) } };
}

async function packages(task: Task, words: readonly string[]): Promise<Outcome> {
  const closures = await closuresOf(words, task);
  const [a, b = a] = closures;
  if (!a || !b) return {};
  const changes = packageDiff(a.closure, b.closure);
  const shown = a === b ? changes : changes.filter(({ change }) => change !== 'same');
  for (const change of shown) task.print(a === b ? packageLine(change) : changeLine(change));
  if (shown.length === 0) task.print('The same packages.');
  return { json: { closures: closures.map(closureJson), packages: shown.map(changeJson) } };
}

async function tree(task: Task, words: readonly string[]): Promise<Outcome> {
  const closures = await closuresOf(words, task);
  for (const { closure, storeDir } of closures) {
    for (const line of treeLines(closure, labelOf(storeDir))) task.print(line);
  }
  const listed = closures.map((named) => ({
    ...closureJson(named),
    tree: [...named.closure.nodes.values()].map(({ id, references }) => ({ id, references: [...references] })),
  }));
  return { json: { closures: listed } };
}

async function why(task: Task, [first = '', second = '']: readonly string[]): Promise<Outcome> {
  const { name, closure, storeDir } = await namedClosure(first, task);
  const wanted = storeDir === undefined ? second : (await storePlace(second, task)).name;
  const { id } = findNode(closure, wanted, name);
  const path = shortestPath(closure, closure.root, id) ?? [];
  for (const [depth, step] of path.entries())
    task.print(`${depth === 0 ? '' : `${'    '.repeat(depth - 1)}└───`}${labelOf(storeDir)(step)}`);
  return { json: { closures: [closureJson({ name, closure })], path: [...path] } };
}

async function closuresOf(words: readonly string[], task: Task): Promise<readonly NamedClosure[]> {
  const closures: NamedClosure[] = [];
  for (const word of words) closures.push(await namedClosure(word, task));
  return closures;
}

function labelOf(storeDir: string | undefined): (id: string) => string {
  return storeDir === undefined ? (id) => id : (id) => `${storeDir}/${id}`;
}
