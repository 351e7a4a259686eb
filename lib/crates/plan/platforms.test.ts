// Which unstable features of cargo are supported or refused, and which conditions the build scripts of the
// standard library get.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { realToolchain } from '../../dev/testing/real-rustc.ts';
import { unitOf } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import { isNightly } from '../toolchain/toolchain.ts';
import { platformsOf, unstableFeatures } from './platforms.ts';

const project = {
  name: 'p',
  packages: [],
  bins: [],
  lib: false,
  features: [],
  defaultFeatures: true,
  profile: 'dev',
  triple: undefined,
  buildStd: [],
  buildStdFeatures: [],
  cargoConfigs: [],
  env: {},
};

test('an unstable feature that would have to be honoured and is not is refused by name, wherever it is turned on', () => {
  assert.equal(unstableFeatures('/p', { 'trim-paths': true, 'build-std': ['core'] }, {}, []), { trimPaths: true, publicDependency: false });
  assert.equal(unstableFeatures('/p', {}, { CARGO_UNSTABLE_PUBLIC_DEPENDENCY: 'true' }, ['trim-paths']), {
    trimPaths: true,
    publicDependency: true,
  });
  assert.equal(unstableFeatures('/p', { sbom: false }, {}, []), { trimPaths: false, publicDependency: false });
  const refusal = (name: string): RegExp =>
    new RegExp(`^Cannot build "/p": it uses cargo's unstable feature "${name}", which is not supported$`);
  assert.throws(() => unstableFeatures('/p', { sbom: true }, {}, []), refusal('sbom'));
  assert.throws(() => unstableFeatures('/p', {}, { CARGO_UNSTABLE_HOST_CONFIG: 'true' }, []), refusal('host-config'));
  assert.throws(() => unstableFeatures('/p', {}, {}, ['metabuild']), refusal('metabuild'));
});

test("a stable toolchain's standard library sees unstable conditions, as with cargo, and other packages do not", async () => {
  await withScratch(async ({ folder, cacheDir, cache, context }) => {
    const toolchain = await realToolchain(process.env, cacheDir);
    const request = {
      cargo: { toolchain, hostEnv: { PATH: '/usr/bin:/bin' }, cache },
      project: { ...project, dir: folder },
      config: {},
      trees: { common: folder, roots: [folder], gitFolders: [] },
      flagsForHost: false,
    };
    const platform = 'x86_64-unknown-uefi';
    const units = [unitOf({}, { platform, isStd: true }), unitOf({}, { platform })];
    const platforms = await platformsOf(units, request, context);
    const reliable = units.map((unit) => platforms(unit).cfgs.some((cfg) => cfg.startsWith('target_has_atomic_load_store')));
    assert.equal(reliable, [true, isNightly(toolchain)]);
  });
});

test.run();
