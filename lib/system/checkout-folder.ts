// The folders of a checkout whose kernel is built by the program that is generated below it.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The user's folder that the sandbox shows to the kernel of a checkout as its common one: the repository that it is in, or the checkout. `folder` may be
 * that of the program that is generated below it.
 */
export function ownFolder(folder: string): string {
  const checkout = checkoutOf(folder);
  for (let at = checkout; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (at === dirname(at)) return checkout;
  }
}

/** The folder of a checkout, which may be given by that of the program that is generated below it. */
export function checkoutOf(folder: string): string {
  return folder.replace(/\/target\/osdk\/[^/]*$/, '');
}
