// The common part of all downloads: the network of the host, mirrors, and further attempts.
import { setTimeout as wait } from 'node:timers/promises';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';

/** What downloads need from the host. */
export interface DownloadHost {
  readonly env: Readonly<Record<string, string>>;
  readonly mirrors: readonly Mirror[];
}

/** Variables of the host that decide how it reaches the network. */
const networkVariables = [
  ...['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'CURL_CA_BUNDLE', 'SSH_AUTH_SOCK'],
];

/** Returns the variables of the host for the network, and no others. */
export function networkEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(networkVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** A prefix of addresses that is replaced before anything is downloaded. The longest prefix wins, as with git's url.<base>.insteadOf. */
export interface Mirror {
  readonly from: string;
  readonly to: string;
}

/** Parses FROM=TO. Throws a Failure (usage). */
export function mirrorOf(rule: string): Mirror {
  const at = rule.indexOf('=');
  const [from, to] = [rule.slice(0, at), rule.slice(at + 1)];
  if (at < 1 || to === '') throw cannot(`use --mirror "${rule}"`, 'it must be FROM=TO', { blame: 'usage' });
  return { from, to };
}

/** Returns the address that is used in place of `url`. */
export function mirrored(url: string, mirrors: readonly Mirror[]): string {
  const fitting = mirrors.filter(({ from }) => url.startsWith(from)).sort((a, b) => b.from.length - a.from.length);
  const [best] = fitting;
  return best === undefined ? url : `${best.to}${url.slice(best.from.length)}`;
}

/** Pauses between the tries, in milliseconds. */
export const pausesMs: readonly number[] = [1000, 4000];

/** Returns the result of `work`, which is tried once more after each pause as long as `mayPass` holds for its error. */
export async function retried<T>(
  name: string,
  work: () => Promise<T>,
  { mayPass, pauses = pausesMs }: { readonly mayPass: (error: unknown) => boolean; readonly pauses?: readonly number[] },
  { signal, report }: Context,
): Promise<T> {
  for (const pauseMs of pauses) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      report({ kind: 'note', text: `${name}: the server could not be reached; trying again in ${pauseMs / 1000} s` });
      await wait(pauseMs, undefined, { signal });
    }
  }
  return await work();
}
