// What rustup wrote down about the files that it installed: which archive each came from, by the SHA-256 that it verified the archive with. A
// file that was not touched since is known by that, and 600 MB of compiler need not be read. Source: the folder lib/rustlib of any toolchain of
// rustup's (components, manifest-<component>, multirust-channel-manifest.toml).
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';

/** Files of one component by their paths relative to the sysroot. */
interface Component {
  readonly archive: string;
  readonly files: ReadonlySet<string>;
  readonly installedMs: number;
}

/** For the path of a file: the digest of the archive that it came from unchanged; undefined where rustup does not know, or it was changed. */
export type Installed = (path: string) => Promise<string | undefined>;

/** rustup gives a file the time when it unpacks it, and writes the component's manifest when it has unpacked all of them. */
const mostUnpackingMs = 60 * 60 * 1000;
/** The time stamps of some file systems are whole, or even, seconds. */
const coarseMs = 2000;

/** Reads the record of the components that a build depends on; a toolchain that rustup did not install has none. */
export async function rustupRecord(sysroot: string): Promise<Installed> {
  const folder = join(sysroot, 'lib/rustlib');
  const [names, channel] = await Promise.all(
    ['components', 'multirust-channel-manifest.toml'].map((name) => absentAsUndefined(readFile(join(folder, name), 'utf8'))),
  );
  if (names === undefined || channel === undefined) return async () => undefined;
  const wanted = names.split('\n').filter((name) => /^(?:rustc|cargo|rust-std)-/.test(name));
  const components = (await Promise.all(wanted.map((name) => componentOf(folder, name, channel)))).filter((one) => one !== undefined);
  return async (path) => {
    const owner = components.find(({ files }) => files.has(path));
    if (!owner) return undefined;
    const mtimeMs = (await absentAsUndefined(stat(join(sysroot, path))))?.mtimeMs;
    const untouched = mtimeMs !== undefined && mtimeMs <= owner.installedMs + coarseMs && mtimeMs >= owner.installedMs - mostUnpackingMs;
    return untouched ? `rustup:${owner.archive}` : undefined;
  };
}

async function componentOf(folder: string, name: string, channel: string): Promise<Component | undefined> {
  const archive = archiveOf(name, channel);
  const path = join(folder, `manifest-${name}`);
  const [text, about] = await Promise.all([absentAsUndefined(readFile(path, 'utf8')), absentAsUndefined(stat(path))]);
  if (archive === undefined || text === undefined || about === undefined) return undefined;
  const files = [...text.matchAll(/^file:(.+)$/gm)].map((match) => match[1] ?? '');
  return { archive, files: new Set(files), installedMs: about.mtimeMs };
}

/**
 * The digest that the channel's manifest gives for a component ("rust-std-x86_64-unknown-none"). The manifest is a megabyte of TOML, of which
 * one table is looked at: a reader for all of it would take longer than what is saved.
 */
function archiveOf(component: string, channel: string): string | undefined {
  const [, pkg = '', target = ''] = /^(rustc|cargo|rust-std)-(.+)$/.exec(component) ?? [];
  const from = channel.indexOf(`\n[pkg.${pkg}.target.${target}]\n`);
  if (from === -1) return undefined;
  const end = channel.indexOf('\n[', from + 1);
  const table = channel.slice(from, end === -1 ? undefined : end);
  return (/^xz_hash = "([0-9a-f]{64})"$/m.exec(table) ?? /^hash = "([0-9a-f]{64})"$/m.exec(table))?.[1];
}
