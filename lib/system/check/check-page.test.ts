// A page is checked when it is loaded. Every mistake is reported in one sentence that names the field and
// makes a suggestion. The pages of systems/ are valid.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system as hello } from '../../../fixtures/hello/hello.ts';
import { system as asterinas } from '../../../systems/asterinas.ts';
import { system as redox } from '../../../systems/redox.ts';
import { system as rustNixos } from '../../../systems/rust-nixos.ts';
import { Failure } from '../../core/errors.ts';
import { checkingModules, checkPage } from './check-page.ts';
import { loadPage, loadSystem } from '../load.ts';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'check-page-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

/** What a page is refused with; all that is wrong with a page is the page's fault. */
function refusal(page: unknown): string {
  try {
    checkPage(page, 'my.ts');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.is(error.exitCode, 1);
    return `${error.message} | ${error.hint}`;
  }
  return 'nothing';
}

const { default: profile } = hello.profiles;
const { image, components } = hello;
const { title, ...rest } = hello;
const withProfile = (changes: object): object => ({
  ...hello,
  profiles: { default: { ...profile, ...changes } },
});
const withFiles = (files: object): object => ({
  ...hello,
  image: { ...image, partitions: [{ ...image?.partitions[0], files }] },
});

const wrongTypes: readonly (readonly [page: unknown, refused: string])[] = [
  ['hello', 'it must be a table: { ... } | undefined'],
  [{ ...hello, titel: 'Hello' }, 'titel: there is no such field | did you mean title? the fields here are '],
  [{ ...rest, titel: title }, 'titel: there is no such field | did you mean title? the fields here are '],
  [rest, 'title: it is missing | undefined'],
  [{ ...hello, title: 3 }, 'title: it must be a string | undefined'],
  [{ ...hello, machine: undefined }, 'machine: it must be a table: { ... } | undefined'],
  [{ ...hello, machine: { ...hello.machine, cpus: '2' } }, 'machine.cpus: it must be a number | undefined'],
  [
    { ...hello, machine: { ...hello.machine, memoryBytes: -1 } },
    'machine.memoryBytes: it must be a whole number that is not negative | undefined',
  ],
  [{ ...hello, machine: { ...hello.machine, firmware: 'bois' } }, 'machine.firmware: it must be "uefi" or "bios" | did you mean bios?'],
  [
    { ...hello, components: { kernel: { ...components['kernel'], cargo: { binz: ['hello'] } } } },
    'components.kernel.cargo.binz: there is no such field | did you mean bins? the fields here are ',
  ],
  [
    { ...hello, components: { kernel: { ...components['kernel'], cargo: { bins: 'hello' } } } },
    'components.kernel.cargo.bins: it must be a list: [ ... ] | undefined',
  ],
  [
    { ...hello, console: { ...hello.console, prompts: [{ pattern: '^> ', source: '', example: '' }] } },
    'console.prompts[0].pattern: it must be a regular expression | undefined',
  ],
  [
    withFiles({ 'a.txt': { txet: 'x' } }),
    'image.partitions[0].files."a.txt": it must be a table with one of the fields that say where a file comes from | did you mean text?',
  ],
  [
    withFiles({ a: { text: 'x', made: 'kernel/hello' } }),
    'image.partitions[0].files.a.text: there is no such field | the fields here are made, mode, uid, gid',
  ],
  [withFiles({ a: { text: 'a\0b' } }), 'image.partitions[0].files.a.text: it must not contain a NUL | undefined'],
  [withFiles({ a: { file: 'b' } }), 'image.partitions[0].files.a.file: it must be an absolute path | undefined'],
  [{ ...hello, machine: { ...hello.machine, cpus: 0 } }, 'machine.cpus: it must be a whole number of at least 1 | undefined'],
  [{ ...hello, image: { ...image, partitions: [] } }, 'image.partitions: there must be a partition | undefined'],
  [withFiles([]), 'image.partitions[0].files: it must be a table: { ... } | undefined'],
  [
    {
      ...hello,
      image: { ...image, partitions: [{ name: 'a', typeGuid: '', files: {}, fileSystem: { kind: 'cpoi' } }] },
    },
    'image.partitions[0].fileSystem.kind: it must be "fat" or "ext4" or "redoxfs" or "cpio" or "iso" | did you mean cpio?',
  ],
];

