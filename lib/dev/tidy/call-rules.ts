// Calls and words that are not used in this repository, each with its replacement. The rules are data, and
// the functions below apply them.
import { complaint, isTest } from './rule.ts';
import type { Rule, SourceFile } from './rule.ts';
import { codeOf, importsOf, lineAt } from '../../core/modules/source-text.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Where the call is allowed. */
  readonly allowed: (path: string) => boolean;
}

const nowhere = (): boolean => false;
/** The module that ends a process, when all of its output was written. */
const atTheEnd = (path: string): boolean => path === 'lib/cli/task.ts';
const inTests = isTest;
/**
 * The modules of lib/cli that read the environment and set the folder of Node's cache. Tests may read the
 * real environment.
 */
const inCli = (path: string): boolean => ['lib/cli/task.ts', 'lib/cli/compile-cache.ts'].includes(path) || isTest(path);

/** Searched for in code, with comments and strings blanked. */
const bannedCode: readonly Ban[] = [
  { pattern: /\bprocess\.exit\(/g, instead: 'set process.exitCode in lib/cli/task.ts and let the process end', allowed: atTheEnd },
  { pattern: /\bconsole\.\w+\(/g, instead: 'print of lib/cli/task.ts, or report an event', allowed: inTests },
  { pattern: /\bDate\.now\(|\bnew Date\(\s*\)/g, instead: 'performance.now() for durations; a date is an argument', allowed: inCli },
  { pattern: /\bMath\.random\(/g, instead: 'a name derived from content, or mkdtemp', allowed: inTests },
  { pattern: /\bprocess\.env\b/g, instead: 'host.env, passed on by lib/cli/task.ts', allowed: inCli },
  { pattern: /\bprocess\.cwd\(/g, instead: 'host.cwd, passed on by lib/cli/task.ts', allowed: inCli },
  { pattern: /\bprocess\.argv\b/g, instead: 'args, passed on by lib/cli/task.ts', allowed: inCli },
  { pattern: /\.localeCompare\(/g, instead: 'byCodeUnit of lib/core/digest.ts', allowed: nowhere },
  { pattern: /\.toLocale\w+\(/g, instead: 'lib/core/sizes.ts: the same on every machine', allowed: nowhere },
  {
    pattern: /^\s*(?:export\s+)?(?:const\s+|declare\s+)?enum\s/gm,
    instead: 'a union of strings: Node strips types, it does not compile them',
    allowed: nowhere,
  },
  { pattern: /^\s*(?:export\s+)?(?:declare\s+)?namespace\s/gm, instead: 'a module', allowed: nowhere },
  { pattern: /\bas\s+unknown\s+as\b/g, instead: 'a guard, or the real type', allowed: nowhere },
  { pattern: /(?::|\bas|<)\s*any\b(?!\s*\()/g, instead: 'unknown and a check, or the real type', allowed: nowhere },
];

/** Searched for in the whole text. The rules themselves may contain the words that they ban. */
const bannedText: readonly Ban[] = [
  { pattern: /@ts-(?:ignore|nocheck|expect-error)/g, instead: 'a type that is right', allowed: nowhere },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/g, instead: 'do it, or an issue', allowed: nowhere },
];

/** Modules that only one module uses. */
const bannedImports: readonly Ban[] = [
  {
    pattern: /^(?:node:)?child_process$/,
    instead: 'run or start of lib/core/sh.ts',
    allowed: (path) => path === 'lib/core/sh.ts',
  },
  { pattern: /^zx\/globals$/, instead: 'named imports', allowed: nowhere },
  {
    pattern: /^zx(?:\/|$)/,
    instead: 'run or start of lib/core/sh.ts; in a task, shell of lib/cli/shell.ts',
    allowed: (path) => /^lib\/cli\/shell(?:\.test)?\.ts$/.test(path),
  },
  { pattern: /^(?:uvu|uvu\/assert)$/, instead: 'a test file', allowed: isTest },
];

export const calls: Rule = (file) => [
  ...matches(file, codeOf(file.text), bannedCode),
  ...(file.path.startsWith('lib/dev/tidy/') ? [] : matches(file, file.text, bannedText)),
  ...importsOf(file.text).flatMap(({ name, line }) =>
    bannedImports
      .filter(({ pattern, allowed }) => pattern.test(name) && !allowed(file.path))
      .slice(0, 1)
      .map(({ instead }) => complaint(file, line, `no import of "${name}" here; instead: ${instead}`)),
  ),
];

function matches(file: SourceFile, text: string, bans: readonly Ban[]): readonly string[] {
  return bans
    .filter(({ allowed }) => !allowed(file.path))
    .flatMap(({ pattern, instead }) =>
      [...text.matchAll(pattern)].map((match) =>
        complaint(file, lineAt(text, match.index), `no "${match[0].trim()}" here; instead: ${instead}`),
      ),
    );
}
