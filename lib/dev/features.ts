// All features of generated projects.
import type { Feature } from './feature.ts';
import { macroFeatures } from './macro-features.ts';
import { manifestFeatures } from './manifest-features.ts';
import { scriptFeatures } from './script-features.ts';
import { sourceFeatures } from './source-features.ts';

export const features: readonly Feature[] = [...sourceFeatures, ...scriptFeatures, ...macroFeatures, ...manifestFeatures];

export function featureOf(name: string): Feature {
  const feature = features.find((one) => one.name === name);
  if (!feature) throw new RangeError(`no feature "${name}"`);
  return feature;
}
