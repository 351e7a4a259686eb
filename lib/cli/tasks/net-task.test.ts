// tasks/net.ts in its own network namespace. The network of this host is not changed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { run } from '../../core/sh.ts';
import type { RunResult } from '../../core/sh.ts';
import { changeNetwork, netFlags } from './net-task.ts';

const net = [process.execPath, join(import.meta.dirname, '../../../tasks/net.ts')];
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const root = await mkdtemp(join(tmpdir(), 'net-task-'));
test.after(() => rm(root, { recursive: true }));

/** Runs commands as root of a temporary network namespace. Each line is a command. */
async function inNamespace(...commands: string[]): Promise<RunResult> {
  const script = ['set -e', 'mount -t sysfs sysfs /sys', ...commands].join('\n').replaceAll(' NET ', ` ${net.join(' ')} `);
  const path = `${env['PATH']}:/usr/sbin:/sbin`;
  return await run(['unshare', '--net', '--mount', '--map-root-user', '/bin/sh', '-c', script], { cwd: root, env: { ...env, PATH: path } });
}

test('a dry run prints commands and needs no rights', async () => {
  const { task, lines } = puppetTask(netFlags, ['up', '--dry-run', '--device', 'tap7', '--user', 'me', '--firewall', 'nft'], root);
  await changeNetwork(task);
  assert.match(lines[0] ?? '', 'ip tuntap add dev tap7 mode tap user me');
  assert.match(lines.join(), 'ip saddr 10.77.0.0/24 oifname != "tap7" masquerade');
});

test('up creates the device, its address and its NAT, a second up changes nothing, and down removes all', async () => {
  const up = ' NET up --device tap7 --user root --firewall nft';
  const { exitCode, stdout, stderr } = await inNamespace(
    up,
    up,
    'ip -brief address show dev tap7',
    'cat /proc/sys/net/ipv4/ip_forward',
    'nft list ruleset',
    'echo down:',
    ' NET down --device tap7 --firewall nft',
    ' NET down --device tap7 --firewall nft',
    'nft list ruleset',
    'ip -brief link show',
  );
  assert.is(exitCode, 0, stderr);
  const [before = '', after = ''] = stdout.split('down:');
  assert.match(before, '10.77.0.1/24');
  assert.match(before, /^1$/m);
  assert.is(before.split('masquerade').length, 2, 'one rule');
  assert.not.match(after, /^tap7 +(UP|DOWN|UNKNOWN)/m);
  assert.not.match(after, 'masquerade');
});

test('an invalid device, address or verb is refused', async () => {
  for (const [words, sentence] of [
    [['sideways'], 'Cannot do "sideways": it must be up or down'],
    [['up', '--device', 'a name that is too long'], 'it must be a name of at most 15 letters and digits'],
    [['up', '--address', '10.77.0.1'], 'it must be like 10.77.0.1/24'],
    [['up', '--address', '10.77.0.300/24'], 'it must be like 10.77.0.1/24'],
    [['up', '--firewall', 'pf'], 'it must be nft or iptables'],
    [['up', '--user', 'a b'], 'it must be the name of a user'],
  ] as const) {
    const { task } = puppetTask(netFlags, words, root);
    const error: unknown = await changeNetwork(task).catch((reason: unknown) => reason);
    assert.match(String(error), sentence);
    assert.is(error instanceof Failure && error.exitCode, 2);
  }
});

test.run();
