// An action: one command with everything that may change what it makes. The record is printable and its digest is the key, so an
// explanation of a miss is the difference of two records. All paths in it are those of the sandbox, the same for everybody.
import type { Digest, Json } from '../core/digest.ts';
import { digestRecord, isDigest } from '../core/digest.ts';
import { isTable, isTexts, isTextTable } from '../core/stored-values.ts';

/** The digest of an action record. */
export type ActionKey = Digest & { readonly __actionKey: true };

/** Everything that may change the result of an action. Each field maps a name to a value or a digest. */
export interface ActionRecord {
  /** Raised when the meaning of a record or of its result changes: 3 now. Records of format 1 have no layout. */
  readonly format: 1 | 2 | 3;
  readonly kind: 'rustc' | 'build-script' | 'recipe';
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Programs and libraries of the host or toolchain: name -> identity. */
  readonly tools: Readonly<Record<string, Digest>>;
  /** Whole source trees that may be read: place -> digest of the tree. */
  readonly trees: Readonly<Record<string, Digest>>;
  /** Single source files that were read: place -> digest, null where a file is absent. */
  readonly files: Readonly<Record<string, Digest | null>>;
  /** Artifacts of other actions: place -> digest. */
  readonly inputs: Readonly<Record<string, Digest>>;
  /** What is staged beside the contents of `inputs`, where there is any: place -> what is there. */
  readonly layout?: Readonly<Record<string, Staged>>;
  /** The folder that the action writes; everything in it afterwards is its output. */
  readonly outputDir: string;
  /** What keeps undeclared things out: results made without a sandbox are never taken for results made in one. */
  readonly sandbox: 'bubblewrap' | 'none';
  /** Of a compilation that goes on from half-done work: the checkout whose work it is, which no other's result may be taken for. */
  readonly checkout?: Digest;
  /** There where a person allowed the host's network; what came over it is not counted. */
  readonly network?: true;
}

export interface Action {
  /** For people; not in the key. */
  readonly label: string;
  readonly record: ActionRecord;
  /** What the sandbox shows of this host, read-only: place -> absolute path. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Variables that do not change the result (NUM_JOBS), kept out of the key. */
  readonly ambientEnv: Readonly<Record<string, string>>;
  /** Places beside the record's, kept out of the key: place -> absolute path (the pipe of the jobserver). Writable. */
  readonly ambientMounts?: Readonly<Record<string, string>>;
  /** The artifact that the command announces before it ends, and who waits for it. */
  readonly early?: { readonly path: string; readonly there: (artifact: Artifact) => void };
  /** Present for actions of the user's own packages: what they read becomes part of their inputs. */
  readonly own?: OwnView;
  /** The tracer's program on this host (lib/actions/sandbox/tracer.ts), for an action with `own`. */
  readonly tracer?: string;
  /** Folders that get a writable copy of themselves, of which nothing is kept: places. */
  readonly shadowed?: readonly string[];
  /** Runs the command when it may use a processor: what it needs is laid out before, what it made is stored after. */
  readonly slot?: <T>(command: () => Promise<T>) => Promise<T>;
}

/** What an action of the user's own packages may see, and what of it counts. */
export interface OwnView {
  /** Places below which everything that was read counts. */
  readonly counted: readonly string[];
  /** Where the folders around the user's own would be, none of which is shown: place -> absolute path of the host. */
  readonly around: Readonly<Record<string, string>>;
  /** Folders of inputs that the command may write to, though nothing of it is kept: the output folder of its package's build script. */
  readonly mayWrite: readonly string[];
  /** The user's own text (manifests, sources, configuration): a path outside of `counted` is shown only where this text spells it. */
  readonly spelled: () => string;
  /** Places that the user's configuration names by a path of its own; those outside of `counted` are shown where they are asked for. */
  readonly named: readonly string[];
  /** The user's home folder, an absolute path of the host: hidden entries of it are never shown. */
  readonly home: string | undefined;
}

/** What an action left in its output folder. Paths are relative to it and may have bytes that are not UTF-8 (lib/core/paths.ts). */
export type Artifact = FileArtifact | FolderArtifact | LinkArtifact;

export interface FileArtifact {
  readonly kind: 'file';
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly executable: boolean;
}

/** An empty folder; those with content follow from the paths in them. */
export interface FolderArtifact {
  readonly kind: 'folder';
  readonly path: string;
}

/** A symbolic link with its target as it was written. */
export interface LinkArtifact {
  readonly kind: 'link';
  readonly path: string;
  readonly target: string;
}

/**
 * An empty folder, a link with its target, or how a file of `inputs` is staged: as a copy that is a program or is none. Files that are not
 * in the layout are read-only hard links of blobs, which are all executable.
 */
export type Staged = 'folder' | `link ${string}` | 'program' | 'data';

/** What a successful action left: only success is remembered. */
export interface ActionResult {
  readonly artifacts: readonly Artifact[];
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export function isActionKey(value: unknown): value is ActionKey {
  return isDigest(value);
}

export function actionKey(record: ActionRecord): ActionKey {
  return digestRecord(recordJson(record)) as ActionKey;
}

export function recordJson(record: ActionRecord): Json {
  return { ...record };
}

export function resultJson(result: ActionResult): Json {
  return { ...result, artifacts: result.artifacts.map((artifact) => ({ ...artifact })) };
}

export function isFileArtifact(artifact: Artifact): artifact is FileArtifact {
  return artifact.kind === 'file';
}

/** The files of a result. */
export function filesOfResult({ artifacts }: Pick<ActionResult, 'artifacts'>): readonly FileArtifact[] {
  return artifacts.filter(isFileArtifact);
}

/** Reads a stored result; undefined when it has another shape. Results of format 1 have files only, without a kind. */
export function resultOf(value: Json): ActionResult | undefined {
  if (!isObject(value)) return undefined;
  const { artifacts, stdout, stderr, durationMs } = value;
  if (typeof stdout !== 'string' || typeof stderr !== 'string' || typeof durationMs !== 'number' || !Array.isArray(artifacts))
    return undefined;
  const read: Artifact[] = [];
  for (const artifact of artifacts as readonly Json[]) {
    const one = artifactOf(artifact);
    if (!one) return undefined;
    read.push(one);
  }
  return { artifacts: read, stdout, stderr, durationMs };
}

function artifactOf(value: Json): Artifact | undefined {
  if (!isObject(value)) return undefined;
  const { kind = 'file', path, digest, sizeBytes, executable, target } = value;
  if (typeof path !== 'string') return undefined;
  if (kind === 'folder') return { kind, path };
  if (kind === 'link') return typeof target === 'string' ? { kind, path, target } : undefined;
  if (kind !== 'file' || !isDigest(digest) || typeof sizeBytes !== 'number' || typeof executable !== 'boolean') return undefined;
  return { kind, path, digest, sizeBytes, executable };
}

/** Whether a stored value is a record, of this format or an earlier one. */
export function isActionRecord(value: unknown): value is ActionRecord {
  if (!isTable(value)) return false;
  const { format, kind, argv, cwd, outputDir, sandbox, env, tools, trees, files, inputs, layout = {} } = value;
  return (
    [1, 2, 3].includes(Number(format)) &&
    ['rustc', 'build-script', 'recipe'].includes(String(kind)) &&
    ['bubblewrap', 'none'].includes(String(sandbox)) &&
    isTexts(argv) &&
    typeof cwd === 'string' &&
    typeof outputDir === 'string' &&
    [env, tools, trees, inputs, layout].every(isTextTable) &&
    isTable(files) &&
    Object.values(files).every((digest) => digest === null || typeof digest === 'string')
  );
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return isTable(value);
}
