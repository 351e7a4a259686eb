// Checks whether store paths in a folder are unchanged: against the record next to them, and against their
// own name if they are named by their content. A path that neither check covers is reported as not known, and
// not as good.
import { join } from 'node:path';
import { Failure } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { contentAddress, givesName, hasContent, parseContentAddress } from './content-address.ts';
import type { AddressedPath } from './content-address.ts';
import { fingerprint } from '../binary-cache/narinfo.ts';
import type { NarInfo } from '../binary-cache/narinfo.ts';
import { signedBy } from '../binary-cache/signature.ts';
import type { PublicKey } from '../binary-cache/signature.ts';
import type { StoreFolder } from './store-folder.ts';
import type { StoreName } from './store-path.ts';
import { recordOf } from './store-record.ts';

export type Verified = { readonly name: StoreName } & (
  | { readonly state: 'good'; readonly by: 'narinfo' | 'signature' | 'name' }
  | { readonly state: 'damaged'; readonly why: string }
  | { readonly state: 'not known' }
);

/** Reads every byte of the paths. With `trusted` keys, the record of a path must be signed by one of them. */
export async function verifyPaths(
  store: StoreFolder,
  names: readonly StoreName[],
  trusted: readonly PublicKey[],
  context: Context,
): Promise<readonly Verified[]> {
  const results: Verified[] = [];
  await phase('verify', context.report, async () => {
    for (const name of names) {
      context.signal.throwIfAborted();
      results.push({ name, ...(await verified(store, name, trusted, context)) });
      context.report({ kind: 'progress', phase: 'verify', done: results.length, total: names.length });
    }
  });
  return results;
}

type Finding = Verified extends infer Each ? (Each extends { readonly name: StoreName } ? Omit<Each, 'name'> : never) : never;

async function verified(store: StoreFolder, name: StoreName, trusted: readonly PublicKey[], context: Context): Promise<Finding> {
  const { storeDir, dir } = store;
  try {
    const found = await store.info(name, context);
    const addressed = { path: join(dir, name), name, storeDir, references: found.references };
    const info = await recordOf(dir, storeDir, name);
    if (info === undefined) return (await contentAddress(addressed, context)) ? { state: 'good', by: 'name' } : { state: 'not known' };
    if (found.narSize !== info.narSize) return { state: 'damaged', why: `it has ${found.narSize} bytes, not ${info.narSize}` };
    if (found.narHash !== info.narHash) return { state: 'damaged', why: `its hash is ${found.narHash}, not ${info.narHash}` };
    const there = new Set(await store.names());
    const missing = info.references.find((reference) => !there.has(reference));
    if (missing !== undefined) return { state: 'damaged', why: `it refers to "${missing}", which is not there` };
    return await vouched({ ...addressed, references: info.references }, info, trusted, context);
  } catch (error) {
    if (!(error instanceof Failure) || error.blame !== 'failed') throw error;
    return { state: 'damaged', why: error.message };
  }
}

/** Returns the proof for a path that matches its record. */
async function vouched(addressed: AddressedPath, info: NarInfo, trusted: readonly PublicKey[], context: Context): Promise<Finding> {
  const claimed = parseContentAddress(info.contentAddress);
  if (claimed && !(givesName(claimed, addressed) && (await hasContent(addressed, claimed, context))))
    return {
      state: 'damaged',
      why: `it claims to be named by its content, but "${info.contentAddress}" does not match its content and name`,
    };
  if (trusted.length === 0) return { state: 'good', by: 'narinfo' };
  if (signedBy(fingerprint(info, addressed.storeDir), info.signatures, trusted) !== undefined) return { state: 'good', by: 'signature' };
  if (claimed ?? (await contentAddress(addressed, context))) return { state: 'good', by: 'name' };
  return { state: 'damaged', why: 'no trusted key signed it' };
}
