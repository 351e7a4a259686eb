// rustc's messages as users see them: unchanged except for the users' own paths. The messages are those of a
// real rustc.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { diagnosticsOf } from './messages.ts';
import type { Diagnostic, ShownPaths } from './messages.ts';
import { realToolchain, rustc } from '../../dev/testing/real-rustc.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

/** The letters of the file's own name stand in the code, too; the last line cannot be read. */
const source = `pub fn f() -> u32 {
    let unused = 1;
    let x: u32 = "src/lib.rs: --> src/lib.rs";
    include_str!("none.txt");
    x
}
`;

/** Returns rustc's messages about the source, which it reads as `path`, with colours, as in a build. */
async function messagesOf(path: string, root: (folder: string) => string): Promise<{ readonly stderr: string; readonly folder: string }> {
  let said = { stderr: '', folder: '' };
  await withScratch(async ({ folder, cacheDir, write }) => {
    await write('src/lib.rs', source);
    const json = ['--error-format=json', '--json=diagnostic-rendered-ansi,future-incompat'];
    const args = ['--crate-type', 'lib', `${root(folder)}${path}`, '--emit=metadata', '-o', '/dev/null', ...json];
    const { exitCode, stderr } = await rustc(await realToolchain(process.env, cacheDir), args, folder);
    assert.is(exitCode, 1);
    said = { stderr, folder };
  });
  return said;
}

const showing = (more: Partial<ShownPaths> = {}): ShownPaths => ({
  mounts: { '/bloomery/work': '/users/me/p' },
  baseDir: '/users/me/p',
  shorten: (path) => path.replace('/users/me/', '~/'),
  colour: false,
  ...more,
});

const text = (diagnostics: readonly Diagnostic[]): string => diagnostics.map(({ rendered }) => rendered).join('');

test("a relative path is shown as the user's own, code that holds the same letters is not touched", async () => {
  const { stderr } = await messagesOf('src/lib.rs', () => '');
  const all = diagnosticsOf(stderr, showing());
  const shown = text(all);
  assert.match(shown, /^ +--> ~\/p\/src\/lib\.rs:3:18$/m);
  assert.match(shown, /let x: u32 = "src\/lib\.rs: --> src\/lib\.rs";/);
  assert.not.match(shown, /\x1b/);
  assert.equal(all.filter(({ level }) => level === 'error').length, 2);
});

test("in colour the paths are the same, and the colours are rustc's", async () => {
  const { stderr } = await messagesOf('src/lib.rs', () => '');
  const [plain, coloured] = [showing(), showing({ colour: true })].map((how) => text(diagnosticsOf(stderr, how)));
  assert.match(coloured ?? '', /\x1b\[/);
  assert.is((coloured ?? '').replace(/\x1b\[[0-9;]*m/g, ''), plain);
});

test("an absolute path in a place is shown as the user's own, in pointers and in words", async () => {
  const { stderr, folder } = await messagesOf('/src/lib.rs', (root) => root);
  const shown = text(diagnosticsOf(stderr.replaceAll(folder, '/bloomery/work'), showing()));
  assert.match(shown, /^ +--> ~\/p\/src\/lib\.rs:3:18$/m);
  assert.match(shown, /`\/users\/me\/p\/src\/none\.txt`/);
  assert.not.match(shown, /bloomery/);
});

test('sums that rustc draws are left out, its hint is kept', async () => {
  const { stderr } = await messagesOf('src/lib.rs', () => '');
  assert.match(stderr, /aborting due to/);
  const shown = text(diagnosticsOf(stderr, showing()));
  assert.not.match(shown, /aborting due to|warnings? emitted/);
  assert.match(shown, /rustc --explain E0308/);
});

test('every message is returned once, in order, with its level', () => {
  const message = (level: string, words: string): string =>
    JSON.stringify({ $message_type: 'diagnostic', level, message: words, spans: [], children: [], rendered: `${level}: ${words}\n` });
  const stderr = [
    message('warning', 'a'),
    message('error', 'b'),
    message('warning', '1 warning emitted'),
    message('warning', '12 warnings emitted'),
    '',
  ].join('\n');
  assert.equal(diagnosticsOf(stderr, showing()), [
    { level: 'warning', rendered: 'warning: a\n' },
    { level: 'error', rendered: 'error: b\n' },
  ]);
});

test('a line that is not a message is kept unchanged: a crash of rustc is reported', () => {
  const stderr =
    'error: the compiler unexpectedly panicked\n{not json\n\n{"$message_type":"future_incompat","future_incompat_report":[]}\n';
  assert.equal(text(diagnosticsOf(stderr, showing())), 'error: the compiler unexpectedly panicked{not json');
  assert.equal(diagnosticsOf('', showing()), []);
});

test.run();
