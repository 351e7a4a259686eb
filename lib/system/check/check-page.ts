// Checks a page when it is loaded: first every field and its type, then every name that refers to the page
// itself.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cannot, nearest } from '../../core/errors.ts';
import { complaintAbout, pathText, unreadable } from '../../core/schema.ts';
import type { Complaint } from '../../core/schema.ts';
import type { FileFacts, ImageFacts } from '../image-facts.ts';
import { machinePage, systemPage } from './page-schema.ts';
import type { MachinePage, System, SystemProfile } from '../system.ts';
import { componentOf } from '../system.ts';

/**
 * Returns the modules that the check consists of. A page that they accepted is checked again when one of them
 * changes.
 */
export function checkingModules(): readonly string[] {
  const own = readdirSync(import.meta.dirname).filter((name) => !name.endsWith('.test.ts'));
  return [...own.map((name) => join(import.meta.dirname, name)), join(import.meta.dirname, '../../core/schema.ts')];
}

/** Throws a Failure that names the first wrong field of a page. `file` names the page in the message. */
export function checkPage(page: unknown, file: string): void {
  const isMachine = typeof page === 'object' && page !== null && !('components' in page) && !('profiles' in page);
  const complaint =
    unreadable(page) ??
    complaintAbout(isMachine ? machinePage : systemPage, page) ??
    (isMachine ? wrongFileName((page as MachinePage).name, ['name']) : wrongName(page as System));
  if (!complaint) return;
  const { path, why, hint } = complaint;
  throw cannot(`read the page "${file}"`, path === '' ? why : `${path}: ${why}`, { hint });
}

/** Returns the first name on the page that refers to nothing on it. */
function wrongName(system: System): Complaint | undefined {
  const names = new Names(system);
  const { components, profiles, defaultProfile, replacements = {}, nixBase, live, checkout, configurations } = system;
  names.file(system.name, 'name');
  for (const name of Object.keys(components)) names.file(name, 'components', name);
  for (const name of Object.keys(profiles)) names.file(name, 'profiles', name);
  for (const [name, { payload }] of Object.entries(components)) checkPayload(names, components, payload?.made, name);
  const given = defaultProfile ?? 'default';
  names.one('profile', given, Object.keys(profiles), defaultProfile === undefined ? ['profiles'] : ['defaultProfile']);
  for (const [name, profile] of Object.entries(profiles)) checkProfile(names, system, name, profile);
  if (system.image) checkImage(names, system, system.image, ['image']);
  for (const [name, { provides, multicall }] of Object.entries(replacements)) {
    names.files(provides, 'replacements', name, 'provides');
    names.output(multicall?.program, 'replacements', name, 'multicall', 'program');
  }
  for (const [name, one] of Object.entries(nixBase?.profiles ?? {})) {
    names.one('profile', name, Object.keys(profiles), ['nixBase', 'profiles', name]);
    names.components(one.components, 'nixBase', 'profiles', name, 'components');
    for (const [key, files] of Object.entries(one.packages)) names.files(files, 'nixBase', 'profiles', name, 'packages', key);
  }
  if (nixBase) names.files(nixBase.image.files, 'nixBase', 'image', 'files');
  const known = Object.keys(components);
  if (live) names.one('component', live.component, known, ['live', 'component']);
  for (const name of Object.keys(checkout?.components ?? {})) names.one('component', name, known, ['checkout', 'components', name]);
  if (checkout) names.one('component', checkout.setup.component, known, ['checkout', 'setup', 'component']);
  checkout?.methods.forEach(({ profile }, index) =>
    names.one('profile', profile, Object.keys(profiles), ['checkout', 'methods', index, 'profile']),
  );
  for (const [name, { install }] of Object.entries(configurations?.packages ?? {}))
    names.files(install, 'configurations', 'packages', name, 'install');
  names.files(configurations?.upstreamFiles, 'configurations', 'upstreamFiles');
  return names.complaint;
}

