// Components that carry what another component made: the setup program of a bzImage has the kernel in it. They are compiled after the others, and their
// compiler finds the payload as a file at a fixed place of the sandbox, which a declared variable names. So they are compiled again when it has changed.
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { remembered } from '../core/remembered.ts';
import { compile } from '../crates/compile.ts';
import type { Compiled, CompileOptions } from '../crates/compiled.ts';
import { places } from '../crates/unit/places.ts';
import type { Project } from '../crates/project.ts';
import { encodedPayload } from '../image/boot/bzimage.ts';
import type { PayloadFacts } from '../system/component.ts';
import type { System } from '../system/system.ts';
import { componentOf } from '../system/system.ts';

const inSysroot = 'lib/payload';

/** A project that carries an output of another one. */
interface Carrier {
  readonly project: Project;
  readonly facts: PayloadFacts;
  /** What its file is shown to: the units that are compiled for this triple. */
  readonly triple: string;
}

/** Compiles projects that carry nothing, then those that carry an output of one of them. Throws a Failure for one of these without a triple. */
export async function compileWithPayloads(
  projects: readonly Project[],
  components: System['components'],
  options: CompileOptions,
  context: Context,
): Promise<Compiled> {
  const carriers = projects.flatMap((project) => carrierOf(project, components[project.name]?.payload));
  const first = await compile(
    projects.filter(({ name }) => !components[name]?.payload),
    options,
    context,
  );
  if (carriers.length === 0) return first;
  const loaded = carriers.map((carrier) => withPayload(carrier, first, options.cache));
  const second = await compile(await Promise.all(loaded), options, context);
  const sum = (field: 'units' | 'hits' | 'misses' | 'below' | 'remembered'): number => first[field] + second[field];
  const counts = { units: sum('units'), hits: sum('hits'), misses: sum('misses'), below: sum('below'), remembered: sum('remembered') };
  return { projects: [...first.projects, ...second.projects], ...counts };
}

/** The components that are compiled for one: those whose outputs it carries, and itself. */
export function carriedBy(name: string, components: System['components']): readonly string[] {
  const made = components[name]?.payload?.made;
  return made === undefined ? [name] : [...carriedBy(componentOf(made), components), name];
}

function carrierOf(project: Project, facts: PayloadFacts | undefined): readonly Carrier[] {
  if (!facts) return [];
  const { name, triple } = project;
  if (triple === undefined) throw cannot(`put "${facts.made}" into "${name}"`, 'its page says no triple that it is compiled for');
  return [{ project, facts, triple }];
}

async function withPayload({ project, facts, triple }: Carrier, { projects }: Compiled, cache: Cache): Promise<Project> {
  const [component = '', output = ''] = facts.made.split('/');
  const artifact = projects.find((one) => one.project.name === component)?.outputs.get(output);
  if (!artifact) throw new Error(`the page says that "${project.name}" carries "${facts.made}", which no component before it makes`);
  const digest = await storedPayload(artifact.digest, facts, cache);
  const sysroot = { triple, files: { [inSysroot]: digest }, layout: {}, env: {}, tools: {} };
  return { ...project, sysroot, env: { ...project.env, [facts.variable]: `${places.sysroot}/${inSysroot}` } };
}

/** The digest of a payload that is in the content store afterwards. */
async function storedPayload(made: Digest, { encoding }: PayloadFacts, { root, content }: Cache): Promise<Digest> {
  if (encoding === 'raw') return made;
  const encoded = async (): Promise<Digest> => {
    const bytes = await content.read(made);
    if (!bytes) throw new DamagedBlob(made); // its maker runs again
    return await content.putBytes(encodedPayload(bytes, encoding));
  };
  const question = { made, encoding, zlib: process.versions.zlib ?? '' };
  const digest = await remembered(root, 'payload', question, async () => ({ value: await encoded(), witnesses: [] }), isDigest);
  return (await content.has(digest)) ? digest : await encoded();
}