const wrongNames: readonly (readonly [page: object, refused: string])[] = [
  [
    withProfile({ components: ['kernle'] }),
    'profiles.default.components[0]: there is no component "kernle" | did you mean kernel? the components are kernel',
  ],
  [
    withFiles({ a: { made: 'kernel/helo' } }),
    'image.partitions[0].files.a.made: no component has the output "kernel/helo" | did you mean kernel/hello?',
  ],
  [
    withFiles({ a: { initramfs: { gzip: true, files: { b: { made: 'shell' } } } } }),
    'image.partitions[0].files.a.initramfs.files.b.made: no component has the output "shell" | the outputs are kernel/hello',
  ],
  [
    withProfile({ kernel: { made: 'x/hello', protocol: 'multiboot', commandLine: '' } }),
    'profiles.default.kernel.made: no component has the output "x/hello" | the outputs are kernel/hello',
  ],
  [
    { ...hello, defaultProfile: 'defualt' },
    'defaultProfile: there is no profile "defualt" | did you mean default? the profiles are default',
  ],
  [{ ...hello, profiles: { small: profile } }, 'profiles: there is no profile "default" | the profiles are small'],
  [{ ...hello, image: undefined }, 'profiles.default: there is no image for it | give it an image, or give the page one for all profiles'],
  [withProfile({ configuration: 'a.toml' }), 'profiles.default.configuration: the page has no configurations | undefined'],
  [withProfile({ base: 'nix' }), 'profiles.default: nixBase has no such profile | undefined'],
  [
    withProfile({ components: [] }),
    'profiles.default.components: its image needs the component "kernel" | add it, or remove its files from the image',
  ],
  [
    { ...redox, live: { component: 'bootlaoder', features: [] } },
    'live.component: there is no component "bootlaoder" | did you mean bootloader? the components are ',
  ],
];

const partition = { name: 'one', typeGuid: '', fileSystem: { kind: 'cpio' }, files: {} };
const withPartitions = (...partitions: object[]): object => ({ ...hello, image: { ...image, partitions } });
const carrier = (made: string): object => ({ ...components['kernel'], payload: { made, encoding: 'raw', variable: 'PAYLOAD' } });
const fileName = 'it names files, so it must not be empty, begin with "." or "-", or contain "/" or a control character';

const impossible: readonly (readonly [page: object, refused: string])[] = [
  [{ ...hello, name: '../hello' }, `name: ${fileName} | undefined`],
  [{ ...hello, name: '' }, `name: ${fileName} | undefined`],
  [{ name: 'a/b', title, console: hello.console }, `name: ${fileName} | undefined`],
  [{ ...hello, profiles: { default: profile, 'a/b': profile } }, `profiles."a/b": ${fileName} | undefined`],
  [{ ...hello, components: { ...components, '.a': components['kernel'] } }, `components.".a": ${fileName} | undefined`],
  [
    withPartitions(partition, { ...partition, name: 'two' }),
    'image.partitions: it has 2 partitions, and an image without a partition table has one | undefined',
  ],
  [
    withPartitions({ ...partition, fileSystem: { kind: 'ext4', label: '' } }, { ...partition, fileSystem: { kind: 'ext4', label: '' } }),
    'image.partitions[1].name: another partition has the name "one" | undefined',
  ],
  [withPartitions({ ...partition, name: 'a/b' }), `image.partitions[0].name: ${fileName} | undefined`],
  [
    { ...hello, components: { ...components, kernel: carrier('kernel/hello') } },
    'components.kernel.payload.made: the component "kernel" has a payload itself | a payload is an output of a component without one',
  ],
  [
    { ...hello, components: { ...components, a: carrier('b/hello'), b: carrier('a/hello') } },
    'components.a.payload.made: the component "b" has a payload itself | a payload is an output of a component without one',
  ],
];

