// The files of each backend for the same description, compared exactly where that matters, and the refused
// features.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sampleServices, staticServices } from '../../dev/testing/sample-services.ts';
import { behaviourServices } from '../../../systems/rust-nixos/behaviour.ts';
import { findProgram, run } from '../../core/sh.ts';
import { systemdBackend } from './systemd.ts';
import { sysvBackend } from './sysv.ts';
import { tableBackend } from './table.ts';
import { checkServices } from '../services/check-services.ts';
import type { ServiceBackend } from '../services/service-backend.ts';
import { scriptFiles } from './sysv-scripts.ts';
import type { ServiceSet } from '../../system/services.ts';

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Returns the text or the link target of each file. */
function rendered(backend: ServiceBackend, set: ServiceSet): Readonly<Record<string, string | undefined>> {
  const { files } = backend.render(checkServices(set));
  return Object.fromEntries(
    Object.entries(files).map(([name, fact]) => [name, 'text' in fact ? fact.text : 'link' in fact ? `-> ${fact.link}` : '']),
  );
}

function complaint(backend: ServiceBackend, set: ServiceSet): string {
  try {
    backend.render(checkServices(set));
    return 'none';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('the table has a statement for every fact', () => {
  const files = rendered(tableBackend, { ...sampleServices, dns: staticServices.dns ?? {} });
  assert.is(files['usr/sbin/poweroff'], '-> init');
  assert.equal((files['etc/init.table'] ?? '').split('\n'), [
    'hostname box',
    'getty ttyS0 /sbin/agetty -L 115200 ttyS0 vt220',
    'module virtio_net',
    'tmpfile d /run/web 2750 web logs',
    'tmpfile f /run/web/motd 0644 root root "two \\"lines\\"\\n100 %\\n"',
    'tmpfile L /run/web/link 0777 root root motd',
    'interface eth0 dhcp',
    'interface eth1 static 10.1.0.2/24',
    'route 10.2.0.0/16 10.1.0.1 eth1',
    'nameserver 10.1.0.3',
    'search example.org',
    'service prepare command /usr/bin/prepare',
    'service prepare user root',
    'service prepare directory /',
    'service prepare ready exits',
    'service prepare ready-within 30',
    'service prepare restart never',
    'service prepare stop-within 10',
    'service prepare log /var/log/prepare.log',
    'service web command /usr/bin/web --greeting "it\'s $5, 100 %"',
    'service web user web',
    'service web group logs',
    'service web directory /run/web',
    'service web env "GREETING=a \\"b\\" $C %d"',
    'service web env PLAIN=x',
    'service web needs prepare',
    'service web network',
    'service web ready file /run/web/ready',
    'service web ready-within 20',
    'service web restart always 3 60 0.5',
    'service web stop-within 5',
    'service web log /run/web/log',
    '',
  ]);
});

test('systemd has a unit for each service, and words that it would expand are escaped', () => {
  const files = rendered(systemdBackend, sampleServices);
  assert.equal((files['etc/systemd/system/web.service'] ?? '').split('\n'), [
    '[Unit]',
    'Description=web',
    'Requires=prepare.service',
    'Wants=network-online.target',
    'After=prepare.service network-online.target',
    'OnFailure=service-failed@%N.service',
    'StartLimitBurst=4',
    'StartLimitIntervalSec=60',
    '',
    '[Service]',
    'Type=exec',
    'ExecStartPre=+/bin/rm -f /run/web/ready',
    'ExecStart=/usr/bin/web --greeting "it\'s $$5, 100 %%"',
    "ExecStartPost=/bin/sh -c 'until [ -e /run/web/ready ]; do kill -0 $$MAINPID || exit 1; sleep 0.1; done'",
    'User=web',
    'Group=logs',
    'WorkingDirectory=/run/web',
    `Environment="PATH=${path}"`,
    'Environment="USER=web"',
    'Environment="LOGNAME=web"',
    'Environment="HOME=/nonexistent"',
    'Environment="SHELL=/usr/sbin/nologin"',
    'Environment="GREETING=a \\"b\\" $C %%d"',
    'Environment="PLAIN=x"',
    'TimeoutStartSec=20',
    'TimeoutStopSec=5',
    'Restart=always',
    'RestartMode=direct',
    'RestartSec=0.5',
    'StandardOutput=append:/run/web/log',
    'StandardError=inherit',
    '',
  ]);
  assert.match(files['etc/systemd/system/prepare.service'] ?? '', /^Type=oneshot\nRemainAfterExit=yes$/m);
  assert.is(files['etc/systemd/system/multi-user.target.wants/web.service'], '-> ../web.service');
  assert.is(
    files['etc/tmpfiles.d/services.conf'],
    'd /run/web 2750 web logs - -\nf /run/web/motd 0644 root root - two "lines"\\n100 %%\\n\nL+ /run/web/link - root root - motd\n',
  );
  assert.match(files['etc/systemd/network/10-eth1.network'] ?? '', 'Address=10.1.0.2/24');
  assert.match(files['etc/systemd/network/10-eth1.network'] ?? '', '[Route]\nDestination=10.2.0.0/16\nGateway=10.1.0.1\n');
});

test('systemd-resolved is used exactly if DHCP supplies name servers', () => {
  assert.equal(systemdBackend.render(checkServices(sampleServices)).packages, ['kmod', 'systemd-resolved']);
  assert.is(rendered(systemdBackend, sampleServices)['etc/resolv.conf'], '-> ../run/systemd/resolve/resolv.conf');
  const named = { ...sampleServices, dns: { nameservers: ['10.1.0.3'] } };
  assert.equal(systemdBackend.render(checkServices(named)).packages, ['kmod']);
  assert.is(rendered(systemdBackend, named)['etc/resolv.conf'], 'nameserver 10.1.0.3\n');
  assert.match(rendered(systemdBackend, named)['etc/systemd/network/10-eth0.network'] ?? '', /^UseDNS=no$/m);
});

test('units that systemd would reject are reported', async () => {
  const analyze = await findProgram('systemd-analyze', '/usr/bin:/bin');
  if (analyze === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'units-'));
  try {
    const set: ServiceSet = {
      ...sampleServices,
      services: { ...sampleServices.services, prepare: { command: ['/bin/true'], ready: 'exits' } },
    };
    const units = Object.entries(rendered(systemdBackend, set)).filter(([name]) => /^etc\/systemd\/system\/[^/]+\.service$/.test(name));
    for (const [name, text] of units)
      await writeFile(join(folder, name.replace(/.*\//, '')), (text ?? '').replace('/usr/bin/web', '/bin/true'));
    const words = [analyze, 'verify', '--man=no', join(folder, 'web.service'), join(folder, 'prepare.service')];
    const { stderr } = await run(words, { cwd: folder, env: { SYSTEMD_UNIT_PATH: `${folder}:` } });
    const ours = stderr.split('\n').filter((line) => line.includes(folder) && !line.includes("'RestartMode'"));
    assert.equal(ours, []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('sysvinit has scripts, and links in the order in which it starts and stops', () => {
  const files = rendered(sysvBackend, staticServices);
  const order = (folder: string): string[] =>
    Object.keys(files)
      .filter((name) => name.startsWith(folder))
      .sort();
  assert.equal(order('etc/rc2.d'), ['etc/rc2.d/S49service-files', 'etc/rc2.d/S50prepare', 'etc/rc2.d/S51web']);
  assert.equal(order('etc/rc0.d'), ['etc/rc0.d/K0000web', 'etc/rc0.d/K0001prepare']);
  assert.match(files['etc/init.d/web'] ?? '', '# Required-Start:    $local_fs $remote_fs $network prepare\n');
  assert.match(files['etc/inittab'] ?? '', '\nT0:2345:respawn:/sbin/agetty -L 115200 ttyS0 vt220\n');
  assert.match(
    files['etc/network/interfaces'] ?? '',
    'auto eth1\niface eth1 inet static\n    address 10.1.0.2/24\n    up ip route replace default via 10.1.0.1 dev eth1\n',
  );
  assert.equal((files['etc/services/web'] ?? '').split('\n'), [
    'NAME=web',
    'NEEDS=prepare',
    'READY=file',
    'READY_FILE=/run/web/ready',
    'READY_WITHIN=20',
    'RESTART=always',
    'LIMIT=3',
    'WITHIN=60',
    'DELAY=0.5',
    'STOP_WITHIN=5',
    'LOG=/run/web/log',
    `program() { cd /run/web && exec env -i PATH=${path} USER=web LOGNAME=web HOME=/nonexistent SHELL=/usr/sbin/nologin ` +
      `'GREETING=a "b" $C %d' PLAIN=x setpriv --reuid=web --regid=logs --groups=logs -- /usr/bin/web --greeting 'it'\\''s $5, 100 %'; }`,
    '',
  ]);
});

test('the scripts are ones that a POSIX shell can read', async () => {
  const texts = [...Object.entries(rendered(sysvBackend, staticServices)), ...Object.entries(rendered(systemdBackend, sampleServices))];
  const scripts = texts.filter(([, text]) => text?.startsWith('#!/bin/sh\n'));
  assert.ok(scripts.length >= Object.keys(scriptFiles).length + 4);
  for (const [name, text] of scripts) {
    const { exitCode, stderr } = await run(['/bin/sh', '-n'], { cwd: '/', env: {}, stdin: text ?? '' });
    assert.is(exitCode, 0, `${name}: ${stderr}`);
  }
});

test('a user is logged in at the console without a password, with systemd at every other console too', () => {
  const console = { ...sampleServices.console, autologin: 'ann' };
  const table = rendered(tableBackend, { ...sampleServices, console })['etc/init.table'] ?? '';
  assert.match(table, '\ngetty ttyS0 /sbin/agetty --autologin ann -L 115200 ttyS0 vt220\n');
  const inittab = rendered(sysvBackend, { ...staticServices, console })['etc/inittab'] ?? '';
  assert.match(inittab, '\nT0:2345:respawn:/sbin/agetty --autologin ann -L 115200 ttyS0 vt220\n');
  const systemd = rendered(systemdBackend, { ...sampleServices, console });
  assert.match(
    systemd['etc/systemd/system/serial-getty@ttyS0.service.d/console.conf'] ?? '',
    '\nExecStart=-/sbin/agetty --autologin ann -L 115200 %I vt220\n',
  );
  const others = 'etc/systemd/system/serial-getty@.service.d/autologin.conf';
  assert.match(systemd[others] ?? '', /^\[Service\]\nExecStart=\nExecStart=-\/sbin\/agetty --autologin ann /);
  assert.is(rendered(systemdBackend, sampleServices)[others], undefined);
});

test('an unsupported feature is refused with the field', () => {
  const sysv = (change: Partial<ServiceSet>): string => complaint(sysvBackend, { ...sampleServices, ...change });
  const why = 'the DHCP client of interfaces.eth0 writes /etc/resolv.conf again with each lease';
  assert.is(sysv({ dns: { nameservers: ['10.0.0.1'] } }), `Cannot render the services for sysvinit: dns.nameservers: ${why}`);
  assert.is(sysv({ dns: { search: ['lan'] } }), `Cannot render the services for sysvinit: dns.search: ${why}`);
  const named = (name: string): ServiceSet => ({ ...sampleServices, services: { [name]: { command: ['/bin/x'] } } });
  assert.match(complaint(sysvBackend, named('networking')), 'services.networking: sysvinit has something of this name');
  assert.match(complaint(systemdBackend, named('dbus')), 'services.dbus: systemd has something of this name');
  const deep = Object.fromEntries(
    Array.from({ length: 41 }, (_, at) => [`s${at}`, { command: ['/bin/x'] as const, needs: at === 0 ? [] : [`s${at - 1}`] }]),
  );
  assert.match(sysv({ services: deep }), 'services.s40.needs: it is more than 40 services deep');
  assert.match(
    complaint(systemdBackend, { ...sampleServices, services: {}, temporaryFiles: { 'run/x': { kind: 'file', text: ' x' } } }),
    'temporaryFiles["run/x"]: tmpfiles.d does not support a text that begins with a space',
  );
});

test('the services of the behaviour suite are ones that every backend can do', () => {
  for (const backend of [tableBackend, systemdBackend, sysvBackend]) assert.is(complaint(backend, behaviourServices), 'none', backend.name);
});

test.run();
