// Mistakes in a description, each with the field that is named, and the result for a correct description.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sampleServices } from '../../dev/testing/sample-services.ts';
import { withAccounts } from '../accounts.ts';
import { checkServices } from './check-services.ts';
import type { Service, ServiceSet } from '../../system/services.ts';

function complaint(change: Partial<ServiceSet>): string {
  try {
    checkServices({ ...sampleServices, ...change });
    return 'none';
  } catch (error) {
    return error instanceof Error ? error.message.replace('Cannot use the description of services: ', '') : String(error);
  }
}

const service = (name: string, more: Partial<Service>): Partial<ServiceSet> => ({
  services: { ...sampleServices.services, [name]: { command: ['/bin/x'], ...more } },
});

test('a correct description is returned sorted, with every default', () => {
  const { services, dns } = checkServices(sampleServices);
  assert.equal(
    services.map(({ name, level }) => `${name} ${level}`),
    ['prepare 0', 'web 1'],
  );
  assert.equal(services[0], {
    name: 'prepare',
    level: 0,
    command: ['/usr/bin/prepare'],
    user: 'root',
    group: undefined,
    directory: '/',
    environment: {},
    needs: [],
    needsNetwork: false,
    ready: 'exits',
    readyWithinSec: 30,
    restart: 'never',
    stopWithinSec: 10,
    log: '/var/log/prepare.log',
  });
  assert.equal(dns, { nameservers: [], search: [] });
});

const restart = { when: 'always', limit: 1, withinSec: 1, delaySec: 0 } as const;
const rows: readonly (readonly [Partial<ServiceSet>, string])[] = [
  [{ hostName: 'a b' }, `hostName: "a b" is not a host's name`],
  [{ console: { device: 'tty/S0', baud: 1, terminal: 'x' } }, `console.device: "tty/S0" is not a device's name`],
  [{ console: { ...sampleServices.console, autologin: 'rot' } }, 'console.autologin: there is no user "rot"'],
  [{ users: { 'A b': { uid: 1 } } }, 'users.A b: "A b" is not a name of an account'],
  [{ users: { ann: { uid: 1 }, web: { uid: 1 } } }, 'users.web.uid: "ann" has 1 too'],
  [
    { users: { ...sampleServices.users, bob: { uid: 5, passwordHash: 'a:b' } } },
    'users.bob.passwordHash: it holds a colon or the end of a line',
  ],
  [{ users: { ...sampleServices.users, bob: { uid: 5, groups: ['sodu'] } } }, 'users.bob.groups[0]: there is no group "sodu"'],
  [{ users: { ...sampleServices.users, bob: { uid: 5, home: 'home' } } }, 'users.bob.home: "home" is not an absolute path'],
  [{ groups: { web: 5, logs: 6 } }, 'groups.web: the user of this name has it already'],
  [{ kernelModules: ['a/b'] }, `kernelModules[0]: "a/b" is not a module's name`],
  [
    { services: {}, temporaryFiles: { '/run/x': { kind: 'folder' } } },
    'temporaryFiles["/run/x"]: it is not a path without a leading slash',
  ],
  [
    { services: {}, temporaryFiles: { 'run/../x': { kind: 'folder' } } },
    'temporaryFiles["run/../x"]: it is not a path without a leading slash',
  ],
  [{ services: {}, temporaryFiles: { 'run/x': { kind: 'folder', user: 'wbe' } } }, 'temporaryFiles["run/x"].user: there is no user "wbe"'],
  [{ services: {}, temporaryFiles: { 'run/x': { kind: 'folder', mode: 0o10000 } } }, 'temporaryFiles["run/x"].mode: 4096 is not a mode'],
  [{ interfaces: { 'eth0 x': { kind: 'dhcp' } } }, 'interfaces.eth0 x: "eth0 x" is not the name of an interface to set up'],
  [
    { interfaces: { eth0: { kind: 'static', address: '10.0.0.1' } } },
    'interfaces.eth0.address: "10.0.0.1" is not an IPv4 address with the length of its network',
  ],
  [
    { interfaces: { eth0: { kind: 'dhcp', routes: [{ destination: 'default', gateway: '10.0.0.256' }] } } },
    'interfaces.eth0.routes[0].gateway: "10.0.0.256" is not an IPv4 address',
  ],
  [{ dns: { nameservers: ['one'] } }, 'dns.nameservers[0]: "one" is not an IPv4 address'],
  [{ dns: { search: ['a\nnameserver 1.1.1.1'] } }, 'dns.search[0]: "a\nnameserver 1.1.1.1" is not a domain'],
  [service('a b', {}), `services.a b: "a b" is not a service's name: a letter, then letters, digits, "-" and "_"`],
  [service('x', { command: ['x'] }), 'services.x.command[0]: "x" is not an absolute path'],
  [service('x', { command: ['/x', 'a\nb'] }), 'services.x.command[1]: it holds a control character or is not well-formed'],
  [service('x', { user: 'nobdy' }), 'services.x.user: there is no user "nobdy"'],
  [service('x', { group: 'none' }), 'services.x.group: there is no group "none"'],
  [service('x', { log: '/srv/x.log' }), 'services.x.log: nothing creates the folder "/srv"'],
  [service('x', { environment: { 'A-B': '' } }), `services.x.environment.A-B: "A-B" is not a variable's name`],
  [service('x', { environment: { HOME: '/' } }), 'services.x.environment.HOME: HOME is set from the user'],
  [service('x', { needs: ['wbe'] }), 'services.x.needs[0]: there is no service "wbe"'],
  [service('x', { needs: ['x'] }), 'services.x.needs: it needs itself: x -> x'],
  [service('prepare', { needs: ['web'] }), 'services.web.needs: it needs itself: web -> prepare -> web'],
  [service('x', { ready: { file: 'x' } }), 'services.x.ready.file: "x" is not an absolute path'],
  [service('x', { stopWithinSec: 0.5 }), 'services.x.stopWithinSec: 0.5 is not a whole number of seconds'],
  [service('x', { restart: { ...restart, limit: -1 } }), 'services.x.restart.limit: -1 is not a number of restarts'],
  [service('x', { ready: 'exits', restart }), 'services.x.restart.when: what is ready when it exits would never be'],
];

