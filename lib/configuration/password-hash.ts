// The hash of a password as Redox stores it in /etc/shadow: Argon2id in its text form ($argon2id$v=19$m=...,t=...,p=...$salt$hash), RFC 9106. Any
// reader of that form takes the cost from the text.
import * as crypto from 'node:crypto';
import { promisify } from 'node:util';
import { digestRecord } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';

/** The cost that OWASP recommends for Argon2id, which is also the default of the Rust crates rust-argon2 and argon2. */
const cost = { memoryKiB: 19_456, passes: 2, parallelism: 1, tagLength: 32 } as const;
const version = 19;
const saltBytes = 16;

/**
 * Returns the hash for a user. The same configuration must give the same image, so the salt is not random: it is a digest of the user's name and number,
 * which differ for each user of an image. The salt does not depend on the password. Otherwise an attacker could test guesses against the fast digest
 * instead of the slow hash.
 */
export async function passwordHash(password: string, user: { readonly name: string; readonly uid: number }): Promise<string> {
  // A namespace import, because a Node before 24.7 lacks the function, and configurations without passwords do not need it.
  if (!('argon2' in crypto)) {
    throw cannot(`store the password of ${user.name}`, 'this Node has no argon2', {
      blame: 'host',
      hint: 'use npx zx, which brings Node 24',
    });
  }
  const salt = Buffer.from(digestRecord(['salt of a password', user.name, user.uid]), 'hex').subarray(0, saltBytes);
  const { memoryKiB: memory, passes, parallelism, tagLength } = cost;
  const hash = await promisify(crypto.argon2)('argon2id', { message: password, nonce: salt, memory, passes, parallelism, tagLength });
  return `$argon2id$v=${version}$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Without padding. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
