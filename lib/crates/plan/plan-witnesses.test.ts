// What a plan is a witness of: everything that cargo would look at again.
import { join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageOf } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import { lookedAt } from './resolution.ts';
import type { Package } from '../cargo/package.ts';

test('folders of targets, folders that globs list, workspaces of others, patches, and manifests that may appear between', async () => {
  await withScratch(async ({ folder, write }) => {
    await write(
      'ws/Cargo.toml',
      '[workspace]\nmembers = ["app", "crates/*", "deep/**/x"]\n[patch.crates-io]\np = { path = "../patched" }\n',
    );
    await write('ws/app/Cargo.toml', '[package]\nname = "app"\n');
    await write('ws/app/src/bin/tool/helper.rs', '');
    await write('ws/crates/empty/README', '');
    await write('ws/deep/a/b/README', '');
    await write('others/Cargo.toml', '[workspace]\nmembers = ["group/util"]\n');
    await write('others/group/util/Cargo.toml', '[package]\nname = "util"\nversion.workspace = true\n');
    const at = (path: string): Package =>
      packageOf({ source: undefined, dir: join(folder, path), manifestPath: join(folder, path, 'Cargo.toml') });
    const looked = await lookedAt([at('ws/app'), at('others/group/util')], join(folder, 'ws'), '/nowhere');
    const names = new Set(looked.map((path) => relative(folder, path) + (path.endsWith('/') ? '/' : '')));
    for (const name of [
      'ws/Cargo.lock',
      'ws/app/src/bin/',
      'ws/app/src/bin/tool/',
      'ws/app/tests/',
      'ws/crates/',
      'ws/crates/empty/Cargo.toml',
      'ws/deep/',
      'ws/deep/a/b/x/Cargo.toml',
      'others/Cargo.toml',
      'others/group/Cargo.toml',
      'Cargo.toml',
      'patched/Cargo.toml',
    ]) {
      assert.ok(names.has(name), `${name} is not in ${[...names].join(' ')}`);
    }
  });
});

test.run();
