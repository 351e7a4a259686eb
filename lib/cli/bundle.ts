// Puts the modules of a task into one file, because Node takes about 0.5 ms of processor time for each module, which
// slows down the compiler that runs at the same time. The launcher (zx.mjs) runs the bundle as long as no source
// has changed, and starts this script again otherwise. So the sources remain what is read, changed and tested.
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { realpathSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * The tasks that have a bundle, with their optional parts. These are in the bundle too: modules of the sources would
 * be other modules than those of the bundle. Tasks that load pages have none for the same reason.
 */
const bundled = { 'tasks/crates.ts': ['cargo-messages', 'sysroots', 'tests'] } as const;

const root = realpathSync(join(import.meta.dirname, '../..'));
const folder = join(root, 'node_modules/.cache/bundle');

for (const [task, parts] of Object.entries(bundled)) await bundle(task, parts);

/** Writes the bundle of a task, and last the list of its sources, which the launcher reads. */
async function bundle(task: string, parts: readonly string[]): Promise<void> {
  const stamps = new Map([await stampOf('lib/cli/bundle.ts')]);
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [task],
    bundle: true,
    external: ['zx', 'globby'],
    platform: 'node',
    format: 'esm',
    target: 'node22',
    banner: { js: `const bundleRoot = process.getBuiltinModule('node:path').join(import.meta.dirname, '../../..');` },
    plugins: [sources(parts, stamps)],
    write: false,
    logLevel: 'error',
  });
  const name = task.replaceAll('/', '-').replace(/\.ts$/, '');
  await mkdir(folder, { recursive: true });
  // A process that has read the list of before may load this bundle. That is right too: its sources are newer.
  await put(`${name}.mjs`, outputFiles[0]?.text ?? '');
  await put(`${name}.json`, JSON.stringify([...stamps]));
}

/** Reads the sources, and those of packages. Their stamps are taken before, so that a change while they are read is noticed. */
function sources(parts: readonly string[], stamps: Map<string, string>): Plugin {
  return {
    name: 'sources',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'node' }));
      onLoad({ filter: /^node:/, namespace: 'node' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      }));
      onLoad({ filter: /./, namespace: 'file' }, async ({ path }) => {
        const name = relative(root, path);
        stamps.set(...(await stampOf(name)));
        if (!name.endsWith('.ts')) return undefined; // of a package
        const text = await readFile(path, 'utf8');
        const own = name === 'lib/cli/optional-parts.ts' ? await withParts(text, parts) : text;
        // Modules find files next to them, in the folder of the source.
        const contents = withBuiltins(own)
          .replaceAll('import.meta.dirname', `(bundleRoot + ${JSON.stringify(`/${dirname(name)}`)})`)
          .replaceAll('import.meta.url', `new URL(${JSON.stringify(`../../../${name}`)}, import.meta.url).href`);
        return { contents, loader: 'ts' };
      });
    },
  };
}

/**
 * Returns the text with its imports of Node's modules as constants. As imports, all of them would be loaded at once, with
 * what their rarely used exports need. Imports of other forms, and those of packages, go through a module of their own.
 */
function withBuiltins(text: string): string {
  return text.replaceAll(/^import \{([^}]*)\} from '(node:[^']+)';$/gm, (_all, list: string, from: string) => {
    const names = list.split(',').flatMap((name) => (/^\s*(?:type\s.*)?$/.test(name) ? [] : [name.replace(' as ', ': ')]));
    return `const {${names.join(',')} } = process.getBuiltinModule('${from}');`;
  });
}

/** Returns the text of optional-parts.ts, with the import of these parts by name instead of by path. */
async function withParts(text: string, parts: readonly string[]): Promise<string> {
  const { optionalParts }: { optionalParts: Readonly<Record<string, string>> } = await import('./optional-parts.ts');
  const [call, table] = [`import(pathToFileURL(path).href)`, 'partsOfBundle'];
  if (!text.includes(call)) throw new Error(`lib/cli/optional-parts.ts has no ${call}`);
  const loads = parts.map((part) => `${JSON.stringify(part)}: () => import(${JSON.stringify(join(root, optionalParts[part] ?? ''))})`);
  return `${text.replace(call, `${table}[name]()`)}\nconst ${table}: Record<string, () => Promise<object>> = { ${loads.join(', ')} };\n`;
}

/** The stamp of a source, as the launcher computes it. */
async function stampOf(name: string): Promise<[name: string, stamp: string]> {
  const { size, ctimeMs, ino } = await stat(join(root, name));
  return [name, `${size} ${ctimeMs} ${ino}`];
}

async function put(name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(`${path}.${process.pid}`, text);
  await rename(`${path}.${process.pid}`, path);
}
