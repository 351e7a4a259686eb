// Which unstable features of cargo are honoured or refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unstableFeatures } from './platforms.ts';

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

test.run();
