// The root file system of a profile: Debian packages, some of whose programs are replaced by components.
// Takes facts and files, and returns entries and a report of the effect on each package.
import { posix } from 'node:path';
import { root as sandboxRoot } from '../actions/place.ts';
import { bubblewrapArgv, requireSandbox } from '../actions/sandbox/sandbox.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { remembered } from '../core/remembered.ts';
import { isTexts } from '../core/stored-values.ts';
import { outputOf } from '../core/sh.ts';
import { directoryOf, file, parentOf, symlink } from '../image/file-tree.ts';
import type { Entry } from '../image/file-tree.ts';
import { withAccounts } from './accounts.ts';
import { systemdBackend } from './inits/systemd.ts';
import { sysvBackend } from './inits/sysv.ts';
import { tableBackend } from './inits/table.ts';
import { baseRoot } from './base-root.ts';
import type { BaseRequest, BaseRoot } from './base-root.ts';
import { checkServices } from './services/check-services.ts';
import { entriesOf } from './image-layout.ts';
import type { FileSources } from './image-layout.ts';
import type { InitName, RootFacts, Multicall, Replacement } from '../system/image-facts.ts';
import { kernelModules } from './kernel-modules.ts';
import { installedPackages, statusPath, statusWithout, textOf } from './package-files.ts';
import type { InstalledPackage } from './package-files.ts';
import { goneWith, makeWay, refuseMissing } from './replacement.ts';
import type { Replaced } from './replacement.ts';
import type { ServiceBackend } from './services/service-backend.ts';
import type { CheckedServices } from '../system/services.ts';

export interface RootTree {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Packages of which files are left, with only those files. */
  readonly packages: readonly InstalledPackage[];
  readonly replaced: readonly Replaced[];
  /** The entries that come only from packages, which stay the same when a component changes. */
  readonly below: ReadonlyMap<string, Entry>;
  /** Path -> the replacement that provides it. */
  readonly provided: ReadonlyMap<string, string>;
}

export interface RootRequest extends Omit<BaseRequest, 'name'> {
  /** False with --no-sandbox. */
  readonly sandbox: boolean;
  /** Returns the folder of an unpacked package from which single files are taken. */
  readonly single: (use: string) => Promise<string>;
  readonly root: RootFacts;
  readonly replacements: Readonly<Record<string, Replacement>>;
}

/** Returns the tree. A replacement that does not provide a file that it names is a Failure. */
export async function rootTree(request: RootRequest, sources: FileSources, context: Context): Promise<RootTree> {
  const { root, timestampSec } = request;
  const base = await baseRoot({ ...request, name: root.base }, context);
  const packages = await installedPackages(base);
  const tree = new Map(base);
  const added = new Map<string, Entry>();
  const provided = new Map<string, string>();
  const replaced: Replaced[] = [];
  const gone = new Set<string>();
  for (const name of root.replacements) {
    const replacement = request.replacements[name];
    if (!replacement) throw cannot(`replace ${name}`, 'there is no such replacement');
    replaced.push(makeWay(tree, name, replacement, packages));
    for (const one of goneWith(replacement)) gone.add(one);
    const comes = await entriesOf(replacement.provides, sources, timestampSec);
    const links = replacement.multicall ? await multicallEntries(name, replacement.multicall, sources, request, context) : [];
    for (const [path, entry] of [...comes, ...links]) {
      added.set(path, entry);
      provided.set(path, name);
    }
  }
  if (gone.size > 0 && tree.has(statusPath)) tree.set(statusPath, file(statusWithout(await textOf(base, statusPath), gone)));
  const { services, modules } = root;
  const set = services && checkServices(services.set);
  const rendered = services && set && backends[services.init].render(set);
  for (const name of rendered?.packages ?? []) {
    if (!packages.has(name)) throw cannot(`run services under ${services?.init}`, `the base ${root.base} lacks the package ${name}`);
  }
  if (rendered) for (const [path, entry] of await entriesOf(rendered.files, sources, timestampSec)) added.set(path, entry);
  if (set) for (const [path, entry] of await accountFiles(base, set)) added.set(path, entry);
  if (modules) {
    const found = await kernelModules(await request.single(modules.from), modules.names, request, context);
    for (const [path, entry] of found) added.set(path, entry);
  }
  if (root.keeps) keepOnly(tree, root.keeps);
  const left = [...packages.values()].map((one) => ({ ...one, files: one.files.filter((path) => tree.has(path) && !added.has(path)) }));
  return { entries: new Map([...tree, ...added]), below: tree, packages: left.filter(({ files }) => files.length > 0), replaced, provided };
}

