// The dep-info file of rustc (`--emit=dep-info`): which files a crate was compiled from and which variables it read. A Makefile
// fragment; spaces in paths are escaped with a backslash, variables stand in comments.

export interface DepInfo {
  /** As rustc writes them: relative to its working directory, or absolute. */
  readonly files: readonly string[];
  /** Names of variables that env!() and option_env!() asked for, set or not. */
  readonly variables: readonly string[];
}

export function parseDepInfo(text: string): DepInfo {
  const files = new Set<string>();
  const variables = new Set<string>();
  for (const line of text.split('\n')) {
    const variable = /^# env-dep:([^=]*)/.exec(line)?.[1];
    if (variable !== undefined) variables.add(variable);
    // Every input also stands alone as "path:", so that make does not mind when it goes.
    const alone = /^(\S.*):$/.exec(line)?.[1];
    if (alone !== undefined && !line.startsWith('#')) files.add(alone.replaceAll('\\ ', ' '));
  }
  return { files: [...files], variables: [...variables] };
}
