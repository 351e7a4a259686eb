// Identifiers that are derived from content instead of drawn at random, so that the same inputs give the same
// image.
import { Buffer } from 'node:buffer';
import { digestBytes } from '../core/digest.ts';

/** Returns 16 bytes that are derived from `text`, in the form of a random UUID (version 4, RFC 9562). */
export function guidFrom(text: string): Uint8Array {
  const guid = Buffer.from(digestBytes(text).slice(0, 32), 'hex');
  guid.writeUInt8((guid.readUInt8(6) & 0x0f) | 0x40, 6);
  guid.writeUInt8((guid.readUInt8(8) & 0x3f) | 0x80, 8);
  return guid;
}

/** Returns 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx', with the bytes in their order. */
export function guidText(guid: Uint8Array): string {
  return Buffer.from(guid)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
