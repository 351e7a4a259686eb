// The lines that cargo prints with --message-format json about a finished unit: messages of the compiler, its
// artifacts, and the output of a build script. Editors read them. Format:
// https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages. Places of the sandbox are
// replaced by the user's paths. Only computes.
import { toHostPaths } from '../../actions/sandbox/sandbox.ts';
import type { View } from '../../actions/sandbox/sandbox.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { pathsOfUnit } from '../unit/source-view.ts';
import { outDirOf } from '../unit/inputs.ts';
import { isCount } from '../unit/messages.ts';

/** Returns the `compiler-message` lines of a call of rustc. `ansi`: texts keep their colours. */
export function compilerMessages(unit: PlannedUnit, stderr: string, ansi: boolean): readonly string[] {
  const view: View = { readOnly: pathsOfUnit(unit), writable: {} };
  return stderr.split('\n').flatMap((line) => {
    const message = line.startsWith('{') ? diagnosticOf(line, view, ansi) : undefined;
    return message === undefined ? [] : [JSON.stringify({ reason: 'compiler-message', ...head(unit), target: targetOf(unit), message })];
  });
}

/** The files of a unit, as absolute paths. */
export interface ArtifactFiles {
  readonly filenames: readonly string[];
  readonly executable: string | null;
}

/** Returns the `compiler-artifact` line of a compiled unit. */
export function compilerArtifact(unit: PlannedUnit, { filenames, executable }: ArtifactFiles, fresh: boolean): string {
  const { profile, features, tested } = unit.unit;
  const debuginfo = profile.debuginfo === 'none' ? 0 : /^\d$/.test(profile.debuginfo) ? Number(profile.debuginfo) : profile.debuginfo;
  return JSON.stringify({
    reason: 'compiler-artifact',
    ...head(unit),
    target: targetOf(unit),
    profile: {
      opt_level: profile.optLevel,
      debuginfo,
      debug_assertions: profile.debugAssertions,
      overflow_checks: profile.overflowChecks,
      test: tested,
    },
    features,
    filenames,
    executable,
    fresh,
  });
}

/**
 * Returns the `build-script-executed` line of a run of a build script. `outDir` is its output folder on the
 * host.
 */
export function scriptExecuted({ planned, directives }: BuiltUnit, outDir: string): string {
  const view: View = { readOnly: { ...pathsOfUnit(planned), [outDirOf(planned)]: outDir }, writable: {} };
  const shown = (text: string): string => toHostPaths(text, view);
  return JSON.stringify({
    reason: 'build-script-executed',
    package_id: planned.unit.pkgId,
    linked_libs: directives?.linkLibs ?? [],
    linked_paths: (directives?.linkSearch ?? []).map(shown),
    cfgs: directives?.cfgs ?? [],
    env: Object.entries(directives?.env ?? {}).map(([name, value]) => [name, shown(value)]),
    out_dir: outDir,
  });
}

function head({ unit, owner }: PlannedUnit): { readonly package_id: string; readonly manifest_path: string } {
  return { package_id: unit.pkgId, manifest_path: owner.manifestPath };
}

function targetOf({ unit: { target } }: PlannedUnit): object {
  const { kind, crateTypes, name, srcPath, edition, requiredFeatures, doc, doctest, test } = target;
  return {
    kind,
    crate_types: crateTypes,
    name,
    src_path: srcPath,
    edition,
    ...(requiredFeatures.length > 0 ? { 'required-features': requiredFeatures } : {}),
    doc,
    doctest,
    test,
  };
}

/**
 * Returns a line of rustc as cargo passes it on. Undefined for lines that are not diagnostics, and for
 * diagnostics that only count others.
 */
function diagnosticOf(line: string, view: View, ansi: boolean): object | undefined {
  const mapped = (key: string, value: unknown): unknown => {
    if (typeof value !== 'string' || (key !== 'file_name' && key !== 'rendered')) return value;
    const text = toHostPaths(value, view);
    return ansi ? text : text.replace(/\x1b\[[0-9;]*m/g, '');
  };
  try {
    const message: unknown = JSON.parse(line, mapped);
    if (typeof message !== 'object' || message === null || !('level' in message && 'message' in message)) return undefined;
    return typeof message.message === 'string' && isCount(message.message) ? undefined : message;
  } catch {
    return undefined; // a line that a macro printed
  }
}
