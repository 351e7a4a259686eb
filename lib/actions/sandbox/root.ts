// Where things are in the sandbox: the same places on every machine.

/** The places of ours; nothing else of the host may carry these names. */
export const root = '/bloomery';

/** The number of folders above the common one that have a place, for paths with "..". */
export const levelsAbove = 4;

/** The place of the folder that holds all of the user's own trees. The folders above it hold only what is shown of the user's. */
export const here = `${root}/${'above/'.repeat(levelsAbove)}here`;
