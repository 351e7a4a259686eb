// The repository that the tasks are in.
import { resolve } from 'node:path';

/** The repository that this file belongs to. */
export const repository = resolve(import.meta.dirname, '../..');
