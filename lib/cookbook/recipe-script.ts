// The shell script that builds a recipe, and the programs of the host that it may run. Pure.
import type { Recipe } from './recipe.ts';

/** Returns the script for bash, which runs after script-functions.sh. It is empty for the templates none and cargo. */
export function buildScript({ build }: Recipe): string {
  const flags = build.flags.map((flag) => ` ${doubleQuoted(flag)}`).join('');
  switch (build.template) {
    case 'custom':
      return `${build.script.trim()}\n`;
    case 'configure':
    case 'cmake':
    case 'meson':
      return `if [ -n "\${COOKBOOK_DYNAMIC:-}" ]; then DYNAMIC_INIT; fi\ncookbook_${build.template}${flags}\n`;
    case 'none':
    case 'cargo':
      return '';
    case 'remote':
      // A binary package is a tree of files that is installed as it is.
      return 'cp -R --preserve=mode,links "${COOKBOOK_SOURCE}/." "${COOKBOOK_STAGE}/"\nCOOKBOOK_NOSTRIP=1\n';
  }
}

/** Quotes a flag. Variables in it are expanded, as in Redox's build tool ("--with-zlib=${COOKBOOK_SYSROOT}"). */
function doubleQuoted(text: string): string {
  return `"${text.replaceAll(/["\\`]/g, '\\$&')}"`;
}

const always = ['bash', 'cp', 'find', 'strip', 'touch'];
const ofTemplate: Partial<Record<Recipe['build']['template'], readonly string[]>> = {
  configure: ['make', 'cc', 'c++', 'ar', 'sed', 'grep', 'awk'],
  cmake: ['cmake', 'cc', 'c++', 'ar', 'ninja', 'make'],
  meson: ['meson', 'ninja', 'cc', 'c++', 'ar'],
};
/** Programs that the functions of script-functions.sh run, by function. */
const ofFunction: Readonly<Record<string, readonly string[]>> = {
  cookbook_configure: ofTemplate.configure ?? [],
  cookbook_cmake: ofTemplate.cmake ?? [],
  cookbook_meson: ofTemplate.meson ?? [],
  cookbook_cargo: ['cc', 'c++', 'ar'],
  cookbook_cargo_packages: ['cc', 'c++', 'ar'],
  cookbook_cargo_examples: ['cc', 'c++', 'ar'],
  autotools_recursive_regenerate: ['autoreconf', 'automake', 'autoconf', 'm4', 'libtoolize'],
};

/** Returns the names of programs that a build may run: those of the template, and every word of its scripts. */
export function programWords({ build, source }: Recipe): readonly string[] {
  const scripts = [build.template === 'custom' ? build.script : '', 'script' in source ? (source.script ?? '') : ''];
  const words = new Set(scripts.flatMap((script) => script.match(/[A-Za-z_][\w.+-]*/g) ?? []));
  const called = [...words].flatMap((word) => (Object.hasOwn(ofFunction, word) ? (ofFunction[word] ?? []) : []));
  return [...new Set([...always, ...(ofTemplate[build.template] ?? []), ...called, ...words, ...patching(source)])].sort();
}

/** Whether a script calls cargo, so that the sandbox shows a toolchain. */
export function callsCargo({ build }: Recipe): boolean {
  return build.template === 'custom' && /\bcookbook_cargo\w*|\bCOOKBOOK_CARGO\b|\bcargo\b|\brustc\b/.test(build.script);
}

/** Returns the programs that a template always needs. `cross`: for another triple than the host's. */
export function requiredPrograms({ build, source }: Recipe, cross = false): readonly string[] {
  const cc = cross ? ['clang', 'ld.lld', 'llvm-ar'] : ['cc'];
  const needed: Partial<Record<Recipe['build']['template'], readonly string[]>> = {
    configure: ['make', ...cc],
    cmake: ['cmake', ...cc],
    meson: ['meson', 'ninja', ...cc],
  };
  return [...(needed[build.template] ?? []), ...patching(source)];
}

function patching(source: Recipe['source']): readonly string[] {
  return 'patches' in source && source.patches.length > 0 ? ['patch'] : [];
}
