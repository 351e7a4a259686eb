// What a command wanted that the sandbox refused it, judged from what a witness wrote down (witness.c) or, without one, from the command's own
// words. Most refusals are daily life (a program looked for along a search path), so only what the host has and the sandbox hides counts.
import { posix } from 'node:path';
import { isBelow } from './mounts.ts';

export type Violation =
  /** `peer` is "192.0.2.1 port 80", a name that was looked up, or "" where nobody knows. */
  | { readonly act: 'network'; readonly peer: string }
  /** `place` is a path as the command saw it, or "" where nobody knows. */
  | { readonly act: 'write'; readonly place: string }
  | { readonly act: 'read'; readonly place: string };

const readOnlyFileSystem = 30; // EROFS

/** Files below /etc that libraries and shells look for in any program, whoever wrote it. */
const everyday = [
  ...[
    'ld.so.preload',
    'nsswitch.conf',
    'passwd',
    'group',
    'resolv.conf',
    'host',
    'hosts',
    'host.conf',
    'gai.conf',
    'localtime',
    'services',
  ],
  ...['protocols', 'locale.alias', 'selinux', 'gitconfig', 'ssl', 'inputrc', 'profile', 'bash.bashrc', 'xattr.conf'],
];

function isEveryday(place: string): boolean {
  return isBelow(
    place,
    everyday.map((name) => `/etc/${name}`),
  );
}

/**
 * The witness's lines as violations: the network first, then writes, then reads; of each the last first, because it is the nearest to the end of
 * the command. `isHidden` tells whether the host has something at a path that the sandbox does not show.
 */
export async function violationsOf(log: string, isHidden: (place: string) => Promise<boolean>): Promise<readonly Violation[]> {
  const found: Violation[] = [];
  for (const line of new Set(log.split('\n').reverse())) {
    const [, act, errno, what = ''] = /^(\w+) (\d+) (.+)$/.exec(line) ?? [];
    const place = posix.normalize(what);
    if (act === 'connect' || act === 'resolve') found.push({ act: 'network', peer: what });
    else if (act === 'write' && (Number(errno) === readOnlyFileSystem || (await isHidden(posix.dirname(place)))))
      found.push({ act, place });
    else if (act === 'read' && !isEveryday(place) && (await isHidden(place))) found.push({ act, place });
  }
  const order: readonly Violation['act'][] = ['network', 'write', 'read'];
  return order.flatMap((act) => found.filter((violation) => violation.act === act));
}

const networkWords =
  /Network is unreachable|NetworkUnreachable|Connection refused|ConnectionRefused|[Nn]ame resolution|failed to lookup address|[Cc]ould not resolve host/;
const writeWords = /Read-only file system|ReadOnlyFilesystem/;

/** What the command said itself, where nothing was witnessed: a static program, a host without a C compiler. */
export function violationsInWords(text: string): readonly Violation[] {
  if (networkWords.test(text)) return [{ act: 'network', peer: '' }];
  return writeWords.test(text) ? [{ act: 'write', place: '' }] : [];
}
