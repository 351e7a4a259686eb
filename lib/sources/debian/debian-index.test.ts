// An index in Debian's format, and closures over it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crateClosure, offeredPackages } from './debian-index.ts';

const paragraph = (name: string, more = ''): string =>
  `Package: ${name}\nVersion: 1.0-1\n${more}Filename: pool/${name}.deb\nSize: 7\nSHA256: ${'0'.repeat(64)}\nDescription: a thing\n of two lines`;

const index = offeredPackages(
  [
    paragraph('librust-app-dev', 'Depends: librust-one-1+default-dev (>= 1.2-~~), libc6 (>= 2), librust-gone-dev | librust-two-dev\n'),
    paragraph(
      'librust-one-dev',
      'Provides: librust-one-1-dev (= 1.0-1), librust-one-1+default-dev (= 1.0-1)\nPre-Depends: librust-app-dev\n',
    ),
    paragraph('librust-two-dev', 'Depends: librust-missing+std-dev,\n librust-one-dev:any\n'),
    paragraph('libc6'),
    'Package: installed-only\nStatus: install ok installed\nVersion: 1',
  ].join('\n\n'),
);

test('packages have the fields that a lock needs; a paragraph without an archive is ignored', () => {
  assert.equal(
    index.map(({ name }) => name),
    ['librust-app-dev', 'librust-one-dev', 'librust-two-dev', 'libc6'],
  );
  const [app, one] = index;
  assert.equal(app?.depends, [['librust-one-1+default-dev'], ['libc6'], ['librust-gone-dev', 'librust-two-dev']]);
  assert.equal(
    [app?.path, app?.sizeBytes, one?.provides],
    ['pool/librust-app-dev.deb', 7, ['librust-one-1-dev', 'librust-one-1+default-dev']],
  );
});

test('a closure follows provided names, uses the first available alternative, and leaves the C libraries to the host', () => {
  const { packages, unsatisfied } = crateClosure(index, ['librust-app-dev']);
  assert.equal(
    packages.map(({ name }) => name),
    ['librust-app-dev', 'librust-one-dev', 'librust-two-dev'],
  );
  assert.equal([...unsatisfied], [['librust-missing+std-dev', 'librust-two-dev']]);
});

test('a missing root is refused with the nearest name', () => {
  assert.throws(
    () => crateClosure(index, ['librust-ap-dev']),
    (error: Error & { hint?: string }) => {
      return (
        error.message === 'Cannot find the package "librust-ap-dev": the archive does not have it' &&
        error.hint === 'did you mean librust-app-dev?'
      );
    },
  );
});

test.run();
