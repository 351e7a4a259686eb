// Redox's /etc/passwd, /etc/group and /etc/shadow, and the home folders, from the users and groups of a configuration. Semicolons separate the fields:
// name;uid;gid;full name;home;shell, name;gid;members, name;hash. With an empty hash no password is needed; "!" refuses every login.
import { byCodeUnit } from '../core/digest.ts';
import { cannot, present } from '../core/errors.ts';
import type { Configuration, User } from './configuration.ts';
import { passwordHash } from './password-hash.ts';
import type { TreeRow } from './tree-row.ts';

interface Account extends User {
  readonly account: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const firstUid = 1000;
const defaultShell = '/bin/ion';

/** Returns the rows of the three files and of the home folders. Throws a Failure if two users have the same number. */
export async function accountRows({ users, groups }: Pick<Configuration, 'users' | 'groups'>): Promise<ReadonlyMap<string, TreeRow>> {
  const accounts = accountsOf(users);
  const lines = { passwd: '', shadow: '' };
  for (const { account, uid, gid, name, home, shell, password, passwordHash: given } of accounts) {
    lines.passwd += `${[account, uid, gid, name ?? account, home, shell ?? defaultShell].join(';')}\n`;
    const hash = given ?? (password === undefined ? '!' : password === '' ? '' : await passwordHash(password, { name: account, uid }));
    lines.shadow += `${account};${hash}\n`;
  }
  const rows = new Map<string, TreeRow>();
  // Without users and groups, a package may install these files.
  if (accounts.length > 0) rows.set('etc/passwd', { text: lines.passwd }).set('etc/shadow', { text: lines.shadow, mode: 0o600 });
  if (accounts.length + groups.size > 0) rows.set('etc/group', { text: groupText(groups, accounts) });
  for (const { home, uid, gid } of accounts) {
    if (home !== '/') rows.set(home.slice(1), { folder: true, mode: 0o700, uid, gid });
  }
  return rows;
}

/** Returns the users sorted by number. Users without a number get the first free one from 1000, in the order of their names. */
function accountsOf(users: Configuration['users']): readonly Account[] {
  const taken = new Map<number, string>();
  const uids = new Map<string, number>();
  const sorted = [...users].sort(([a], [b]) => byCodeUnit(a, b));
  const take = (name: string, uid: number): void => {
    const other = taken.get(uid);
    if (other !== undefined)
      throw cannot(`add the user ${name}`, `the user ${other} has the uid ${uid} too`, { hint: `set users.${name}.uid` });
    taken.set(uid, name);
    uids.set(name, uid);
  };
  for (const [name, { uid }] of sorted) if (uid !== undefined || name === 'root') take(name, uid ?? 0);
  let next = firstUid;
  for (const [name] of sorted) {
    if (uids.has(name)) continue;
    while (taken.has(next)) next++;
    take(name, next);
  }
  return sorted
    .map(([account, user]) => {
      const uid = present(uids.get(account), `the uid of ${account}`);
      return { ...user, account, uid, gid: user.gid ?? uid, home: user.home ?? (account === 'root' ? '/root' : `/home/${account}`) };
    })
    .sort((a, b) => a.uid - b.uid);
}

/** Returns the text of /etc/group: the described groups, and one for each user whose gid has no group. */
function groupText(groups: Configuration['groups'], accounts: readonly Account[]): string {
  const rows = new Map<number, { readonly name: string; readonly members: readonly string[] }>();
  const names = new Set<string>();
  const add = (name: string, gid: number, members: readonly string[]): void => {
    const other = rows.get(gid);
    if (other) throw cannot(`add the group ${name}`, `the group ${other.name} has the gid ${gid} too`, { hint: `set groups.${name}.gid` });
    rows.set(gid, { name, members });
    names.add(name);
  };
  for (const [name, { gid, members = [] }] of groups) {
    const stranger = members.find((member) => !accounts.some(({ account }) => account === member));
    if (stranger !== undefined) throw cannot(`add the group ${name}`, `its member "${stranger}" is not a user`);
    const own = accounts.find(({ account }) => account === name)?.gid;
    const number = gid ?? own;
    if (number === undefined) throw cannot(`add the group ${name}`, 'it has no gid', { hint: `set groups.${name}.gid` });
    add(name, number, members);
  }
  for (const { account, gid } of accounts) {
    if (rows.has(gid)) continue;
    if (names.has(account)) throw cannot(`add a group for the user ${account}`, `its gid ${gid} is not that of the group ${account}`);
    add(account, gid, [account]);
  }
  const sorted = [...rows].sort(([a], [b]) => a - b);
  return sorted.map(([gid, { name, members }]) => `${[name, gid, members.join(',')].join(';')}\n`).join('');
}
