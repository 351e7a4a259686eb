// The content of a generated project as data. Its files can be generated from it, also without one of its
// parts.
import type { Feature, Role } from './feature.ts';
import { features } from './features.ts';
import type { Random } from './random.ts';
import { shapeOf, shapes } from './shape.ts';

/** A feature in a package. */
export interface Part {
  readonly feature: string;
  readonly role: Role;
  /** A letter or two, different for each part of a project. */
  readonly id: string;
  /** The folder for data in the package. */
  readonly data: string;
  /** A file name without extension. */
  readonly name: string;
}

export interface Plan {
  readonly shape: string;
  /** The folder of the repository, relative to the top. */
  readonly git?: string;
  /** The folder with .cargo/config.toml. */
  readonly config: string;
  /** The folder for files outside of packages. */
  readonly beside: string;
  /** The program's dependency "util" has another name in its source. */
  readonly renamed: boolean;
  /** The program's package has a library too. */
  readonly library: boolean;
  readonly parts: readonly Part[];
}

const roles: readonly Role[] = ['app', 'util', 'base'];
const dataFolders = ['data', 'data', '.hidden', 'deep/er', 'src/data', 'sub/target', 'tests', 'with space'] as const;
const nameForms = ['@', '@', '@ b', 'ü@', '@#x', '@$x', '@%20', '.@', "@'q", '@~', '@.rs'] as const;
const fewestParts = 3;
const mostParts = 7;

export function randomPlan(random: Random): Plan {
  const shape = shapeOf(random.pick(shapes).name);
  const git = random.pick([undefined, undefined, 'project', '.', shape.build]);
  const config = random.pick([shape.build, shape.build, 'project', '.']);
  const count = fewestParts + random.below(mostParts - fewestParts + 1);
  const parts: Part[] = [];
  const taken = new Set<string>();
  while (parts.length < count) {
    const feature = random.pick(features);
    if ((feature.git && git === undefined) || (feature.once !== undefined && taken.has(feature.once))) continue;
    if (feature.once !== undefined) taken.add(feature.once);
    parts.push(partOf(feature, String.fromCharCode(0x61 + parts.length), random));
  }
  const beside = random.pick(['beside', 'beside', 'project/assets']);
  return {
    shape: shape.name,
    ...(git === undefined ? {} : { git }),
    config,
    beside,
    renamed: random.chance(0.3),
    library: random.chance(0.3),
    parts,
  };
}

/** Returns a plan with one feature and no peculiarities, except that it is in a git repository. */
export function plainPlan(feature: Feature, shape: string): Plan {
  const part = { feature: feature.name, role: feature.roles?.[0] ?? 'app', id: 'a', data: 'data', name: 'a' } as const;
  const { build } = shapeOf(shape);
  return { shape, git: 'project', config: build, beside: 'beside', renamed: false, library: false, parts: [part] };
}

function partOf(feature: Feature, id: string, random: Random): Part {
  const role = random.pick(feature.roles ?? roles);
  return { feature: feature.name, role, id, data: random.pick(dataFolders), name: random.pick(nameForms).replace('@', id) };
}
