// The flags that say which sources are built.
import type { Flag } from '../command-line.ts';

export const sourceFlags = {
  sources: { type: 'string', value: 'upstream|bundled', help: 'which sources to build (default: upstream if fetched, else bundled)' },
  source: {
    type: 'string',
    value: 'NAME=DIR',
    multiple: true,
    help: 'take your own folder as the source of a component or recipe, or FILE.pkgar as that of a recipe of a binary package',
  },
} as const satisfies Record<string, Flag>;
