// Computes the store paths of a derivation and of its outputs. An output is named by the derivation's text,
// in which its own outputs are empty and each input is replaced by a hash of how it is built ("modulo"). So a
// fixed-output source that is fetched in another way changes no name. Only computes.
import { byCodeUnit, sha256 } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { printDerivation } from './derivation.ts';
import type { Derivation, Output } from './derivation.ts';
import { fixedPath, outputPath, plainName, storeNameIn, textPath } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';

/** Returns the derivation at a full path. */
export type DerivationAt = (path: string) => Derivation;

/** Hashes of derivations by path. Use the same memo for all derivations of a closure. */
export type ModuloMemo = Map<string, string>;

/**
 * Returns the path of each output of the derivation with the name `drvName` ("app-1.0"), by the output's
 * name.
 */
export function outputPaths(
  storeDir: string,
  drvName: string,
  derivation: Derivation,
  at: DerivationAt,
  memo: ModuloMemo = new Map(),
): ReadonlyMap<string, StoreName> {
  const fixed = fixedOutput(derivation);
  if (fixed) {
    const { method, algorithm } = fixedMethod(fixed);
    return new Map([[fixed.name, fixedPath(storeDir, drvName, method, algorithm, fixed.hash)]]);
  }
  if (derivation.outputs.some(({ algorithm }) => algorithm !== '')) {
    throw cannot(`name the outputs of "${drvName}"`, 'they are named by their content, which is only known after a build');
  }
  const names = new Set(derivation.outputs.map(({ name }) => name));
  const masked: Derivation = {
    ...derivation,
    outputs: derivation.outputs.map((output) => ({ ...output, path: '' })),
    env: derivation.env.map(([name, value]) => [name, names.has(name) ? '' : value] as const),
  };
  const modulo = hashWithInputs(masked, at, memo);
  return new Map([...names].map((name) => [name, outputPath(storeDir, drvName, name, modulo)]));
}

/** Returns the path of the .drv file itself. */
export function derivationPath(storeDir: string, drvName: string, derivation: Derivation): StoreName {
  const references = [...derivation.inputs.map(([path]) => path), ...derivation.sources].map((path) => storeNameIn(path, storeDir));
  return textPath(storeDir, `${drvName}.drv`, printDerivation(derivation), references);
}

/** Returns "app-1.0" for "<hash>-app-1.0.drv". */
export function derivationName(name: StoreName): string {
  return plainName(name).replace(/\.drv$/, '');
}

/** Returns the hash, in hex, by which the derivation is represented in the hash of its dependents. */
function modulo(path: string, at: DerivationAt, memo: ModuloMemo): string {
  const known = memo.get(path);
  if (known !== undefined) return known;
  const derivation = at(path);
  const fixed = fixedOutput(derivation);
  const hash = fixed
    ? sha256().update(`fixed:out:${fixed.algorithm}:${fixed.hash}:${fixed.path}`).digest('hex')
    : hashWithInputs(derivation, at, memo);
  memo.set(path, hash);
  return hash;
}

/** Inputs with the same hash are merged, with the outputs of both. */
function hashWithInputs(derivation: Derivation, at: DerivationAt, memo: ModuloMemo): string {
  const merged = new Map<string, Set<string>>();
  for (const [path, outputs] of derivation.inputs) {
    const hash = modulo(path, at, memo);
    merged.set(hash, new Set([...(merged.get(hash) ?? []), ...outputs]));
  }
  const inputs = [...merged].sort(([a], [b]) => byCodeUnit(a, b)).map(([hash, outputs]) => [hash, [...outputs].sort(byCodeUnit)] as const);
  return sha256()
    .update(printDerivation({ ...derivation, inputs }))
    .digest('hex');
}

/** Returns the only output if the derivation contains its hash. */
function fixedOutput({ outputs }: Derivation): Output | undefined {
  const [only] = outputs;
  return outputs.length === 1 && only?.name === 'out' && only.hash !== '' ? only : undefined;
}

function fixedMethod({ algorithm }: Output): { method: 'r:' | ''; algorithm: string } {
  return algorithm.startsWith('r:') ? { method: 'r:', algorithm: algorithm.slice(2) } : { method: '', algorithm };
}
