// A generated project: its files, and the edits of its features. Computed from a plan.
import { posix } from 'node:path';
import type { Content, FileSet } from './content.ts';
import { filled } from './feature.ts';
import type { Edit, PackageText, Places, Role, Tables } from './feature.ts';
import { featureOf } from './features.ts';
import { ManifestDraft } from './manifest-draft.ts';
import type { Operation } from './operation.ts';
import { PackageDraft } from './package-draft.ts';
import type { Part, Plan } from './plan.ts';
import { shapeOf } from './shape.ts';
import type { Shape, Workspace } from './shape.ts';

export interface Project {
  readonly files: FileSet;
  /** The folder in which a build is started, relative to the top. */
  readonly build: string;
  readonly git: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly edits: readonly (Edit & { readonly feature: string })[];
  /** Some script runs at every build. */
  readonly always: boolean;
  /** Some script depends on every file of its package. */
  readonly silent: boolean;
}

export function projectOf(plan: Plan): Project {
  const shape = shapeOf(plan.shape);
  const roles = rolesOf(plan);
  const packages = new Map(roles.map((role) => [role, new PackageDraft(role)]));
  const roots = new Map(shape.workspaces.map(({ folder }) => [folder, new ManifestDraft()]));
  const config = new ManifestDraft();
  const files = new Map<string, Content>();
  const chosen = plan.parts.map((part) => ({ part, feature: featureOf(part.feature), places: placesOf(plan, shape, part) }));
  for (const { part, feature, places } of chosen) {
    packages.get(part.role)?.add(`${feature.name}-${part.id}`, filledText(feature, places));
    packages.get(userOf(part.role, roles))?.add(`${feature.name}-${part.id}-user`, filledText(feature.user ?? {}, places));
    packages.get('macros')?.addMacros(filled(feature.macros ?? '', places));
    packages.get('macros')?.manifest.add(filledTables(feature.macrosManifest ?? {}, places));
    if (feature.macros !== undefined) packages.get(part.role)?.manifest.add({ dependencies: pathTo(plan, shape, part.role, 'macros') });
    roots.get(workspaceOf(shape, part.role).folder)?.add(filledTables(feature.root ?? {}, places));
    config.add(filledTables(feature.config ?? {}, places));
    for (const [path, content] of Object.entries(feature.files ?? {})) files.set(filledPath(path, places), filledContent(content, places));
  }
  const flags = chosen.flatMap(({ feature, places }) => (feature.rustflags ?? []).map((word) => JSON.stringify(filled(word, places))));
  if (flags.length > 0) config.add({ build: `rustflags = [${flags.join(', ')}]` });
  connect(plan, shape, packages);
  addPackages(plan, shape, packages, roots, files);
  if (!config.empty) files.set(posix.join(plan.config, '.cargo/config.toml'), config.text);
  return {
    files,
    build: shape.build,
    git: plan.git,
    variables: Object.assign({}, ...chosen.map(({ feature, places }) => filledTables(feature.variables ?? {}, places))),
    edits: chosen.flatMap(({ feature, places }) => feature.edits.map((edit) => ({ ...filledEdit(edit, places), feature: feature.name }))),
    always: chosen.some(({ feature }) => feature.always),
    silent: chosen.some(({ feature }) => feature.silent),
  };
}

/**
 * Returns the packages that a project needs: the program, those with features, and the one with macros if
 * there are macros.
 */
function rolesOf({ parts }: Plan): readonly Role[] {
  const wanted = new Set<Role>(['app', ...parts.map(({ role }) => role)]);
  if (parts.some(({ feature }) => featureOf(feature).macros !== undefined)) wanted.add('macros');
  return (['app', 'util', 'base', 'macros'] as const).filter((role) => wanted.has(role));
}

/** Returns the package that depends on the one with this role. */
function userOf(role: Role, present: readonly Role[]): Role {
  return role === 'base' && present.includes('util') ? 'util' : 'app';
}

function workspaceOf(shape: Shape, role: Role): Workspace {
  const workspace = shape.workspaces.find(({ roles }) => roles.includes(role));
  if (!workspace) throw new RangeError(`no workspace of "${role}" in "${shape.name}"`);
  return workspace;
}

/** Returns the row of a dependency in a manifest. */
function pathTo({ renamed }: Plan, { folders }: Shape, from: Role, to: Role): string {
  const path = JSON.stringify(posix.relative(folders[from], folders[to]));
  return renamed && from === 'app' && to === 'util' ? `tools = { package = "util", path = ${path} }` : `${to} = { path = ${path} }`;
}

