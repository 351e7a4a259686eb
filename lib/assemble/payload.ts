// Components that contain an output of another component: for example, the setup program of a bzImage
// contains the kernel. They are compiled after the others. A declared variable names the payload's file,
// which has a fixed place in the sandbox. So these components are compiled again when the payload changes.
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

/** A project that contains an output of another one. */
interface Carrier {
  readonly project: Project;
  readonly facts: PayloadFacts;
  /** Units that are compiled for this triple see the payload's file. */
  readonly triple: string;
}

/**
 * Compiles projects without payload, then those with a payload from one of them. Throws a Failure for a
 * project with a payload but no triple.
 */
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

/** Returns the components that must be compiled for `name`: those whose outputs it contains, and itself. */
export function carriedBy(name: string, components: System['components']): readonly string[] {
  const made = components[name]?.payload?.made;
  return made === undefined ? [name] : [...carriedBy(componentOf(made), components), name];
}

function carrierOf(project: Project, facts: PayloadFacts | undefined): readonly Carrier[] {
  if (!facts) return [];
  const { name, triple } = project;
  if (triple === undefined) throw cannot(`put "${facts.made}" into "${name}"`, 'its page has no triple for it');
  return [{ project, facts, triple }];
}

async function withPayload({ project, facts, triple }: Carrier, { projects }: Compiled, cache: Cache): Promise<Project> {
  const [component = '', output = ''] = facts.made.split('/');
  const artifact = projects.find((one) => one.project.name === component)?.outputs.get(output);
  if (!artifact) throw new Error(`the page puts "${facts.made}" into "${project.name}", but no earlier component has that output`);
  const digest = await storedPayload(artifact.digest, facts, cache);
  const sysroot = { triple, files: { [inSysroot]: digest }, layout: {}, env: {}, tools: {} };
  return { ...project, sysroot, env: { ...project.env, [facts.variable]: `${places.sysroot}/${inSysroot}` } };
}

/** Stores the payload in the content store and returns its digest. */
async function storedPayload(made: Digest, { encoding }: PayloadFacts, { root, content }: Cache): Promise<Digest> {
  if (encoding === 'raw') return made;
  const encoded = async (): Promise<Digest> => {
    const bytes = await content.read(made);
    if (!bytes) throw new DamagedBlob(made); // the action that produces it runs again
    return await content.putBytes(encodedPayload(bytes, encoding));
  };
  const question = { made, encoding, zlib: process.versions.zlib ?? '' };
  const digest = await remembered(root, 'payload', question, async () => ({ value: await encoded(), witnesses: [] }), isDigest);
  return (await content.has(digest)) ? digest : await encoded();
}