test('what no build can do is reported before one begins', () => {
  for (const [page, refused] of impossible) assert.is(refusal(page), `Cannot read the page "my.ts": ${refused}`);
});

test('a page that refers to itself or throws while it is read is refused', async () => {
  const cacheDir = mkdtempSync(join(dir, 'cyclic-'));
  const load = async (name: string, text: string): Promise<string> => {
    const file = join(dir, name);
    writeFileSync(file, text);
    const error = await loadPage(root, file, cacheDir).catch((reason: unknown) => reason);
    return error instanceof Failure && error.exitCode === 1 ? error.message.replace(file, 'PAGE') : String(error);
  };
  const cyclic = "const system = { name: 'a', title: 'A', console: {} };\nsystem.console = system;\nexport { system };\n";
  assert.match(await load('cyclic.ts', cyclic), /^Cannot read the page "PAGE": console: it contains itself$/);
  const getter = "export const system = { name: 'a', get title() { throw new Error('no'); } };\n";
  assert.is(await load('getter.ts', getter), 'Cannot read the page "PAGE": title: it throws "no"');
});

test('an unknown field and a value of another type are reported with their path', () => {
  for (const [page, refused] of wrongTypes) {
    const message = refusal(page);
    assert.ok(message.startsWith(`Cannot read the page "my.ts": ${refused}`), `${message}\n${refused}`);
  }
});

test('a name that is not on the page is reported with its path, and with the nearest one', () => {
  for (const [page, refused] of wrongNames) assert.ok(refusal(page).startsWith(`Cannot read the page "my.ts": ${refused}`), refusal(page));
});

test('a page without components describes a machine, or a console alone', () => {
  const { name, machine, console } = hello;
  assert.is(refusal({ name, title, machine, console }), 'nothing');
  assert.is(refusal({ name, title, console }), 'nothing');
  assert.match(refusal({ name, title, console, image }), 'Cannot read the page "my.ts": image: there is no such field');
});

test('the pages of the repository are right', () => {
  for (const page of [hello, redox, asterinas, rustNixos]) assert.is(refusal(page), 'nothing', page.name);
});

test('a page is checked when it is loaded, by name and by path', async () => {
  writeFileSync(join(dir, 'wrong.ts'), "export const system = { name: 'wrong', titel: 'x' };\n");
  const failure = await loadPage(root, join(dir, 'wrong.ts')).catch((error: unknown) => error);
  assert.is(
    failure instanceof Failure && failure.message,
    `Cannot read the page "${join(dir, 'wrong.ts')}": titel: there is no such field`,
  );
});

test('a file may have an owner, extended attributes and capabilities', () => {
  const row = { text: '', mode: 0o755, uid: 1, gid: 2, xattrs: { 'user.a': '0x01' }, capabilities: ['cap_net_raw'] };
  assert.is(refusal(withFiles({ 'bin/ping': row })), 'nothing');
  assert.match(refusal(withFiles({ 'bin/ping': { ...row, xattrs: { 'user.a': 1 } } })), /xattrs\."user\.a"/);
});

test('the check of a correct page is memoized by its content, and that of a wrong page is not', async () => {
  const cacheDir = join(dir, 'cache');
  await loadSystem(root, 'hello', cacheDir);
  assert.not.ok(existsSync(cacheDir), 'a cache is not made for it');
  mkdirSync(cacheDir);
  await loadSystem(root, 'hello', cacheDir);
  assert.is(readdirSync(join(cacheDir, 'remembered')).length, 1);
  await loadPage(root, join(dir, 'wrong.ts'), cacheDir).catch(() => undefined);
  assert.is(readdirSync(join(cacheDir, 'remembered')).length, 1);
  assert.ok(checkingModules().length >= 4 && checkingModules().every((path) => existsSync(path)));
});

test.run();
