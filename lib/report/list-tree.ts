// Prints the packages of an image as a tree, with the dependencies of each. A recipe is unfolded once.
import type { ListedComponent } from '../assemble/component-list.ts';
import type { ListedRecipe } from '../assemble/recipes/recipe-list.ts';
import type { System } from '../system/system.ts';

export interface ListedSystem {
  readonly system: Pick<System, 'name'>;
  readonly profile: string;
  readonly components: readonly ListedComponent[];
  readonly recipes: readonly ListedRecipe[];
  readonly leftOut: readonly { readonly name: string }[];
}

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

export function listTree({ system, profile, components, recipes, leftOut }: ListedSystem): readonly string[] {
  const byName = new Map(recipes.map((recipe) => [recipe.name, recipe]));
  const shown = new Set<string>();
  const branch = (name: string): Branch => {
    const recipe = byName.get(name);
    if (!recipe) return { text: `${name} (missing)`, below: [] };
    const again = shown.has(name);
    shown.add(name);
    const { template, dependencies, cached } = recipe;
    const text = `${name} (recipe, ${template ?? 'it cannot be read'}${cached ? ', cached' : ''})`;
    if (again) return { text: dependencies.length > 0 ? `${text} ...` : text, below: [] };
    return { text, below: dependencies.map(branch) };
  };
  const roots: Branch[] = [
    ...components.map(({ name, version, source, cached }) => {
      return { text: `${name} ${version ?? ''} (${source}${cached ? ', cached' : ''})`.replace('  ', ' '), below: [] };
    }),
    ...recipes.filter(({ wanted }) => wanted).map(({ name }) => branch(name)),
    ...leftOut.map(({ name }) => ({ text: `${name} (left out)`, below: [] })),
  ];
  return [`${system.name}, profile ${profile}`, ...lines(roots, '')];
}

function lines(branches: readonly Branch[], indent: string): readonly string[] {
  return branches.flatMap(({ text, below }, index) => {
    const last = index === branches.length - 1;
    return [`${indent}${last ? '└─ ' : '├─ '}${text}`, ...lines(below, `${indent}${last ? '   ' : '│  '}`)];
  });
}
