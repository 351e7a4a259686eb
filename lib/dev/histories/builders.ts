// The two builders that are compared: the real cargo, and tasks/crates.ts. Each runs as a separate process.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, itemOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { parseJsonFields } from '../../core/fields.ts';
import { outputOf, run } from '../../core/sh.ts';
import { taskResult, unitsBuilt } from '../stress/task-result.ts';
import { outputsOf } from './build-outcome.ts';
import type { BuildOutcome, Builder } from './build-outcome.ts';
import type { Settings } from './checkout.ts';

export type Env = Readonly<Record<string, string>>;

const task = join(import.meta.dirname, '../../../tasks/crates.ts');
/** Exit codes with which tasks/crates.ts reports that a project cannot be built. */
const refusals: readonly (number | null)[] = [1, 2];

/**
 * Variables that cargo itself uses. tasks/crates.ts also reads them from its environment, and others only
 * from --env.
 */
const ofCargo = /^(?:RUSTFLAGS$|CARGO_)/;

/** Returns the host's triple. cargo gets it as a target, so that it treats the host like tasks/crates.ts. */
export async function hostTriple(env: Env, { signal }: Context): Promise<string> {
  const text = await outputOf('ask rustc for its host', ['rustc', '-vV'], { cwd: '/', env, signal });
  const triple = /^host: (.+)$/m.exec(text)?.[1];
  if (triple === undefined) throw cannot('ask rustc for its host', 'its answer has no line "host:"', { blame: 'host', detail: text });
  return triple;
}

/** Returns a builder with cargo. Its place is cargo's target folder. */
export function cargoBuilder(env: Env, triple: string): Builder {
  return async (folder, place, { variables, flags }: Settings, context) => {
    const words = ['build', '--offline', '--target', triple, '--message-format', 'json-render-diagnostics', ...flags];
    const own = { CARGO_TARGET_DIR: place, CARGO_INCREMENTAL: '0', CARGO_TERM_COLOR: 'never' };
    const { exitCode, stdout, stderr } = await run(['cargo', ...words], {
      cwd: folder,
      env: { ...env, ...variables, ...own },
      signal: context.signal,
    });
    if (exitCode !== 0) return { kind: 'refused', text: stderr };
    const messages = stdout.split('\n').filter((line) => line.startsWith('{'));
    const programs: Record<string, string> = {};
    let units = 0;
    for (const line of messages) {
      const message = parseJsonFields(line, 'the messages of cargo');
      if (message.text('reason') === 'compiler-artifact' && message.flag('fresh') === false) units++;
      const target = message.table('target');
      const executable = message.value('executable');
      if (typeof executable === 'string' && target?.texts('kind')?.includes('bin')) programs[target.requiredText('name')] = executable;
    }
    return { kind: 'built', outputs: await outputsOf(programs, context), units };
  };
}

/** Returns a builder with tasks/crates.ts and one cache. Its place is the folder of programs. */
export function ownBuilder(env: Env, node: string, cache: string): Builder {
  return async (folder, place, { variables, flags }, context): Promise<BuildOutcome> => {
    await mkdir(place, { recursive: true });
    const given = Object.entries(variables).filter(([name]) => ofCargo.test(name));
    const declared = Object.entries(variables).flatMap(([name, value]) => (ofCargo.test(name) ? [] : ['--env', `${name}=${value}`]));
    const words = [folder, '--cache', cache, '--out', place, '--json', '--quiet', ...flags, ...declared];
    const { exitCode, stdout, stderr } = await run([node, task, ...words], {
      cwd: place,
      env: { ...env, ...Object.fromEntries(given) },
      signal: context.signal,
    });
    if (refusals.includes(exitCode)) return { kind: 'refused', text: stderr };
    if (exitCode !== 0) return { kind: 'crashed', text: `exit code ${exitCode}: ${stderr.trim()}` };
    const result = taskResult(stdout);
    const bins = itemOf(result.tables('projects'), 0).table('bins');
    const programs = Object.fromEntries((bins?.names() ?? []).flatMap((name) => (bins ? [[name, bins.requiredText(name)]] : [])));
    return { kind: 'built', outputs: await outputsOf(programs, context), units: unitsBuilt(result) };
  };
}
