// Components that carry what another component made: the setup program of a bzImage has the kernel in it. They are compiled after the others, and their
// compiler finds the payload as a file at a fixed place of the sandbox, which a declared variable names. So they are compiled again when it has changed.
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
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
import { makerOf } from '../system/image-facts.ts';
import type { System } from '../system/system.ts';

const inSysroot = 'lib/payload';

/** Compiles projects that carry nothing, then those that carry an output of one of them. */
export async function compileWithPayloads(
  projects: readonly Project[],
  components: System['components'],
  options: CompileOptions,
  context: Context,
): Promise<Compiled> {
  const payloadOf = ({ name }: Project): PayloadFacts | undefined => components[name]?.payload;
  const carriers = projects.filter(payloadOf);
  const first = await compile(
    projects.filter((project) => !payloadOf(project)),
    options,
    context,
  );
  if (carriers.length === 0) return first;
  const loaded = carriers.map((project) => withPayload(project, payloadOf(project), first, options.cache));
  const second = await compile(await Promise.all(loaded), options, context);
  const sum = (field: 'units' | 'hits' | 'misses' | 'below' | 'remembered'): number => first[field] + second[field];
  const counts = { units: sum('units'), hits: sum('hits'), misses: sum('misses'), below: sum('below'), remembered: sum('remembered') };
  return { projects: [...first.projects, ...second.projects], ...counts };
}

/** The components that are compiled for one: those whose outputs it carries, and itself. */
export function carriedBy(name: string, components: System['components']): readonly string[] {
  const made = components[name]?.payload?.made;
  return made === undefined ? [name] : [...carriedBy(makerOf(made), components), name];
}

async function withPayload(project: Project, facts: PayloadFacts | undefined, { projects }: Compiled, cache: Cache): Promise<Project> {
  const [component = '', output = ''] = facts?.made.split('/') ?? [];
  const artifact = projects.find((one) => one.project.name === component)?.outputs.get(output);
  if (!facts || !artifact)
    throw new Error(`the page says that "${project.name}" carries "${facts?.made}", which no component before it makes`);
  const { triple } = project;
  if (triple === undefined) throw cannot(`put "${facts.made}" into "${project.name}"`, 'its page gives it no triple to be compiled for');
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
  const digest = await remembered(root, 'payload', question, async () => ({ value: await encoded(), witnesses: [] }));
  return (await content.has(digest)) ? digest : await encoded();
}
