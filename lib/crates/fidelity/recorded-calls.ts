// Records the calls of the real cargo for a project: every call of rustc and every run of a build script,
// with its arguments, folder and environment. Cargo itself runs, with a wrapper in front of rustc. The
// wrapper compiles only build scripts and their dependencies. For everything else cargo gets empty files,
// because it does not read them. This module does not know Bloomery's plans.
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { run } from '../../core/sh.ts';
import { planningVariables } from '../cargo/config-files.ts';
import { selectionArgs } from '../project.ts';
import type { Project } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import { isNightly } from '../toolchain/toolchain.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';

export interface RecordedCall {
  readonly kind: 'rustc' | 'build-script';
  /** Without the program. */
  readonly argv: readonly string[];
  /** Absolute path. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Recording {
  readonly calls: readonly RecordedCall[];
  /** The variables with which cargo was started, and which it passes to everything that it starts. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly targetDir: string;
}

export interface RecordingOptions {
  readonly toolchain: Toolchain;
  /**
   * The user's variables. Cargo gets PATH, HOME and CARGO_HOME of them, and the variables that the project
   * declares.
   */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly rustSrc: RustSrc | undefined;
  /** Further arguments of cargo: the sources of the standard library's packages. */
  readonly sources: readonly string[];
  /** The result of `targetsOf`. */
  readonly targets: readonly string[];
  /** An empty folder for cargo's target directory and the notes of the wrapper. */
  readonly scratchDir: string;
}

/** Shell: reads from the arguments of rustc ("$@") which files it writes. */
const readCall = `crate= out= extra= types= before= needs= emit= target=
for word; do
  case "$before $word" in
    '--crate-name '*) crate=$word;;
    '--crate-type '*) types="$types $word";;
    '--out-dir '*) out=$word;;
    '--target '*) target=$word;;
    '-C extra-filename='*) extra=\${word#*=};;
    '--extern '*=*) needs="$needs \${word#*=}";;
  esac
  case $word in --emit=*) emit=$word;; esac
  before=$word
done
`;

/** Shell: writes these files, empty, and stores their names in $made. */
const writeEmpty = `case $emit in
  *link*) [ -n "$types" ] || types=bin;;
  *) made=lib$crate$extra types=;;
esac
for type in $types; do
  made=lib$crate$extra
  case $type in
    lib|rlib) : >"$out/$made.rlib";;
    dylib|cdylib|proc-macro) : >"$out/$made.so";;
    staticlib) : >"$out/$made.a";;
    bin) made=$crate$extra; : >"$out/$made"; chmod +x "$out/$made";;
  esac
done
case $emit in *metadata*) : >"$out/lib$crate$extra.rmeta";; esac
echo "$out/$crate$extra.d:" >"$out/$crate$extra.d"
`;

/**
 * $notes/call.* is one call, in parts that end with a zero byte: kind, folder, number of arguments,
 * arguments, NAME=VALUE of the environment. $notes/unmade/FILE is an empty library: it contains the command
 * that compiles it, for the case that a build script needs it.
 */
const wrapper = (notes: string): string => `#!/bin/sh
set -e
notes='${notes}'
note() {
  kind=$1; shift
  file=$(mktemp "$notes/part.XXXXXX")
  { printf '%s\\0' "$kind" "$PWD" "$#" "$@"; env -0; } >"$file"
  mv "$file" "$notes/call.\${file##*.}"
}
stem() { name=\${1##*/}; echo "\${name%.*}"; }
make() {
  local made line
  for made; do
    line="$notes/unmade/$(stem "$made")"
    [ -e "$line" ] || continue
    make $(cat "$line.needs")
    xargs -0 -x -s 1000000 sh -c 'cd "$0" && exec env -i "$@"' <"$line" >&2
    rm -f "$line"
  done
}
if [ "$1" = --script ]; then program=$2; shift 2; note build-script "$@"; exec "$program" "$@"; fi
[ -n "$CARGO_CRATE_NAME" ] || exec "$@"
rustc=$1; shift
note rustc "$@"
${readCall}case $crate in build_script_*)
  make $needs
  "$rustc" "$@"
  program=$out/$crate$extra
  mv "$program" "$program.program"
  printf '#!/bin/sh\\nexec "%s" --script "%s" "$@"\\n' "$0" "$program.program" >"$program"
  chmod +x "$program"
  exit;;
esac
${writeEmpty}{ printf '%s\\0' "$PWD"; env -0; printf '%s\\0' "$rustc" "$@"; } >"$notes/unmade/$made"
echo "$needs" >"$notes/unmade/$made.needs"
`;

