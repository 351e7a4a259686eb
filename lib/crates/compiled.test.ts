// The outputs of a build are put where users find them, and the users' own files there are kept.
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DamagedBlob } from '../cache/content-store.ts';
import { digestBytes } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { publish } from './compiled.ts';
import type { CompiledProject, Output } from './compiled.ts';
import type { Project } from './project.ts';
import { ownText } from './unit/source-view.ts';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';

const project: Project = {
  name: 'tools',
  dir: '/',
  packages: [],
  bins: [],
  lib: false,
  features: [],
  defaultFeatures: true,
  profile: 'release',
  triple: undefined,
  buildStd: [],
  buildStdFeatures: [],
  cargoConfigs: [],
  env: {},
};

/** A project whose outputs have their own names as their text. Linkers mark shared libraries executable, too. */
async function compiled({ cache }: Scratch, names: readonly string[]): Promise<CompiledProject> {
  const outputs = await Promise.all(
    names.map(async (name): Promise<readonly [string, Output]> => {
      const digest = await cache.content.putBytes(name);
      const executable = !/\.(a|rlib)$/.test(name);
      const role = name.includes('/') ? 'written' : name.startsWith('lib') ? 'library' : 'program';
      return [name, { kind: 'file', path: 'x', digest, sizeBytes: name.length, executable, role }];
    }),
  );
  return { project, outputs: new Map(outputs) };
}

test("files that a compilation wrote elsewhere do not count as the user's text if the folder is in the user's package", async () => {
  await withScratch(async (scratch) => {
    await scratch.write('app/src/main.rs', 'own');
    await publish(await compiled(scratch, ['written/src/evil.txt']), join(scratch.folder, 'app/out'), scratch.cache);
    assert.equal(await filesBelow(join(scratch.folder, 'app/out')), ['written/CACHEDIR.TAG', 'written/src/evil.txt']);
    assert.is(ownText(join(scratch.folder, 'app'), []), 'own');
  });
});

test('programs go to bin and are reported, libraries go to lib, whether the linker marked them executable or not', async () => {
  await withScratch(async (scratch) => {
    const out = join(scratch.folder, 'out');
    const bins = await publish(await compiled(scratch, ['tool', 'boot.efi', 'libx.so', 'liby.a', 'libz.rlib']), out, scratch.cache);
    assert.equal(bins, { tool: join(out, 'bin/tool'), boot: join(out, 'bin/boot.efi') });
    assert.equal(await filesBelow(out), ['bin/boot.efi', 'bin/tool', 'lib/libx.so', 'lib/liby.a', 'lib/libz.rlib']);
    assert.equal([(await stat(join(out, 'bin/tool'))).mode & 0o777, (await stat(join(out, 'lib/liby.a'))).mode & 0o777], [0o755, 0o644]);
  });
});

test('a file that is right already is left alone, one that is not is replaced', async () => {
  await withScratch(async (scratch) => {
    const out = join(scratch.folder, 'out');
    const files = await compiled(scratch, ['same', 'other', 'plain']);
    for (const name of ['same', 'other', 'plain']) await scratch.write(`out/bin/${name}`, name === 'other' ? 'OTHER' : name);
    for (const name of ['same', 'other']) await chmod(join(out, 'bin', name), 0o755);
    const before = await stat(join(out, 'bin/same'));
    await publish(files, out, scratch.cache);
    assert.equal([(await stat(join(out, 'bin/same'))).ino, (await stat(join(out, 'bin/same'))).mtimeMs], [before.ino, before.mtimeMs]);
    assert.is(await readFile(join(out, 'bin/other'), 'utf8'), 'other');
    assert.is((await stat(join(out, 'bin/plain'))).mode & 0o777, 0o755, 'the bytes were right, but the file was not executable');
  });
});

test('a program that its owner changes does not reach the cache', async () => {
  await withScratch(async (scratch) => {
    const out = join(scratch.folder, 'out');
    await publish(await compiled(scratch, ['tool']), out, scratch.cache);
    await writeFile(join(out, 'bin/tool'), 'mine');
    assert.is((await scratch.cache.content.read(digestBytes('tool')))?.toString(), 'tool');
  });
});

test('an output folder that cannot be written is reported with a hint how to choose another', async () => {
  await withScratch(async (scratch) => {
    const files = await compiled(scratch, ['tool']);
    const refusal = async (out: string): Promise<Failure> => {
      const error: unknown = await publish(files, out, scratch.cache).catch((reason: unknown) => reason);
      assert.instance(error, Failure, String(error));
      return error as Failure;
    };
    const host = await refusal('/sys/bloomery');
    assert.match(host.message, /^Cannot write the programs of tools to "\/sys\/bloomery": /);
    assert.equal([host.exitCode, host.hint], [69, 'choose another folder with --out DIR']);
    await mkdir(join(scratch.folder, 'out/bin/tool'), { recursive: true });
    assert.match((await refusal(join(scratch.folder, 'out'))).message, /it is a folder$/);
    assert.equal(await filesBelow(scratch.folder), []);
  });
});

test('a missing or damaged blob is not written partially', async () => {
  await withScratch(async (scratch) => {
    const tool: Output = { kind: 'file', path: 'x', digest: digestBytes('never'), sizeBytes: 5, executable: true, role: 'program' };
    const files = { project, outputs: new Map([['tool', tool]]) };
    const error: unknown = await publish(files, join(scratch.folder, 'out'), scratch.cache).catch((reason: unknown) => reason);
    assert.instance(error, DamagedBlob);
    assert.equal(await filesBelow(scratch.folder), []);
  });
});

test('a missing blob is an error of the caller, also while other files are still being written', async () => {
  await withScratch(async (scratch) => {
    const { outputs } = await compiled(scratch, ['first', 'written/a', 'libb.a', 'written/c/d']);
    for (const missing of outputs.keys()) {
      const changed = [...outputs].map(
        ([name, output]) => [name, name === missing ? { ...output, digest: digestBytes('never') } : output] as const,
      );
      const files = { project, outputs: new Map(changed) };
      const error: unknown = await publish(files, join(scratch.folder, 'out'), scratch.cache).catch((reason: unknown) => reason);
      assert.instance(error, DamagedBlob);
    }
  });
});

test.run();
