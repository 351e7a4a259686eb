// Variables of the user's environment that cargo heeds while it plans. Everything else of that environment is kept from cargo. Pure.

type Env = Readonly<Record<string, string>>;

const heeded = new RegExp(
  `^(?:${[
    'RUSTFLAGS',
    'CARGO_ENCODED_RUSTFLAGS',
    'CARGO_BUILD_(?:RUSTFLAGS|TARGET|INCREMENTAL)',
    'CARGO_TARGET_.+_(?:RUSTFLAGS|LINKER)',
    'CARGO_PROFILE_.+',
    'CARGO_RESOLVER_.+',
    'CARGO_INCREMENTAL',
    'CI', // since 1.99 cargo compiles without incremental state where it is set
  ].join('|')})$`,
);

/** Programs that cargo would start in front of rustc. cargo never sees them: it would start them on the host. */
const wrappers = ['RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER', 'CARGO_BUILD_RUSTC_WRAPPER', 'CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER'] as const;

/** The variables that cargo is started with, sorted by name. `nightly`: whether cargo heeds CARGO_UNSTABLE_*. */
export function planningVariables(hostEnv: Env, nightly: boolean): Env {
  const names = Object.keys(hostEnv).filter((name) => heeded.test(name) || (nightly && name.startsWith('CARGO_UNSTABLE_')));
  return Object.fromEntries(names.sort().map((name) => [name, hostEnv[name] ?? '']));
}

/** The variables that may change how units are compiled: those of planning, and those that name wrappers. */
export function compilingVariables(hostEnv: Env): Env {
  const named = wrappers.flatMap((name) => (hostEnv[name] === undefined ? [] : [[name, hostEnv[name]] as const]));
  return { ...planningVariables(hostEnv, true), ...Object.fromEntries(named) };
}

/** Sets every variable that names a wrapper to the empty text, which cargo takes for no wrapper, whatever its configuration says. */
export const noWrappers: Env = Object.fromEntries(wrappers.map((name) => [name, '']));

/** The name of a variable of cargo's for one target: "x86_64-unknown-none", "LINKER" -> "CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER". */
export function targetVariable(triple: string, key: string): string {
  return `CARGO_TARGET_${triple.toUpperCase().replaceAll(/[-.]/g, '_')}_${key}`;
}
