// The NixOS modules of systems/rust-nixos/nixos, evaluated by the real Nix against a substitute for nixpkgs:
// they fit together, set the documented options, and replace only packages whose names have the same length.
// This test does not show whether NixOS accepts them.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pathOf } from '../../core/paths.ts';
import { noNix, privateNix } from '../../dev/testing/private-nix.ts';
import type { PrivateNix } from '../../dev/testing/private-nix.ts';

const project = join(import.meta.dirname, '../../..');
const modules = join(project, 'systems/rust-nixos/nixos');
const nix = await privateNix(pathOf(process.env));
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));
test.after(() => nix?.remove());

const rustPackages = `
let package = name: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; };
in { systemd = package "rust-systemd-1"; bash = package "rust-bash-1"; }`;

interface Config {
  readonly boot: { readonly kernelParams: readonly string[] };
  readonly security?: Readonly<Record<string, unknown>>;
  readonly services: { readonly udev?: { readonly packages: readonly string[] } };
  readonly system: {
    readonly replaceDependencies?: { readonly replacements: readonly { oldDependency: string; newDependency: string }[] };
  };
  readonly systemd: { readonly package?: string; readonly services?: unknown; readonly network: unknown };
}

async function evaluated({ call }: PrivateNix, attribute: string, more: readonly string[] = []): Promise<Config> {
  const stub = join(project, 'fixtures/rust-nixos/nixpkgs-stub');
  const argv = ['nix-instantiate', '--eval', '--strict', '--json', modules, '-A', attribute, '--arg', 'nixpkgs', stub, ...more];
  return JSON.parse(await call(...argv));
}

check('the base alone swaps nothing', async (real) => {
  const { boot, system, systemd } = await evaluated(real, 'vanilla');
  assert.ok(boot.kernelParams.includes('console=ttyS0'));
  assert.equal([system.replaceDependencies, systemd.package], [undefined, undefined]);
});

check('each part can be had alone', async (real) => {
  const coreutils = await evaluated(real, 'coreutils');
  assert.equal([coreutils.system.replaceDependencies?.replacements.length, coreutils.security], [2, undefined]);
  const sudo = await evaluated(real, 'sudo');
  assert.equal(sudo.security, { sudo: { enable: false }, 'sudo-rs': { enable: true, wheelNeedsPassword: false } });
});

check('a replaced package has a name of the same length, so that it can be replaced in bytes', async (real) => {
  const without = await evaluated(real, 'rust');
  assert.is(without.system.replaceDependencies?.replacements.length, 2);
  const { system, systemd, services } = await evaluated(real, 'rust', ['--arg', 'rustPackages', rustPackages]);
  const swaps = system.replaceDependencies?.replacements ?? [];
  const names = swaps.map(({ oldDependency }) => basename(oldDependency).slice(33));
  assert.equal(names, ['coreutils-9.8', 'coreutils-full-9.8', 'bash-interactive-5.3p3']);
  for (const { oldDependency, newDependency } of swaps) {
    assert.is(oldDependency.length, newDependency.length);
    assert.not.equal(oldDependency, newDependency);
  }
  assert.match(systemd.package ?? '', /-systemd-258$/);
  assert.is(services.udev?.packages.length, 1);
  assert.match(JSON.stringify(systemd.services), '"systemd-resolved":{"serviceConfig":{"PrivateDevices":false}}');
});

test('every module begins with a description', async () => {
  for (const name of await readdir(modules)) assert.match(await readFile(join(modules, name), 'utf8'), /^# \S/, name);
});

test.run();