test('a mistake is reported with its field', () => {
  for (const [change, expected] of rows) assert.is(complaint(change), expected);
});

test('accounts are added to those of the image', () => {
  const base = {
    passwd: 'root:x:0:0:root:/root:/bin/bash\n',
    shadow: 'root:*:19000:0:99999:7:::\n',
    group: 'root:x:0:\nsudo:x:27:eve\n',
  };
  const set = checkServices({ ...sampleServices, users: { ...sampleServices.users, root: { uid: 0, shell: '/bin/sh' } } });
  assert.equal(withAccounts(base, set), {
    passwd: 'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:ann:/home/ann:/bin/bash\nweb:x:900:900:web:/nonexistent:/usr/sbin/nologin\n',
    shadow: 'root:!:1:0:99999:7:::\nann:$6$x$y:1:0:99999:7:::\nweb:!:1:0:99999:7:::\n',
    group: 'root:x:0:\nsudo:x:27:eve,ann\nlogs:x:901:\nann:x:1000:\nweb:x:900:ann\n',
  });
});

test('a number of the image is not given to another account', () => {
  const base = { passwd: '', shadow: '', group: 'systemd-x:x:901:\nweb:x:33:\n' };
  assert.throws(() => withAccounts(base, checkServices(sampleServices)), `groups.logs: the image's "systemd-x" has 901 too`);
});

test('lines of the image without a number are kept, and clash with no other', () => {
  const base = { passwd: '+@staff::::::\n+\n+@guests::::::\n', shadow: '', group: '' };
  assert.ok(withAccounts(base, checkServices(sampleServices)).passwd.startsWith(base.passwd));
});

test.run();
