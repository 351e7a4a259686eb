// The rustc that cargo asks while it plans: the toolchain's own in a sandbox, because the project's flags reach it (-Zcodegen-backend, --sysroot),
// and what they name would be loaded by a process of the host. cargo is given a small script that starts it.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bubblewrapArgv } from '../../actions/sandbox/sandbox.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import { digestRecord } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import { foldersUp } from '../cargo/config-files.ts';
import { holdsHome } from '../unit/own-trees.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { toolchainIdentity } from '../toolchain/identity.ts';

/** What cargo is told about rustc. */
export interface PlanningRustc {
  /** The value of RUSTC. */
  readonly program: string;
  /** The value of CARGO_TARGET_DIR. It exists, because only then cargo keeps in it what this rustc answered. */
  readonly targetDir: string;
}

export interface PlanningRustcRequest {
  readonly toolchain: Toolchain;
  readonly cache: Pick<Cache, 'dir' | 'root' | 'tmpDir'>;
  readonly sandbox: Sandbox;
  /** Folders and files of the host that the project's flags may name. */
  readonly visible: readonly string[];
  readonly cwd: string;
  /** Whether this rustc may do unstable things unasked. RUSTC_BOOTSTRAP of cargo's environment is for cargo alone. */
  readonly bootstrap: boolean;
}

/** Everything in it is constant: its data are the files next to it, and what cargo asks stays a list of arguments. */
const script = '#!/bin/sh\nhere=${0%/*}\nexec "$here/bwrap" --args 3 -- "$here/program" "$@" 3<"$here/view"\n';

/** Writes the script once for each view; without a sandbox rustc itself is the program. */
export async function planningRustc(request: PlanningRustcRequest): Promise<PlanningRustc> {
  const { toolchain, cache, sandbox, bootstrap } = request;
  const planning = join(cache.dir, 'planning');
  if (sandbox.kind === 'none') {
    await mkdir(planning, { recursive: true });
    return { program: toolchain.rustc, targetDir: planning };
  }
  const own = join(toolchain.sysroot, 'bin/rustc');
  const program = existsSync(own) ? own : toolchain.rustc;
  const shown = [toolchain.sysroot, ...(program === own ? [] : [program]), ...request.visible];
  const view = (folder: string): readonly string[] => {
    const readOnly = Object.fromEntries([...shown, folder].map((path) => [path, path]));
    const words = bubblewrapArgv(sandbox, [], request.cwd, { readOnly, writable: {} });
    return [
      ...words.slice(1, words.lastIndexOf('--')),
      ...(bootstrap ? ['--setenv', 'RUSTC_BOOTSTRAP', '1'] : ['--unsetenv', 'RUSTC_BOOTSTRAP']),
    ];
  };
  const compiler = await toolchainIdentity(toolchain, cache.root); // or answers of another compiler in its place would be taken for its own
  const name = digestRecord({ script, view: view(''), bwrap: sandbox.program, program, compiler }).slice(0, 16);
  const folder = join(planning, name);
  if (!(await absentAsUndefined(stat(folder)))) {
    await mkdir(planning, { recursive: true });
    const partial = await mkdtemp(join(cache.tmpDir, 'planning-')); // projects are planned at once, also by one process
    await mkdir(join(partial, 'target'));
    await writeFile(
      join(partial, 'view'),
      view(folder)
        .map((word) => `${word}\0`)
        .join(''),
    );
    await symlink(sandbox.program, join(partial, 'bwrap'));
    await symlink(program, join(partial, 'program'));
    await writeFile(join(partial, 'rustc'), script, { mode: 0o755 });
    await rename(partial, folder).catch(async (error: unknown) => {
      await rm(partial, { recursive: true, force: true });
      if (!existsSync(folder)) throw error; // else another process was first
    });
  }
  return { program: join(folder, 'rustc'), targetDir: join(folder, 'target') };
}

/** The folder that a project's flags may name files of: the outermost above `dir` that belongs to it by its looks, never a home folder. */
export function projectFolder(dir: string, home: string = homedir()): string {
  const marks = ['Cargo.toml', '.cargo', '.git'];
  const candidates = foldersUp(dir).filter((folder) => !holdsHome(folder, home));
  return candidates.findLast((folder) => marks.some((mark) => existsSync(join(folder, mark)))) ?? dir;
}
