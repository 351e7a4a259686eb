// The triple of the host, for which recipes are compiled.
import { machine } from 'node:os';

export function hostTriple(): string {
  return `${machine()}-unknown-linux-gnu`;
}
