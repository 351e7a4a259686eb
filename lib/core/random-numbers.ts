// Pseudo-random numbers from a seed, for stress tests whose choices can be repeated. Not for secrets.

/** Returns a function whose numbers in [0, 1) depend on the seed only (Park and Miller's generator). */
export function randomNumbers(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  next();
  return next;
}
