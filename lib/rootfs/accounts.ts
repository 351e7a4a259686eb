// Adds the users and groups of a description to the /etc/passwd, /etc/shadow and /etc/group of an image. The
// result is the same for every backend. Formats: passwd(5), shadow(5), group(5).
import { partBefore } from '../core/errors.ts';
import { badField } from './services/check-services.ts';
import type { Account, CheckedServices } from '../system/services.ts';

/** The texts of the three files. */
export interface AccountTexts {
  readonly passwd: string;
  readonly shadow: string;
  readonly group: string;
}

/** Returns group, home and shell of a described user or of an account of the image. */
export function accountOf({ users, baseAccounts }: Pick<CheckedServices, 'users' | 'baseAccounts'>, name: string): Account {
  const [described, own] = [users[name], baseAccounts.users[name]];
  if (described === undefined && own !== undefined) return own;
  const home = name === 'root' ? '/root' : '/nonexistent';
  return { group: name, home: described?.home ?? home, shell: described?.shell ?? '/usr/sbin/nologin' };
}

/**
 * Returns `base` with the described users and groups. A line of the same name is replaced, except that a
 * group only gains members. Throws a Failure if a number belongs to another account: packages assign theirs
 * from 999 downwards.
 */
export function withAccounts(base: AccountTexts, set: Pick<CheckedServices, 'users' | 'groups' | 'baseAccounts'>): AccountTexts {
  const { users, groups } = set;
  const [passwd, shadow, group] = [lines(base.passwd), lines(base.shadow), lines(base.group)];
  for (const [name, gid] of Object.entries(groups)) group.set(name, `${name}:x:${gid}:`);
  for (const [name, { uid, passwordHash }] of Object.entries(users)) {
    const { home, shell } = accountOf(set, name);
    passwd.set(name, `${name}:x:${uid}:${uid}:${name}:${home}:${shell}`);
    // The password was changed on day 1, so no tool asks for a new one. There are no limits.
    shadow.set(name, `${name}:${passwordHash ?? '!'}:1:0:99999:7:::`);
    if (!group.has(name)) group.set(name, `${name}:x:${uid}:`);
  }
  for (const [name, user] of Object.entries(users)) {
    for (const other of user.groups ?? []) group.set(other, withMember(group.get(other) ?? `${other}:x:`, name));
  }
  noNumberTwice('users', passwd);
  noNumberTwice('groups', group);
  return { passwd: text(passwd), shadow: text(shadow), group: text(group) };
}

/**
 * Throws a Failure if two accounts have the same number, the third field of a line. A line of NIS ("+::::::")
 * has none.
 */
function noNumberTwice(field: 'users' | 'groups', found: ReadonlyMap<string, string>): void {
  const names = new Map<string, string>();
  for (const [name, line] of found) {
    const [, , id] = line.split(':');
    if (id === undefined || id === '') continue;
    const other = names.get(id);
    if (other !== undefined) throw badField(`${field}.${name}`, `the image's "${other}" has ${id} too`, 'choose another number');
    names.set(id, name);
  }
}

function withMember(line: string, name: string): string {
  const [group = '', password = 'x', gid = '', members = ''] = line.split(':');
  const names = members.split(',').filter((member) => member !== '' && member !== name);
  return [group, password, gid, [...names, name].join(',')].join(':');
}

/** Returns lines by account name. */
function lines(whole: string): Map<string, string> {
  return new Map(
    whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [partBefore(line, ':'), line]),
  );
}

function text(found: ReadonlyMap<string, string>): string {
  return [...found.values()].map((line) => `${line}\n`).join('');
}
