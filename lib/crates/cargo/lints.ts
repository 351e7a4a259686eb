// `[lints]` of a manifest as rustc's flags. Neither the unit graph nor the metadata has them, so the manifest is read; a package
// may take those of its workspace. Order and spelling follow cargo: by priority, then by name backwards, check-cfg apart.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { mayName, parseToml, tableOf } from './config-files.ts';

export interface LintArgs {
  /** `--warn=unexpected_cfgs`, ... */
  readonly flags: readonly string[];
  /** The expectations of `unexpected_cfgs.check-cfg`, as they stand. */
  readonly checkCfg: readonly string[];
}

/** The lint flags of the package whose manifest is given. `workspaceRoot` tells the folder of the workspace whose table it may inherit. */
export async function lintArgs(manifestPath: string, workspaceRoot: () => string): Promise<LintArgs> {
  const own = tableOf((await readToml(manifestPath))['lints']);
  if (own['workspace'] !== true) return flagsOf(own);
  return flagsOf(tableOf(tableOf((await readToml(join(workspaceRoot(), 'Cargo.toml')))['workspace'])['lints']));
}

export function flagsOf(lints: TomlTable): LintArgs {
  const rows: { flag: string; name: string; priority: number }[] = [];
  const checkCfg: string[] = [];
  for (const [tool, entries] of Object.entries(lints)) {
    if (tool === 'cargo') continue;
    for (const [name, value] of Object.entries(tableOf(entries))) {
      const config = typeof value === 'string' ? { level: value } : tableOf(value);
      const level = typeof config['level'] === 'string' ? config['level'] : 'warn';
      const priority = typeof config['priority'] === 'bigint' || typeof config['priority'] === 'number' ? Number(config['priority']) : 0;
      rows.push({ flag: `--${level}=${tool === 'rust' ? name : `${tool}::${name}`}`, name, priority });
      const expected = config['check-cfg'];
      if (tool === 'rust' && name === 'unexpected_cfgs' && Array.isArray(expected)) checkCfg.push(...expected.map(String));
    }
  }
  rows.sort((a, b) => a.priority - b.priority || byCodeUnit(b.name, a.name) || byCodeUnit(a.flag, b.flag));
  return { flags: rows.map((row) => row.flag), checkCfg: checkCfg.flatMap((expectation) => ['--check-cfg', expectation]) };
}

/** A manifest that names no lints is not parsed. */
async function readToml(path: string): Promise<TomlTable> {
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined || !mayName(text, 'lints')) return {};
  try {
    return parseToml(text);
  } catch (error) {
    throw cannot(`read "${path}"`, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it is not TOML', { cause: error });
  }
}
