// A rule of this repository: a pure function from a file to complaints, each with a line and a proposal.
import type { lineAt } from '../../core/modules/source-text.ts';

export interface SourceFile {
  /** Relative to the root, with slashes: "lib/core/sh.ts". */
  readonly path: string;
  readonly text: string;
}

/** "lib/core/sh.ts:7: ...". */
export type Complaint = string;

export type Rule = (file: SourceFile) => readonly Complaint[];

export function complaint(file: Pick<SourceFile, 'path'>, line: ReturnType<typeof lineAt>, what: string): Complaint {
  return `${file.path}:${line}: ${what}`;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}
