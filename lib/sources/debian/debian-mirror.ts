// Finds the host's Debian mirror in apt's source files, in both of their formats (sources.list(5)). Only
// computes.

/** The address of packages, and the keyring of their index's signature. */
export interface DebianMirror {
  readonly uri: string;
  /** Path of the keyring. Undefined: any key that the host's apt trusts. */
  readonly signedBy?: string;
}

interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

const debianSuites = new Set(['bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'oldstable', 'stable', 'testing', 'unstable']);

/**
 * Returns the first source with a suite of Debian and the component main. Other vendors use the suites' names
 * with their own components.
 */
export function debianMirror(files: readonly { readonly path: string; readonly text: string }[]): DebianMirror | undefined {
  const sources = files.flatMap(({ path, text }) => (path.endsWith('.sources') ? stanzas(text) : lines(text)));
  const source = sources.find(
    ({ uri, suites, components }) => /^https?:/.test(uri) && components.includes('main') && suites.some((suite) => debianSuites.has(suite)),
  );
  return source && { uri: source.uri, ...(source.signedBy?.startsWith('/') ? { signedBy: source.signedBy } : {}) };
}

/** The one-line format: `deb [signed-by=/x.gpg arch=amd64] URI SUITE COMPONENT...`. */
function lines(text: string): readonly Source[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', uri, suite, components] = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line.trim()) ?? [];
    if (!uri || !suite || !components) return [];
    return [{ uri, suites: [suite], components: words(components), signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1] }];
  });
}

/** The deb822 format: stanzas of `Field: value`, continued by indented lines, with # for comments. */
function stanzas(text: string): readonly Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const kept = stanza
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n');
    const fields = new Map(
      [...kept.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm)].map(([, name = '', value = '']) => [name.toLowerCase(), value.trim()]),
    );
    if (!words(fields.get('types') ?? '').includes('deb') || /^no$/i.test(fields.get('enabled') ?? '')) return [];
    const [suites, components] = [words(fields.get('suites') ?? ''), words(fields.get('components') ?? '')];
    return words(fields.get('uris') ?? '').map((uri) => ({ uri, suites, components, signedBy: fields.get('signed-by') }));
  });
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter(Boolean);
}
