// The messages that a user reads if bubblewrap does not work. Restrictions that cannot be set here are
// simulated by files, and others by namespaces of the real kernel.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { run } from '../../core/sh.ts';
import { kernelState } from './kernel-state.ts';
import { explainRefusal } from './kernel-state.ts';
import type { Refusal } from './kernel-state.ts';

const noMap = 'bwrap: setting up uid map: Permission denied';
const noNamespace =
  'bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.';

/** Returns the explanation on a host that has these files, by their paths. */
async function on(files: Readonly<Record<string, string>>, words: string): Promise<Refusal> {
  let refusal: Refusal | undefined;
  await withScratch(async ({ folder, write }) => {
    for (const [path, text] of Object.entries(files)) await write(path, `${text}\n`);
    refusal = explainRefusal(words, kernelState(folder));
  });
  assert.ok(refusal);
  return refusal;
}

const ubuntu = {
  'proc/sys/kernel/unprivileged_userns_clone': '1',
  'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1',
  'proc/sys/user/max_user_namespaces': '63381',
  'proc/self/attr/current': 'unconfined',
  'proc/self/status': 'Name:\tnode\nUid:\t1001\t1001\t1001\t1001\nSeccomp:\t0\nSeccomp_filters:\t0',
};
const filtered = { 'proc/self/status': 'Seccomp:\t2\nSeccomp_filters:\t1' };

test('AppArmor of Ubuntu 24.04 is recognised, whatever step of bubblewrap it stops', async () => {
  for (const words of [
    noMap,
    'bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted',
    'bwrap: Creating new namespace failed: Permission denied',
  ]) {
    const { why, remedy } = await on(ubuntu, words);
    assert.is(why, 'AppArmor keeps bubblewrap from using user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)');
    assert.match(remedy ?? '', /^run sudo sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0, which lasts until the next boot/);
  }
  const allowed = await on({ ...ubuntu, 'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '0' }, noMap);
  assert.equal(allowed, { why: `bubblewrap does not work here (${noMap})`, remedy: undefined });
});

test('the other settings of a kernel are recognised, and the command changes the setting that forbids namespaces', async () => {
  const clone = await on({ 'proc/sys/kernel/unprivileged_userns_clone': '0' }, noNamespace);
  assert.equal(clone, {
    why: 'the kernel permits user namespaces only to root (kernel.unprivileged_userns_clone is 0)',
    remedy: 'run sudo sysctl -w kernel.unprivileged_userns_clone=1',
  });
  const most = await on({ ...ubuntu, 'proc/sys/user/max_user_namespaces': '0' }, 'bwrap: Creating new namespace failed: ...');
  assert.is(most.remedy, 'run sudo sysctl -w user.max_user_namespaces=15000');
});

test('for a container the remedy is how to start it, and settings belong to its host', async () => {
  const docker = await on({ ...ubuntu, ...filtered, '.dockerenv': '' }, noNamespace);
  assert.is(docker.why, 'this container may not create user namespaces');
  assert.match(
    docker.remedy ?? '',
    /^start the container with --security-opt seccomp=unconfined .*systempaths=unconfined \(Podman: unmask=ALL/,
  );
  const masked = await on({ ...ubuntu, '.dockerenv': '' }, "bwrap: Can't mount proc on /newroot/proc: Operation not permitted");
  assert.match(masked.why, /^this container hides parts of \/proc/);
  const confined = await on({ ...ubuntu, 'proc/self/attr/current': 'docker-default (enforce)', '.dockerenv': '' }, noMap);
  assert.is(confined.why, `this container may not use user namespaces (${noMap})`);
  const podman = await on({ ...ubuntu, 'run/.containerenv': '' }, noMap);
  assert.match(podman.remedy ?? '', /^on the host of this container, run sudo sysctl -w kernel\.apparmor_/);
});

/**
 * Returns the output of a build without --no-sandbox. It runs after a shell command as root of a new user
 * namespace, which the words in `asUser` start.
 */
async function inNamespace(command: string, asUser: readonly string[]): Promise<string> {
  const module = join(import.meta.dirname, 'sandbox.ts');
  const script = `
    import { requireSandbox } from ${JSON.stringify(module)};
    const path = '/usr/local/bin:/usr/bin:/bin';
    await requireSandbox(true, path, new AbortController().signal).catch((error) => console.log(error.exitCode, error.message, '|', error.hint));`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const namespace = ['unshare', '--user', '--map-root-user', '--mount'];
  const argv = [...namespace, 'sh', '-c', `${command} && exec "$@"`, 'sh', ...asUser, ...node];
  const { stdout, stderr } = await run(argv, { cwd: '/', env: { PATH: '/usr/bin:/bin' } });
  return stdout === '' ? stderr : stdout.trim();
}

// If AppArmor has a profile for bubblewrap, it permits namespaces only to bubblewrap.
const probe = await run(['unshare', '--user', '--map-root-user', '--mount', 'true'], { cwd: '/', env: { PATH: '/usr/bin:/bin' } });
const real = probe.exitCode === 0 ? test : test.skip;

real('a build in a real namespace that may have no others is refused with the setting, and --no-sandbox is named', async () => {
  const user = ['setpriv', '--inh-caps', '-all', '--bounding-set', '-all'];
  const answer = await inNamespace('echo 0 > /proc/sys/user/max_user_namespaces', user);
  assert.match(answer, /^69 Cannot build in a sandbox: the kernel permits no user namespaces \(user\.max_user_namespaces is 0\) \| /);
  assert.match(
    answer,
    /run sudo sysctl -w user\.max_user_namespaces=15000; --no-sandbox runs build scripts and macros with all rights of yours$/,
  );
});

real('a build in a real namespace with a masked /proc is refused with the option of the container', async () => {
  const user = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
  const answer = await inNamespace('mount --bind /dev/null /proc/cpuinfo', user);
  assert.match(answer, /^69 Cannot build in a sandbox: this container hides parts of \/proc.*\| start the container with .*; --no-sandbox/);
});

test.run();