function connect(plan: Plan, shape: Shape, packages: ReadonlyMap<Role, PackageDraft>): void {
  for (const role of ['util', 'base'] as const) {
    if (!packages.has(role)) continue;
    const user = userOf(role, [...packages.keys()]);
    packages.get(user)?.depend(plan.renamed && role === 'util' ? 'tools' : role, pathTo(plan, shape, user, role));
  }
}

function addPackages(
  { library }: Plan,
  shape: Shape,
  packages: ReadonlyMap<Role, PackageDraft>,
  roots: ReadonlyMap<string, ManifestDraft>,
  files: Map<string, Content>,
): void {
  for (const workspace of shape.workspaces) {
    const root = roots.get(workspace.folder);
    const present = workspace.roles.filter((role) => packages.has(role));
    if (!root || present.length === 0) continue;
    root.add({ workspace: `resolver = "2"${membersText(workspace, present, shape)}` });
    const own = present.find((role) => shape.folders[role] === workspace.folder);
    if (own === undefined) files.set(posix.join(workspace.folder, 'Cargo.toml'), root.text);
    else packages.get(own)?.manifest.add(root.tables);
    for (const role of present) {
      const folder = shape.folders[role];
      const above = `${folder}/`.startsWith(`${workspace.folder}/`);
      if (!above) packages.get(role)?.manifest.add({ package: `workspace = "${posix.relative(folder, workspace.folder)}"` });
      for (const [path, text] of packages.get(role)?.files(library) ?? []) files.set(posix.join(folder, path), text);
    }
  }
}

function membersText({ folder, members }: Workspace, present: readonly Role[], { folders }: Shape): string {
  if (members === 'dependencies') return '';
  const paths = members === 'paths' ? present.map((role) => posix.relative(folder, folders[role])) : [members.glob];
  return `\nmembers = ${JSON.stringify(paths.filter((path) => path !== ''))}`;
}

function placesOf(plan: Plan, shape: Shape, { role, id, data, name }: Part): Places {
  const pkg = shape.folders[role];
  return {
    pkg,
    '@': id,
    arguments: '"$@"',
    data,
    name,
    crate: role,
    macros: shape.folders.macros,
    root: workspaceOf(shape, role).folder,
    config: plan.config,
    beside: plan.beside,
    git: plan.git ?? '.',
    tobeside: posix.relative(pkg, plan.beside),
    macrosbeside: posix.relative(shape.folders.macros, plan.beside),
    userbeside: posix.relative(shape.folders[userOf(role, rolesOf(plan))], plan.beside),
    rootbeside: posix.relative(workspaceOf(shape, role).folder, plan.beside),
    togit: posix.relative(pkg, plan.git ?? '.') || '.',
    databeside: posix.relative(posix.join(pkg, data), plan.beside),
  };
}

function filledPath(path: string, places: Places): string {
  return posix.normalize(filled(path, places));
}

function filledTables(tables: Tables, places: Places): Tables {
  return Object.fromEntries(Object.entries(tables).map(([name, text]) => [filled(name, places), filled(text, places)]));
}

function filledContent(content: Content, places: Places): Content {
  if (typeof content === 'string') return filled(content, places);
  return 'link' in content ? { link: filled(content.link, places) } : { exe: filled(content.exe, places) };
}

function filledText({ items, print, script, scriptItems, manifest }: PackageText, places: Places): PackageText {
  const texts = Object.entries({ items, print, script, scriptItems }).flatMap(([key, text]) =>
    text === undefined ? [] : [[key, filled(text, places)] as const],
  );
  return { ...Object.fromEntries(texts), ...(manifest ? { manifest: filledTables(manifest, places) } : {}) };
}

function filledEdit(edit: Edit, places: Places): Edit {
  return { ...edit, does: filled(edit.does, places), operations: edit.operations.map((operation) => filledOperation(operation, places)) };
}

/**
 * Replaces placeholders in every text of an operation. Paths are normalized, because operations are compared
 * by path.
 */
function filledOperation(operation: Operation, places: Places): Operation {
  const text = (_key: string, value: unknown): unknown => (typeof value === 'string' ? filled(value, places) : value);
  return JSON.parse(JSON.stringify(operation, text)) as Operation;
}
