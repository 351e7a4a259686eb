// The source of each component: fetched, bundled or the user's own checkout; and the errors if there is no
// source.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system } from '../../systems/rust-nixos.ts';
import { Failure } from '../core/errors.ts';
import { projectsOf, sourceOf } from './component-projects.ts';
import type { ComponentProject } from './component-projects.ts';

const root = join(import.meta.dirname, '../../systems');
const projects = (profile: string, local: Readonly<Record<string, string>> = {}): ReadonlyMap<string, ComponentProject> =>
  projectsOf({ system, profile, sources: { kind: 'bundled', local }, root, env: {}, fetched: '/fetched' });

test('a missing component that only upstream has is refused with a hint what to do', () => {
  for (const [profile, name, hint] of [
    ['experimental', 'brush', 'clone https://github.com/reubeno/brush (branch main) and add --source brush=DIR'],
    ['experimental-systemd', 'rust-systemd', /^clone https:\S+ \(branch main, folder rust\/systemd\) and add --source rust-systemd=DIR$/],
  ] as const) {
    let thrown: unknown;
    try {
      projects(profile);
    } catch (error) {
      thrown = error;
    }
    assert.instance(thrown, Failure);
    if (!(thrown instanceof Failure)) return;
    assert.is(thrown.message, `Cannot build rust-nixos: its component ${name} has only upstream's source, which is not fetched`);
    assert.match(thrown.hint ?? '', hint);
    assert.is(thrown.exitCode, 69);
  }
});

test('a bundled source may have an absolute path', () => {
  const request = { system, sources: { kind: 'bundled', local: {} }, root, fetched: undefined, origins: undefined } as const;
  assert.is(sourceOf('a', { bundled: '/elsewhere/a' }, request).folder, '/elsewhere/a');
  assert.is(sourceOf('a', { bundled: '../a' }, request).folder, join(root, '../a'));
});

test("the user's own checkout replaces a bundled or fetched source", () => {
  const found = projects('experimental', { brush: '/mine/brush' });
  const of = (name: string): unknown => [found.get(name)?.kind, found.get(name)?.folder];
  assert.equal([...found.keys()], ['coreutils', 'sudo-rs', 'findutils', 'shell-launcher', 'brush']);
  assert.equal(of('brush'), ['local', '/mine/brush']);
  assert.equal(of('shell-launcher'), ['bundled', join(root, 'rust-nixos/programs')]);
  assert.equal(of('sudo-rs'), ['upstream', '/fetched/apps/sudo-rs']);
});

test('no other profile needs it', () => {
  for (const profile of Object.keys(system.profiles).filter((name) => !name.startsWith('experimental'))) {
    const names = [...projects(profile).keys()];
    assert.not.ok(
      ['brush', 'shell-launcher', 'rust-systemd'].some((name) => names.includes(name)),
      profile,
    );
  }
});

test.run();
