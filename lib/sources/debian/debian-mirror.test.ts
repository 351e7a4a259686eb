// apt's source files as hosts have them, and which of their lines is Debian's own.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { debianMirror } from './debian-mirror.ts';

const list = (...lines: readonly string[]): ReturnType<typeof debianMirror> =>
  debianMirror([{ path: '/etc/apt/sources.list', text: lines.join('\n') }]);
const sources = (...lines: readonly string[]): ReturnType<typeof debianMirror> =>
  debianMirror([{ path: '/etc/apt/sources.list.d/x.sources', text: lines.join('\n') }]);

test('the one-line format, with and without options', () => {
  assert.equal(list('# comment', 'deb http://mirror.example/debian bookworm main contrib # more'), { uri: 'http://mirror.example/debian' });
  assert.equal(list('deb [arch=amd64 signed-by=/usr/share/keyrings/d.gpg] https://mirror.example/debian sid main'), {
    uri: 'https://mirror.example/debian',
    signedBy: '/usr/share/keyrings/d.gpg',
  });
});

test('the deb822 format, with comments, several values and continued lines', () => {
  const stanza = [
    'Types: deb deb-src',
    '# a comment',
    'URIs: http://mirror.example/debian',
    'Suites: trixie',
    ' trixie-updates',
    'Components: main',
    'Signed-By: /usr/share/keyrings/d.gpg',
  ];
  assert.equal(sources(...stanza), { uri: 'http://mirror.example/debian', signedBy: '/usr/share/keyrings/d.gpg' });
  assert.is(sources(...stanza, 'Enabled: no'), undefined);
  assert.is(sources(...stanza.map((line) => line.replace('deb deb-src', 'deb-src'))), undefined);
});

test("a key written into the stanza is left to the host's trusted keys", () => {
  assert.equal(
    sources(
      'Types: deb',
      'URIs: http://mirror.example/debian',
      'Suites: sid',
      'Components: main',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' mQ',
    ),
    { uri: 'http://mirror.example/debian' },
  );
});

test("other vendors are passed over, even when they use a suite's name", () => {
  const others = [
    'deb https://vendor.example/apt vendor-bookworm main',
    'deb https://vendor.example/linux bookworm stable',
    'deb-src http://mirror.example/debian sid main',
    'deb http://mirror.example/ubuntu noble main',
    'deb cdrom:[x]/ bookworm main',
  ];
  assert.is(list(...others), undefined);
  assert.equal(list(...others, 'deb http://mirror.example/debian stable main'), { uri: 'http://mirror.example/debian' });
});

test('no files, no mirror', () => assert.is(debianMirror([]), undefined));

test.run();
