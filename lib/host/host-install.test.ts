// Installation of packages. A puppet replaces apt-get and records its arguments.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { toolPackages } from '../core/tools.ts';
import type { Packages } from '../core/tools.ts';
import { installPackages } from './host-install.ts';
import { familyOf, installCommands } from './install-commands.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const wanted = [toolPackages['cc'], toolPackages['bwrap']].filter((row): row is Packages => row !== undefined);

/** Runs the installation with these scripts as the only programs. Returns the result and the recorded arguments. */
async function installed(
  scripts: Readonly<Record<string, string>>,
  root: boolean,
): Promise<{ result: boolean | Failure; log: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-install-'));
  try {
    for (const [name, body] of Object.entries(scripts)) {
      await writeFile(join(folder, name), `#!/bin/sh\nPATH=/usr/bin:/bin\necho "${name} $*" >> '${folder}/log'\n${body}\n`);
      await chmod(join(folder, name), 0o755);
    }
    const result = await installPackages(wanted, { env: { PATH: folder }, root }, context).catch((error: unknown) => {
      assert.instance(error, Failure, String(error));
      return error as Failure;
    });
    const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
    return {
      result,
      log: log
        .replaceAll(`${folder}/`, '')
        .trim()
        .split('\n')
        .filter((line) => line !== '' && line !== 'apt-get update'),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const install = 'apt-get install --yes --no-install-recommends bubblewrap gcc libc6-dev';

test('root installs by apt-get, every package once and in order', async () => {
  assert.equal(await installed({ 'apt-get': 'exit 0' }, true), { result: true, log: [install] });
});

test('an ordinary user installs with sudo if sudo asks for no password', async () => {
  const sudo = 'case "$*" in "-n true") ;; *) shift 2; exec "$@" ;; esac';
  const { result, log } = await installed({ 'apt-get': 'exit 0', sudo }, false);
  assert.is(result, true);
  assert.equal(
    log.filter((line) => !line.endsWith('update')),
    ['sudo -n true', `sudo -n DEBIAN_FRONTEND=noninteractive ${install}`, install],
  );
});

test('without permission, or without apt-get, nothing is started', async () => {
  assert.equal(await installed({ 'apt-get': 'exit 0', sudo: 'exit 1' }, false), { result: false, log: ['sudo -n true'] });
  assert.equal(await installed({}, true), { result: false, log: [] });
});

test('a failed installation is a Failure of the host with the output of apt', async () => {
  const { result } = await installed({ 'apt-get': 'echo "E: Unable to locate package gcc" >&2; exit 100' }, true);
  assert.instance(result, Failure);
  assert.equal([(result as Failure).exitCode, (result as Failure).detail], [69, 'E: Unable to locate package gcc']);
});

test('the commands for users name the packages of each distribution', () => {
  assert.equal(installCommands([...wanted, ...wanted]), [
    'Debian, Ubuntu: sudo apt-get install --no-install-recommends bubblewrap gcc libc6-dev',
    'Fedora:         sudo dnf install bubblewrap gcc',
    'Arch:           sudo pacman -S --needed bubblewrap gcc',
    'openSUSE:       sudo zypper install --no-recommends bubblewrap gcc',
    'Alpine:         sudo apk add bubblewrap gcc musl-dev',
    'Nix:            nix-shell -p bubblewrap gcc',
  ]);
});

test('for a known distribution only its command is printed, without sudo for root', () => {
  assert.equal(installCommands(wanted, 'debian'), ['sudo apt-get install --no-install-recommends bubblewrap gcc libc6-dev']);
  assert.equal(installCommands(wanted, 'alpine', true), ['apk add bubblewrap gcc musl-dev']);
  assert.equal(installCommands(wanted, 'nix'), ['nix-shell -p bubblewrap gcc']);
});

test('the family follows from ID in os-release, else from ID_LIKE', () => {
  const releases = {
    'NAME="Debian GNU/Linux"\nID=debian\n': 'debian',
    'ID=ubuntu\nID_LIKE=debian\n': 'debian',
    'ID=pop\nID_LIKE="ubuntu debian"\n': 'debian',
    'ID=fedora\n': 'fedora',
    'ID="rocky"\nID_LIKE="rhel centos fedora"\n': 'fedora',
    'ID=arch\n': 'arch',
    'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n': 'opensuse',
    'ID=alpine\n': 'alpine',
    'ID=nixos\nID_LIKE=""\n': 'nix',
    'ID=void\n': undefined,
    '': undefined,
  };
  for (const [text, family] of Object.entries(releases)) assert.is(familyOf(text), family, text);
});

test.run();
