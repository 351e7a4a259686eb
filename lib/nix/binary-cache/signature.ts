// Signatures of store paths: ed25519, with keys and signatures as "<name>:<base 64>". A secret key is
// followed by the public one. Source: libutil/../crypto.cc.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { cannot } from '../../core/errors.ts';

export interface PublicKey {
  readonly name: string;
  readonly key: KeyObject;
}

export interface SecretKey extends PublicKey {
  readonly publicText: string;
}

const keyBytes = 32;
const signatureBytes = 64;

/** "cache.example.org-1:<44 characters>". */
export function publicKey(text: string): PublicKey {
  const { name, bytes } = named(text, 'use a public key', keyBytes);
  return { name, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' }) };
}

/**
 * Parses a key in the form of `nix key generate-secret` and `nix-store --generate-binary-cache-key`. The text
 * is never part of an error.
 */
export function secretKey(text: string): SecretKey {
  const { name, bytes } = named(text.trim(), 'use a secret key', 2 * keyBytes);
  const [d, x] = [bytes.subarray(0, keyBytes), bytes.subarray(keyBytes)];
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: d.toString('base64url'), x: x.toString('base64url') };
  return { name, key: createPrivateKey({ key: jwk, format: 'jwk' }), publicText: `${name}:${x.toString('base64')}` };
}

export function signed(text: string, { name, key }: SecretKey): string {
  return `${name}:${sign(null, Buffer.from(text), key).toString('base64')}`;
}

/** Returns the name of the first key that signed the text. */
export function signedBy(text: string, signatures: readonly string[], keys: readonly PublicKey[]): string | undefined {
  const holds = ({ name, key }: PublicKey): boolean =>
    signatures.some((signature) => {
      const [signer, bytes] = parts(signature);
      return signer === name && bytes.length === signatureBytes && verify(null, Buffer.from(text), key, bytes);
    });
  return keys.find(holds)?.name;
}

function named(text: string, what: string, wantedBytes: number): { name: string; bytes: Buffer } {
  const [name, bytes] = parts(text);
  if (name === '' || bytes.length !== wantedBytes) {
    throw cannot(what, `it is not a name, ":" and ${wantedBytes} bytes in base 64`, {
      blame: 'usage',
      hint: 'nix key generate-secret creates one',
    });
  }
  return { name, bytes };
}

function parts(text: string): readonly [name: string, bytes: Buffer] {
  const colon = text.indexOf(':');
  const digits = text.slice(colon + 1);
  return colon > 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(digits) ? [text.slice(0, colon), Buffer.from(digits, 'base64')] : ['', Buffer.alloc(0)];
}
