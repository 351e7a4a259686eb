// A set file: several projects for one graph, as TOML. `[[project]] path, name?, bins?, features?, default-features?, triple?, profile?,
// env?, build-std?`. Parsed once into projects; unknown fields are refused by name.
import { basename, dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { cannot, nearest } from '../core/errors.ts';
import type { Project } from './project.ts';

const fields = [
  'path',
  'name',
  'package',
  'bins',
  'lib',
  'features',
  'default-features',
  'triple',
  'profile',
  'env',
  'build-std',
  'build-std-features',
];

/** The projects of a set file. `defaults` gives what a table leaves out; paths are relative to the file. */
export function projectSet(text: string, file: string, defaults: Project): readonly Project[] {
  const projects = tablesOf(text, file).map((table, index): Project => {
    const where = `project[${index}]`;
    const wrong = (field: string, wanted: string): Error =>
      cannot(`read "${file}"`, `${where}.${field} must be ${wanted}`, { blame: 'usage' });
    for (const field of Object.keys(table)) {
      if (fields.includes(field)) continue;
      const near = nearest(field, fields);
      const hint = near ? `did you mean ${near}?` : `the fields are ${fields.join(', ')}`;
      throw cannot(`read "${file}"`, `${where} has an unknown field "${field}"`, { blame: 'usage', hint });
    }
    const text = (field: string): string | undefined => {
      const value = table[field];
      if (value !== undefined && typeof value !== 'string') throw wrong(field, 'a text');
      return value;
    };
    const list = (field: string): readonly string[] | undefined => {
      const value = table[field];
      if (value === undefined) return undefined;
      if (!Array.isArray(value)) throw wrong(field, 'a list of texts');
      return value.map((item: unknown) => {
        if (typeof item !== 'string') throw wrong(field, 'a list of texts');
        return item;
      });
    };
    const flag = (field: string): boolean | undefined => {
      const value = table[field];
      if (value !== undefined && typeof value !== 'boolean') throw wrong(field, 'true or false');
      return value;
    };
    const path = text('path');
    if (path === undefined) throw wrong('path', 'given');
    const dir = resolve(dirname(file), path);
    const triple = text('triple') ?? defaults.triple;
    return {
      ...defaults,
      dir,
      name: text('name') ?? basename(dir),
      packages: list('package') ?? defaults.packages,
      bins: list('bins') ?? defaults.bins,
      lib: flag('lib') ?? defaults.lib,
      features: list('features') ?? defaults.features,
      defaultFeatures: flag('default-features') ?? defaults.defaultFeatures,
      triple: triple?.endsWith('.json') ? resolve(dirname(file), triple) : triple,
      ...(text('triple') === undefined || !defaults.moreTriples ? {} : { moreTriples: [] }),
      profile: text('profile') ?? defaults.profile,
      buildStd: list('build-std') ?? defaults.buildStd,
      buildStdFeatures: list('build-std-features') ?? defaults.buildStdFeatures,
      env: { ...defaults.env, ...envOf(table['env'], () => wrong('env', 'a table of texts')) },
    };
  });
  const twice = projects.find(({ name }, index) => projects.findIndex((other) => other.name === name) !== index);
  if (twice)
    throw cannot(`read "${file}"`, `two projects are called "${twice.name}"`, {
      blame: 'usage',
      hint: 'give one of them another with name = "..."',
    });
  return projects;
}

function tablesOf(text: string, file: string): readonly Readonly<Record<string, unknown>>[] {
  let parsed: Readonly<Record<string, unknown>>;
  try {
    parsed = parse(text);
  } catch (error) {
    throw cannot(`read "${file}"`, 'it is not valid TOML', {
      blame: 'usage',
      detail: error instanceof Error ? error.message : String(error),
    });
  }
  const { project, ...others } = parsed;
  for (const field of Object.keys(others)) {
    const hint = nearest(field, ['project']) ? 'did you mean project?' : 'it is a list of [[project]]';
    throw cannot(`read "${file}"`, `it has an unknown field "${field}"`, { blame: 'usage', hint });
  }
  if (!Array.isArray(project) || project.length === 0) throw cannot(`read "${file}"`, 'it has no [[project]]', { blame: 'usage' });
  return project.map((item: unknown, index) => {
    if (!isTable(item)) throw cannot(`read "${file}"`, `project[${index}] must be a table`, { blame: 'usage' });
    return item;
  });
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function envOf(value: unknown, wrong: () => Error): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isTable(value)) throw wrong();
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (typeof item !== 'string') throw wrong();
      return [name, item];
    }),
  );
}