/** Components with a payload are compiled after all others, and therefore none of them is the payload of another one. */
function checkPayload(names: Names, components: System['components'], made: string | undefined, name: string): void {
  const path = ['components', name, 'payload', 'made'];
  names.output(made, ...path);
  const component = made === undefined ? undefined : componentOf(made);
  if (component === undefined || !components[component]?.payload) return;
  names.complain(`the component "${component}" has a payload itself`, 'a payload is an output of a component without one', path);
}

function checkProfile(names: Names, system: System, name: string, profile: SystemProfile): void {
  const { components, image, kernel, base, configuration } = profile;
  const path = ['profiles', name];
  names.components(components, ...path, 'components');
  if (kernel && 'made' in kernel) names.output(kernel.made, ...path, 'kernel', 'made');
  if (image) checkImage(names, system, image, [...path, 'image']);
  if (base === 'nix' && !system.nixBase?.profiles[name]) names.complain('nixBase has no such profile', undefined, path);
  if (base === undefined && !image && !system.image) {
    names.complain('there is no image for it', 'give it an image, or give the page one for all profiles', path);
  }
  if (configuration !== undefined && !system.configurations) {
    names.complain('the page has no configurations', undefined, [...path, 'configuration']);
  }
  if (base !== undefined || configuration !== undefined) return; // such a build has more files than the page lists
  for (const component of namedComponents(system, profile)) {
    if (components === undefined || components.includes(component)) continue;
    names.complain(`its image needs the component "${component}"`, 'add it, or remove its files from the image', [...path, 'components']);
  }
}

/** Returns the components whose outputs the image and the kernel of a profile name. */
function namedComponents({ image: ofAll, replacements = {} }: System, { image = ofAll, kernel }: SystemProfile): ReadonlySet<string> {
  const partitions = image?.partitions ?? [];
  const replaced = partitions.flatMap(({ root }) => root?.replacements ?? []).flatMap((name) => replacements[name] ?? []);
  const outputs = [
    ...partitions.flatMap(({ files }) => namesInFiles(files).map(({ made }) => made)),
    ...replaced.flatMap(({ provides, multicall }) => [
      ...namesInFiles(provides).map(({ made }) => made),
      ...(multicall ? [multicall.program] : []),
    ]),
    ...(kernel && 'made' in kernel ? [kernel.made] : []),
  ];
  return new Set(outputs.map(componentOf));
}

function checkImage(names: Names, { sources, replacements = {} }: System, { partitions, table }: ImageFacts, path: Path): void {
  const [first, ...more] = partitions;
  if (!first) names.complain('there must be a partition', undefined, [...path, 'partitions']);
  if (more.length > 0 && (table === 'none' || first?.fileSystem.kind === 'cpio' || first?.fileSystem.kind === 'iso')) {
    const why = `it has ${partitions.length} partitions, and an image without a partition table has one`;
    names.complain(why, undefined, [...path, 'partitions']);
  }
  partitions.forEach(({ name, files, root }, index) => {
    const at = [...path, 'partitions', index];
    names.file(name, ...at, 'name');
    const isTaken = partitions.slice(0, index).some((other) => other.name === name);
    if (isTaken) names.complain(`another partition has the name "${name}"`, undefined, [...at, 'name']);
    names.files(files, ...at, 'files');
    if (!root) return;
    names.one('base', root.base, Object.keys(sources?.bases ?? {}), [...at, 'root', 'base']);
    root.replacements.forEach((name, row) =>
      names.one('replacement', name, Object.keys(replacements), [...at, 'root', 'replacements', row]),
    );
  });
}

type Path = readonly (string | number)[];

/** Returns what is wrong with a name that becomes the name of a file or a folder, or a part of one. */
function wrongFileName(name: string, path: Path): Complaint | undefined {
  if (/^(?![.-])[^/\x00-\x1f\x7f]+$/.test(name)) return undefined;
  const why = 'it names files, so it must not be empty, begin with "." or "-", or contain "/" or a control character';
  return { path: pathText(path), why, hint: undefined };
}

