// The name of the folder of a cache that has its present layout.

/** The layout of the cache directory; a change that old records cannot be read with gets the next number. */
export const layout = 'v1';
