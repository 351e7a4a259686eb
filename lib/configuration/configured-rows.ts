// The rows of a configuration in the root file system: accounts, network, aliases, then its own files, which replace earlier rows.
import { cannot } from '../core/errors.ts';
import { accountRows } from './account-files.ts';
import type { Configuration, ConfiguredFile, Network } from './configuration.ts';
import { throughLinks } from './tree-row.ts';
import type { TreeRow } from './tree-row.ts';

/** Path without a leading slash -> row. */
export async function configuredRows(configuration: Configuration): Promise<ReadonlyMap<string, TreeRow>> {
  const { network, aliases, files } = configuration;
  const rows = new Map([...(await accountRows(configuration)), ...networkRows(network)]);
  for (const [name, target] of aliases) rows.set(`usr/bin/${name}`, { link: target });
  for (const file of files) {
    const path = throughLinks(file.path, (above) => linkOf(rows.get(above)));
    rows.set(path, rowOf(file, rows.get(path)));
  }
  refuseFilesAsFolders(rows);
  return rows;
}

/** Returns the files that smolnetd and dhcpd read, and the script by which init starts them. */
export function networkRows(network: Network | undefined): ReadonlyMap<string, TreeRow> {
  if (!network) return new Map();
  const rows = new Map<string, TreeRow>();
  const line = (name: string, text: string | undefined): void => {
    if (text !== undefined) rows.set(`etc/net/${name}`, { text: `${text}\n` });
  };
  line('dns', network.dns);
  line('ip', network.address);
  line('ip_subnet', network.subnet);
  line('ip_router', network.router);
  rows.set('usr/lib/init.d/10_net', { text: `notify smolnetd\n${network.mode === 'dhcp' ? 'nowait dhcpd\n' : ''}` });
  return rows;
}

function rowOf({ content, mode, uid, gid }: ConfiguredFile, before: TreeRow | undefined): TreeRow {
  const given = { ...(mode === undefined ? {} : { mode }), ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  if (content.kind === 'folder') return { ...given, folder: true };
  if (content.kind === 'link') return { link: content.text, ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  if (content.kind === 'append' && before && 'text' in before) return { ...before, ...given, text: before.text + content.text };
  return { ...given, text: content.text };
}

function linkOf(row: TreeRow | undefined): string | undefined {
  return row && 'link' in row ? row.link : undefined;
}

/** Throws a Failure if a configuration has "/etc/a" as a file, and "/etc/a/b". */
function refuseFilesAsFolders(rows: ReadonlyMap<string, TreeRow>): void {
  for (const path of rows.keys()) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = rows.get(path.slice(0, at));
      if (above && !('folder' in above))
        throw cannot(`put "/${path}" into the image`, `the configuration has "/${path.slice(0, at)}" as a file`);
    }
  }
}
