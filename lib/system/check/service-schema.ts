// What a description of services must look like. check-services.ts checks what it means.
import {
  count,
  either,
  kindOf,
  listOf,
  mapOf,
  maybe,
  number,
  oneOf,
  tableOf,
  text,
  yes,
} from '../../core/schema.ts';
import type { Account, Dns, Restart, Route, SerialConsole, Service, ServiceSet, User } from '../services.ts';

const texts = listOf(text);
const routes = maybe(listOf(tableOf<Route>({ destination: text, gateway: text })));
const owner = { mode: maybe(count), user: maybe(text), group: maybe(text) };

const service = tableOf<Service>({
  command: texts,
  user: maybe(text),
  group: maybe(text),
  directory: maybe(text),
  environment: maybe(mapOf(text)),
  needs: maybe(texts),
  needsNetwork: maybe(yes),
  ready: maybe(
    either(
      'it must be "started", "exits" or { file }',
      oneOf(['started', 'exits']),
      tableOf<{ file: string }>({ file: text }),
    ),
  ),
  readyWithinSec: maybe(number),
  restart: maybe(
    either(
      'it must be "never" or { when, limit, withinSec, delaySec }',
      oneOf(['never']),
      tableOf<Restart>({
        when: oneOf(['on-failure', 'always']),
        limit: count,
        withinSec: number,
        delaySec: number,
      }),
    ),
  ),
  stopWithinSec: maybe(number),
  log: maybe(text),
});

export const serviceSet = tableOf<ServiceSet>({
  hostName: text,
  console: tableOf<SerialConsole>({ device: text, baud: count, terminal: text, autologin: maybe(text) }),
  baseAccounts: tableOf<ServiceSet['baseAccounts']>({
    users: mapOf(tableOf<Account>({ group: text, home: text, shell: text })),
    groups: texts,
  }),
  users: mapOf(
    tableOf<User>({
      uid: count,
      passwordHash: maybe(text),
      home: maybe(text),
      shell: maybe(text),
      groups: maybe(texts),
    }),
  ),
  groups: maybe(mapOf(count)),
  kernelModules: maybe(texts),
  temporaryFiles: maybe(
    mapOf(
      kindOf('kind', {
        folder: owner,
        file: { ...owner, text: maybe(text) },
        link: { ...owner, target: text },
      }),
    ),
  ),
  interfaces: maybe(mapOf(kindOf('kind', { dhcp: { routes }, static: { address: text, routes } }))),
  dns: maybe(tableOf<Dns>({ nameservers: maybe(texts), search: maybe(texts) })),
  services: mapOf(service),
});
