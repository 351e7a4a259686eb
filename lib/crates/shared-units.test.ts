// Projects of one build share the results of their common packages, even if they declare different variables.
// The compiler is real.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import type { Event } from '../core/events.ts';
import { compile } from './compile.ts';
import type { Project } from './project.ts';

const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

test('a leaf of three projects that declare different variables is compiled once, and is a hit of the others', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-shared-'));
  const workspace = join(dir, 'workspace');
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(workspace, path)), { recursive: true });
    await writeFile(join(workspace, path), text);
  };
  const manifest = (name: string): string => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n`;
  const names = ['a', 'b', 'c'];
  const projects = names.map((name): Project => ({
    name,
    dir: workspace,
    packages: [name],
    bins: [],
    lib: false,
    features: [],
    defaultFeatures: true,
    profile: 'release',
    triple: undefined,
    buildStd: [],
    buildStdFeatures: [],
    cargoConfigs: [],
    env: { PROJECT: name },
  }));
  const events: Event[] = [];
  const context = { signal: new AbortController().signal, report: (event: Event) => events.push(event) };
  try {
    await write('Cargo.toml', '[workspace]\nresolver = "2"\nmembers = ["leaf", "a", "b", "c"]\n');
    await write('leaf/Cargo.toml', manifest('leaf'));
    await write('leaf/src/lib.rs', 'pub fn value() -> u32 { 1 }\n');
    for (const name of names) {
      await write(`${name}/Cargo.toml`, `${manifest(name)}leaf = { path = "../leaf" }\n`);
      await write(`${name}/src/main.rs`, 'fn main() { println!("{}", leaf::value()); }\n');
    }
    const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
    const settings = { hostEnv, toolchain: undefined, rustSrc: undefined, jobs: 2, sandbox: true, shorten: String, colour: false };
    try {
      assert.is((await compile(projects, { cache, ...settings }, context)).misses, 4);
    } finally {
      await cache.close();
    }
    const outcomes = events.flatMap((event) => (event.kind === 'unit-finished' && event.unit === 'leaf 0.1.0' ? [event.outcome] : []));
    assert.equal(outcomes, ['built', 'hit', 'hit']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test.run();
