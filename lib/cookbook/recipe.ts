// A recipe of a cookbook: recipe.toml as Redox's build tool reads it. Each value is checked once. Does not look for sources and builds nothing.
import type { Fields } from '../core/fields.ts';

export interface Recipe {
  readonly name: string;
  /** Absolute path of recipe.toml. */
  readonly path: string;
  readonly source: RecipeSource;
  readonly build: RecipeBuild;
  /** Packages that are installed together with it. */
  readonly packageDependencies: readonly string[];
  readonly version: string | undefined;
  /** Parts of the stage that are packages of their own, "<recipe>.<name>". */
  readonly optionalPackages: readonly OptionalPackage[];
}

export interface OptionalPackage {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** Patterns of paths in the stage, with * and **. */
  readonly files: readonly string[];
}

export type RecipeSource =
  | { readonly kind: 'none' }
  /** A folder, relative to the recipe's. */
  | (Changes & { readonly kind: 'path'; readonly path: string })
  /** The source of another recipe: the path of its folder, relative to this one's. */
  | { readonly kind: 'same-as'; readonly path: string }
  | (Changes & { readonly kind: 'git'; readonly git: string; readonly branch?: string; readonly rev?: string })
  | (Changes & { readonly kind: 'tar'; readonly tar: string; readonly blake3?: string });

/** Changes to a copy of a source. */
export interface Changes {
  /** Files next to recipe.toml, in the order in which they are applied. */
  readonly patches: readonly string[];
  /** Shell text that runs in the source's folder after the patches. */
  readonly script: string | undefined;
}

export interface RecipeBuild {
  readonly template: Template;
  /** Shell text: the whole build of the template custom. */
  readonly script: string;
  /** Flags of the template's program. */
  readonly flags: readonly string[];
  /** Recipes whose stages are in the sysroot. */
  readonly dependencies: readonly string[];
  /** Recipes whose programs run during the build. */
  readonly devDependencies: readonly string[];
  /** Fields of the template cargo. */
  readonly cargo: { readonly path: string; readonly packages: readonly string[]; readonly examples: readonly string[] };
}

export const templates = ['none', 'remote', 'cargo', 'configure', 'cmake', 'meson', 'custom'] as const;
export type Template = (typeof templates)[number];

/** Field with the flags, by template. */
const flagFields: Partial<Record<Template, string>> = {
  cargo: 'cargoflags',
  configure: 'configureflags',
  cmake: 'cmakeflags',
  meson: 'mesonflags',
};

/** Reads a recipe's document. Throws a Failure with the path of the field for an unknown field, a wrong type and an unknown template. */
export function recipeOf(name: string, document: Fields): Recipe {
  const source = document.table('source');
  const build = document.table('build');
  const pack = document.table('package');
  const recipe = {
    name,
    path: document.file,
    source: source ? sourceOf(source) : ({ kind: 'none' } as const),
    build: build ? buildOf(build) : emptyBuild,
    packageDependencies: pack?.texts('dependencies') ?? [],
    version: pack?.text('version'),
    optionalPackages: document.tables('optional-packages').map(optionalOf),
  };
  pack?.text('description');
  pack?.done();
  document.done();
  return recipe;
}

function sourceOf(fields: Fields): RecipeSource {
  const given = ['git', 'tar', 'path', 'same_as'].filter((kind) => fields.value(kind) !== undefined);
  const [kind, other] = given;
  if (other !== undefined) throw fields.bad(other, `there is ${kind} too: a source is one of git, tar, path and same_as`);
  const text = kind === undefined ? undefined : fields.text(kind);
  const changes = { patches: fields.texts('patches') ?? [], script: fields.text('script') };
  const [branch, rev, blake3] = [fields.text('branch'), fields.text('rev'), fields.text('blake3')];
  fields.text('upstream'); // the origin of a fork, which has no effect
  fields.flag('shallow_clone');
  fields.done();
  if (kind === undefined || text === undefined) {
    if (changes.patches.length > 0) throw fields.bad('patches', 'there is no source for them');
    return { kind: 'none' };
  }
  if (text === '') throw fields.bad(kind, 'it is empty');
  if (kind === 'git')
    return { kind, git: text, ...changes, ...(branch === undefined ? {} : { branch }), ...(rev === undefined ? {} : { rev }) };
  if (kind === 'tar') return { kind, tar: text, ...changes, ...(blake3 === undefined ? {} : { blake3 }) };
  if (kind === 'path') return { kind, path: text, ...changes };
  if (changes.patches.length > 0 || changes.script !== undefined) {
    throw fields.bad(changes.patches.length > 0 ? 'patches' : 'script', 'the source of another recipe is taken as that has it');
  }
  return { kind: 'same-as', path: text };
}

const noCargo = { path: '.', packages: [], examples: [] };
const emptyBuild: RecipeBuild = { template: 'none', script: '', flags: [], dependencies: [], devDependencies: [], cargo: noCargo };

function buildOf(fields: Fields): RecipeBuild {
  const template = fields.text('template');
  if (template === undefined) {
    fields.done(); // a misspelt field is the better message
    throw fields.bad('template', `it is missing; the templates are ${templates.join(', ')}`);
  }
  if (!isTemplate(template)) throw fields.bad('template', `"${template}" is not a template; the templates are ${templates.join(', ')}`);
  const dependencies = fields.texts('dependencies') ?? [];
  const devDependencies = (fields.texts('dev-dependencies') ?? []).map((name) => name.replace(/^host:/, ''));
  const script = template === 'custom' ? fields.text('script') : undefined;
  if (template === 'custom' && script === undefined) throw fields.bad('script', 'the template custom needs it');
  const flagField = flagFields[template];
  const flags = flagField === undefined ? [] : wordsOf(fields, flagField);
  const cargo =
    template === 'cargo'
      ? {
          path: fields.text('package_path') ?? '.',
          packages: [...(fields.texts('cargopackages') ?? []), ...(fields.texts('packages') ?? [])],
          examples: [...(fields.texts('cargoexamples') ?? []), ...(fields.texts('examples') ?? [])],
        }
      : noCargo;
  fields.done();
  return { template, script: script ?? '', flags, dependencies, devDependencies, cargo };
}

function optionalOf(fields: Fields): OptionalPackage {
  const name = fields.text('name');
  if (name === undefined) throw fields.bad('name', 'an optional package needs one');
  const one = { name, dependencies: fields.texts('dependencies') ?? [], files: fields.texts('files') ?? [] };
  fields.done();
  return one;
}

/** Flags are an array, or one string of words. */
function wordsOf(fields: Fields, name: string): readonly string[] {
  const value = fields.value(name);
  return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : (fields.texts(name) ?? []);
}

function isTemplate(text: string): text is Template {
  return templates.some((template) => template === text);
}