/** Runs cargo with the wrapper. An error of cargo is a Failure. */
export async function recordCargo(project: Project, options: RecordingOptions, { signal }: Context): Promise<Recording> {
  const { toolchain, hostEnv, rustSrc, sources, targets, scratchDir } = options;
  const [notes, program, targetDir] = [join(scratchDir, 'notes'), join(scratchDir, 'wrapper'), join(scratchDir, 'target')];
  await mkdir(join(notes, 'unmade'), { recursive: true });
  await writeFile(program, wrapper(notes));
  await chmod(program, 0o755);
  const inherited = ['HOME', 'CARGO_HOME'].flatMap((name) => (hostEnv[name] === undefined ? [] : [[name, hostEnv[name]] as const]));
  const baseEnv: Record<string, string> = {
    ...Object.fromEntries(inherited),
    ...planningVariables(hostEnv, toolchain.unstableCargo),
    PATH: hostEnv['PATH'] ?? '/usr/bin:/bin',
    CARGO_TARGET_DIR: targetDir,
    RUSTC: toolchain.rustc,
    RUSTC_WRAPPER: program,
    ...(rustSrc ? { __CARGO_TESTS_ONLY_SRC_ROOT: rustSrc.libraryDir } : {}),
    // As a user of a stable toolchain has to, who compiles the standard library.
    ...(rustSrc && !isNightly(toolchain) ? { RUSTC_BOOTSTRAP: '1' } : {}),
    // The variables with which `cargo clippy` starts `cargo check`.
    ...(project.clippy ? { RUSTC_WORKSPACE_WRAPPER: join(toolchain.sysroot, 'bin/clippy-driver'), CLIPPY_ARGS: '' } : {}),
    ...project.env,
  };
  // One at a time, because two scripts may need the same library.
  const { command = 'build' } = project;
  const asked = command === 'test' ? [command, '--no-run'] : [command];
  const argv = [toolchain.cargo, ...asked, '--offline', '--jobs', '1', ...selectionArgs(project, targets), ...sources];
  const { exitCode, stderr } = await run(argv, { cwd: project.dir, env: baseEnv, signal });
  if (exitCode !== 0) throw cannot(`record cargo's calls for "${project.dir}"`, `cargo ended with status ${exitCode}`, { detail: stderr });
  const names = (await readdir(notes)).filter((name) => name.startsWith('call.')).sort(byCodeUnit);
  const calls = await Promise.all(names.map(async (name) => callOf(await readFile(join(notes, name), 'utf8'))));
  return { calls, baseEnv, targetDir };
}

/** Reads one note of the wrapper. */
export function callOf(text: string): RecordedCall {
  const [kind = '', cwd = '', count = '0', ...rest] = text.split('\0');
  const argv = rest.slice(0, Number(count));
  const env = rest.slice(Number(count), -1).map((entry): [string, string] => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return { kind: kind === 'build-script' ? kind : 'rustc', argv, cwd, env: Object.fromEntries(env) };
}

/**
 * Creates a folder with a program "bwrap" that replaces bubblewrap: it writes empty files if rustc would
 * compile for a target (any named triple), and passes everything else to the real one. Files for the host are
 * really compiled, because build scripts need them.
 */
export async function sandboxStandIn(dir: string, bubblewrap: string): Promise<string> {
  const program = join(dir, 'bwrap');
  const script = `#!/bin/sh
set -e
${readCall}
[ -n "$crate" ] && [ -n "$target" ] && [ -n "$out" ] || exec '${bubblewrap}' "$@"
older= before=
for word; do
  [ "$older $word" != "--bind $out" ] || folder=$before
  older=$before before=$word
done
out=$folder
${writeEmpty}`;
  await mkdir(dir, { recursive: true });
  await writeFile(program, script);
  await chmod(program, 0o755);
  return dir;
}