const backends: Readonly<Record<InitName, ServiceBackend>> = { systemd: systemdBackend, sysvinit: sysvBackend, table: tableBackend };

/** Returns passwd, shadow and group of the packages with the users of the services. */
async function accountFiles(base: BaseRoot, set: CheckedServices): Promise<readonly [string, Entry][]> {
  const [passwd, shadow, group] = await Promise.all([textOf(base, 'etc/passwd'), textOf(base, 'etc/shadow'), textOf(base, 'etc/group')]);
  const texts = withAccounts({ passwd, shadow, group }, set);
  return Object.entries(texts).map(([name, text]): [string, Entry] => {
    const before = base.get(`etc/${name}`);
    const { mode, ...owner } = before ?? { mode: 0o600, uid: 0, gid: 0 };
    return [`etc/${name}`, file(text, mode, { uid: owner.uid, gid: owner.gid })];
  });
}

async function multicallEntries(
  name: string,
  multicall: Multicall,
  sources: FileSources,
  { cacheDir, env, sandbox: wanted }: RootRequest,
  { signal }: Context,
): Promise<readonly [string, Entry][]> {
  const { program, at, links } = multicall;
  const path = sources.made(program);
  if (path === undefined) throw cannot(`replace ${name}`, `no component has the output "${program}"`);
  const listed = await remembered<readonly string[]>(
    cacheDir,
    'multicall',
    { path },
    async () => {
      const hostPath = pathOf(env);
      const sandbox = await requireSandbox(wanted, hostPath, signal);
      const place = `${sandboxRoot}/program`;
      const argv =
        sandbox.kind === 'none'
          ? [path, '--list']
          : bubblewrapArgv(sandbox, [place, '--list'], '/', { readOnly: { [place]: path }, writable: {} });
      const text = await outputOf(`ask ${program} what it has`, argv, { cwd: '/', env: { PATH: hostPath }, signal });
      return { value: text.split(/\s+/).filter(Boolean), witnesses: [path] };
    },
    isTexts,
  );
  refuseMissing(name, multicall, new Set(listed));
  const whole = await entriesOf({ [at]: { made: program } }, sources, 0);
  return [...whole, ...Object.keys(links).map((link): [string, Entry] => [link, symlink(posix.relative(directoryOf(link), at))])];
}

/** Keeps the named paths, everything below named folders, and the folders above them. */
function keepOnly(tree: Map<string, Entry>, keeps: readonly string[]): void {
  const exact = new Set(keeps);
  const folders = keeps.filter((kept) => kept.endsWith('/'));
  const above = new Set<string>(['']);
  const stays = (path: string): boolean => exact.has(path) || folders.some((folder) => path.startsWith(folder) || `${path}/` === folder);
  for (const path of tree.keys()) {
    if (!stays(path)) continue;
    for (let parent = parentOf(path); parent !== undefined; parent = parentOf(parent)) above.add(parent);
  }
  for (const kept of keeps) {
    if (!above.has(kept.replace(/\/$/, '')) && !tree.has(kept.replace(/\/$/, '')))
      throw cannot(`keep "${kept}"`, 'the base does not have it');
  }
  for (const path of [...tree.keys()]) if (!stays(path) && !above.has(path)) tree.delete(path);
}
