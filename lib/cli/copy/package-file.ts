// Adds packages to the package.json of a repository into which tasks are copied. Existing entries are not
// changed.
import { parseJsonFields } from '../../core/fields.ts';

/**
 * Returns the text with these packages and their versions in `dependencies`. `before`: the present text.
 * Undefined creates a new file.
 */
export function withPackages(
  before: string | undefined,
  wanted: Readonly<Record<string, string>>,
  { path, name }: { readonly path: string; readonly name: string },
): { readonly text: string; readonly added: readonly string[]; readonly otherVersions: readonly string[] } {
  const fields = parseJsonFields(before ?? '{}', path);
  const present = new Map(
    ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap((list) => {
      const table = fields.table(list);
      return (table?.names() ?? []).map((one) => [one, table?.text(one) ?? ''] as const);
    }),
  );
  const added = Object.keys(wanted).filter((one) => !present.has(one));
  const otherVersions = Object.entries(wanted)
    .filter(([one, version]) => present.has(one) && present.get(one) !== version)
    .map(([one]) => one);
  if (added.length === 0 && before !== undefined) return { text: before, added, otherVersions };
  const base: Record<string, unknown> = before === undefined ? { name: packageName(name), private: true } : JSON.parse(before);
  const dependencies = { ...asTable(base['dependencies']), ...Object.fromEntries(added.map((one) => [one, wanted[one]])) };
  // npm asks before a package runs a script. The script of `node` installs the program.
  const scripts = added.includes('node') ? { allowScripts: { ...asTable(base['allowScripts']), node: true } } : {};
  const indent = /^\{\r?\n([ \t]+)/.exec(before ?? '')?.[1] ?? 2;
  return { text: `${JSON.stringify({ ...base, dependencies, ...scripts }, null, indent)}\n`, added, otherVersions };
}

function asTable(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** Returns a valid npm name: lower-case letters, digits and dashes. */
function packageName(folder: string): string {
  return (
    folder
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'project'
  );
}
