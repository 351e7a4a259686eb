// All features of generated projects.
import { configFeatures } from './config-features.ts';
import { dependencyFeatures } from './dependency-features.ts';
import type { Feature } from './feature.ts';
import { gitFeatures } from './git-features.ts';
import { macroFeatures } from './macro-features.ts';
import { manifestFeatures } from './manifest-features.ts';
import { scriptFeatures } from './script-features.ts';
import { scriptToolFeatures } from './script-tool-features.ts';
import { sourceFeatures } from './source-features.ts';

export const features: readonly Feature[] = [
  ...sourceFeatures,
  ...scriptFeatures,
  ...scriptToolFeatures,
  ...macroFeatures,
  ...manifestFeatures,
  ...dependencyFeatures,
  ...configFeatures,
  ...gitFeatures,
];

export function featureOf(name: string): Feature {
  const feature = features.find((one) => one.name === name);
  if (!feature) throw new RangeError(`no feature "${name}"`);
  return feature;
}