/** Looks names up on a page, and keeps the first complaint. */
class Names {
  complaint: Complaint | undefined;
  /** The programs of each component of the page. Undefined: any program. */
  readonly #programs: ReadonlyMap<string, readonly string[] | undefined>;
  readonly #components: readonly string[];

  constructor({ components, configurations }: System) {
    this.#components = Object.keys(components);
    const ofComponents = Object.entries(components).map(
      ([name, { cargo, upstream }]) => [name, [cargo, upstream?.cargo ?? cargo]] as const,
    );
    const ofPackages = Object.entries(configurations?.packages ?? {}).map(
      ([name, { upstream }]) => [name, [upstream.cargo ?? {}]] as const,
    );
    const rows = [...ofPackages, ...ofComponents].map(([name, builds]) => {
      const bins = builds.map((one) => one.bins);
      return [name, bins.includes(undefined) ? undefined : bins.flatMap((one) => one ?? [])] as const;
    });
    this.#programs = new Map(rows);
  }

  complain(why: string, hint: string | undefined, path: Path): void {
    this.complaint ??= { path: pathText(path), why, hint };
  }

  file(name: string, ...path: Path): void {
    this.complaint ??= wrongFileName(name, path);
  }

  /** `what` names the kind of name: "component". */
  one(what: string, name: string, known: readonly string[], path: Path): void {
    if (known.includes(name)) return;
    const near = nearest(name, known);
    const hint = known.length === 0 ? `the page has no ${what}s` : `the ${what}s are ${known.join(', ')}`;
    this.complain(`there is no ${what} "${name}"`, near === undefined ? hint : `did you mean ${near}? ${hint}`, path);
  }

  components(names: readonly string[] | undefined, ...path: Path): void {
    names?.forEach((name, index) => this.one('component', name, this.#components, [...path, index]));
  }

  /** Checks an output: "kernel/hello" is the output "hello" of the component "kernel". */
  output(made: string | undefined, ...path: Path): void {
    if (made === undefined) return;
    const at = made.indexOf('/');
    const [component, program] = at === -1 ? [made, ''] : [made.slice(0, at), made.slice(at + 1)];
    const known = this.#programs.get(component);
    const fits = this.#programs.has(component) && (known === undefined || known.includes(program.replace(/\.efi$/, '')));
    if (fits && program !== '') return;
    const all = [...this.#programs].flatMap(([name, programs]) => (programs ?? []).map((one) => `${name}/${one}`));
    const near = nearest(made, all);
    const few = all.filter((one) => one.startsWith(`${component}/`));
    const hint = `the outputs are ${(few.length > 0 ? few : all).join(', ')}`;
    this.complain(`no component has the output "${made}"`, near === undefined ? hint : `did you mean ${near}?`, path);
  }

  files(files: FileFacts | undefined, ...path: Path): void {
    for (const { made, path: inside } of namesInFiles(files ?? {})) this.output(made, ...path, ...inside);
  }
}

/** An output of a component that a file of an image names, including files in an archive or a file system. */
interface NamedOutput {
  readonly made: string;
  readonly path: readonly string[];
}

function namesInFiles(files: FileFacts): readonly NamedOutput[] {
  return Object.entries(files).flatMap(([name, fact]) => {
    if ('made' in fact) return [{ made: fact.made, path: [name, 'made'] }];
    if ('bzImage' in fact) return [{ made: fact.bzImage, path: [name, 'bzImage'] }];
    if ('initramfs' in fact) return below([name, 'initramfs', 'files'], fact.initramfs.files);
    if ('fat' in fact) return below([name, 'fat', 'files'], fact.fat.files);
    if (!('initfs' in fact)) return [];
    const { bootstrap, files: inside } = fact.initfs;
    return [{ made: bootstrap, path: [name, 'initfs', 'bootstrap'] }, ...below([name, 'initfs', 'files'], inside)];
  });
}

function below(path: readonly string[], files: FileFacts): readonly NamedOutput[] {
  return namesInFiles(files).map(({ made, path: inside }) => ({ made, path: [...path, ...inside] }));
}
