// An action: one command with everything that may change its result. The record is printable and its digest
// is the key, so a miss is explained by the difference of two records. All its paths are sandbox paths, which
// are the same for every user and checkout.
import type { Digest, Json } from '../core/digest.ts';
import { digestRecord, isDigest } from '../core/digest.ts';
import { isTable, isTexts, isTextTable } from '../core/stored-values.ts';

/** The digest of an action record. */
export type ActionKey = Digest & { readonly __actionKey: true };

/** Everything that may change the result of an action. Each field maps a name to a value or a digest. */
export interface ActionRecord {
  /**
   * Raised when the meaning of a record or of its result changes. The present format is 3. Records of format
   * 1 have no layout.
   */
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
  /** Entries that are staged in addition to the contents of `inputs`, if there are any: place -> entry. */
  readonly layout?: Readonly<Record<string, Staged>>;
  /** The folder that the action writes. Everything in it afterwards is the output. */
  readonly outputDir: string;
  /**
   * Isolates the action from undeclared files. A result of an action without a sandbox is never used for an
   * action in a sandbox.
   */
  readonly sandbox: 'bubblewrap' | 'none';
  /**
   * Set for incremental compilations: identifies the checkout. It is part of the key, so that checkouts never
   * share such results.
   */
  readonly checkout?: Digest;
  /** Set if the user allowed network access. Downloaded bytes are not part of the key. */
  readonly network?: true;
}

export interface Action {
  /** For messages. Not part of the key. */
  readonly label: string;
  readonly record: ActionRecord;
  /** Folders and files of this host that the sandbox contains, read-only: place -> absolute path. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Variables that do not change the result (NUM_JOBS). Not part of the key. */
  readonly ambientEnv: Readonly<Record<string, string>>;
  /**
   * Writable mounts in addition to those of the record: place -> absolute path (the pipe of the jobserver).
   * Not part of the key.
   */
  readonly ambientMounts?: Readonly<Record<string, string>>;
  /** The artifact that the command announces before it ends, and the function that is called then. */
  readonly early?: { readonly path: string; readonly there: (artifact: Artifact) => void };
  /** Present for actions of the user's own packages. The files that they read become part of their inputs. */
  readonly own?: OwnView;
  /** Path of the tracer's program on this host (lib/actions/sandbox/tracer.ts), for an action with `own`. */
  readonly tracer?: string;
  /** Path of the tracer's library on this host. Compilations in a sandbox load it. */
  readonly quiet?: string;
  /**
   * The folder with the incremental state of the compiler, an absolute path (stage.ts). Not part of the
   * key.
   */
  readonly incremental?: string;
  /** Inputs that another action is still creating. The command is started in the sandbox and waits for them. */
  readonly awaited?: AwaitedInputs;
  /** Called with the output folder when the command has succeeded. Its files are stored after that. */
  readonly finished?: (outDir: string) => Promise<void>;
  /** Folders of which the action gets a writable copy. Changes are discarded. */
  readonly shadowed?: readonly string[];
  /** Runs the command when a processor is free. Inputs are staged before, and outputs are stored after. */
  readonly slot?: <T>(command: () => Promise<T>) => Promise<T>;
}

/** Inputs that are not there yet. Only for an action that runs under the tracer. */
export interface AwaitedInputs {
  readonly places: readonly string[];
  /**
   * Passes on the function that takes the files: place -> path. They are in the output folder of an action whose
   * processes have ended. The function links them at once, because they move to the store.
   */
  readonly listen: (take: (files: Readonly<Record<string, string>>) => void) => void;
}

/** The files that an action of the user's own packages may read, and which of them are inputs. */
export interface OwnView {
  /** Places below which every file that was read is an input. */
  readonly counted: readonly string[];
  /**
   * Folders around the user's own folders, which the sandbox does not show: place -> absolute path on the
   * host.
   */
  readonly around: Readonly<Record<string, string>>;
  /**
   * Folders of inputs that the command may write to: the output folder of its package's build script. Changes
   * are discarded.
   */
  readonly mayWrite: readonly string[];
  /**
   * The user's own text (manifests, sources, configuration). A path outside of `counted` is shown only if
   * this text contains it.
   */
  readonly spelled: () => string;
  /**
   * Places for which the user's configuration contains a path. Those outside of `counted` are shown when the
   * command needs them.
   */
  readonly named: readonly string[];
  /** The user's home folder, an absolute path on the host. Its hidden entries are never shown. */
  readonly home: string | undefined;
}

/**
 * An entry of an action's output folder. Paths are relative to that folder and may have bytes that are not
 * UTF-8 (lib/core/paths.ts).
 */
export type Artifact = FileArtifact | FolderArtifact | LinkArtifact;

export interface FileArtifact {
  readonly kind: 'file';
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly executable: boolean;
}

/** An empty folder. Other folders follow from the paths of their entries. */
export interface FolderArtifact {
  readonly kind: 'folder';
  readonly path: string;
}

/** A symbolic link with its target unchanged. */
export interface LinkArtifact {
  readonly kind: 'link';
  readonly path: string;
  readonly target: string;
}

/**
 * An empty folder, a link with its target, or how a file of `inputs` is staged: as a copy, executable
 * ("program") or not ("data"). Files without an entry in the layout are read-only hard links to blobs, which
 * are all executable.
 */
export type Staged = 'folder' | `link ${string}` | 'program' | 'data';

/** The result of a successful action. Failures are not cached. */
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

/** Returns the files of a result. */
export function filesOfResult({ artifacts }: Pick<ActionResult, 'artifacts'>): readonly FileArtifact[] {
  return artifacts.filter(isFileArtifact);
}

/**
 * Reads a stored result. Returns undefined if it has another shape. Results of format 1 contain only files,
 * without a kind.
 */
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
