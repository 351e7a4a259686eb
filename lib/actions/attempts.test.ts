// Repeated runs in the real sandbox and under the real tracer: the files that a later run sees, the inputs,
// and the files that stay hidden.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bubblewrap } from '../dev/testing/sandboxes.ts';
import { withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { shellAction } from '../dev/testing/shell-action.ts';
import type { ActionRecord } from './action.ts';
import { attempt } from './attempts.ts';
import type { Attempt, Declares, Needed } from './attempts.ts';
import { here } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { openTracer } from './sandbox/tracer.ts';

interface Case {
  readonly kind?: ActionRecord['kind'];
  /** The user's own text. */
  readonly text?: string;
  readonly declares?: Declares;
  readonly before?: Needed;
  readonly bare?: boolean;
}

const nothing: Needed = { shown: [], shadowed: [] };

/** Runs a script in the user's folder home/src/app of the scratch folder, as an action of one of the user's own packages. */
async function attempted(
  scratch: Scratch,
  script: string,
  { kind = 'build-script', text = '', bare, ...more }: Case = {},
): Promise<Attempt> {
  const { folder, cache, context } = scratch;
  const sandbox: Sandbox = bare ? { kind: 'none' } : await bubblewrap();
  const src = join(folder, 'home/src');
  await mkdir(join(src, 'app'), { recursive: true });
  const tracer = await openTracer(cache, context, sandbox);
  if (!tracer) throw new Error('these tests need a C compiler and a kernel with user notification (Linux 5.5 or later)');
  const above = join(here, '..');
  const action = {
    ...shellAction(script, join(src, 'app'), sandbox, { kind, cwd: here }),
    mounts: { [here]: join(src, 'app') },
    own: {
      counted: [here],
      around: { [here]: join(src, 'app'), [above]: src, [join(above, '..')]: join(folder, 'home') },
      mayWrite: [],
      named: [],
      spelled: () => text,
      home: join(folder, 'home'),
    },
    tracer: tracer.program,
    ...(tracer.library === undefined ? {} : { quiet: tracer.library }),
  };
  return attempt({ action, declaredEnv: {}, home: join(folder, 'home'), ...more }, more.before ?? nothing, sandbox, cache, context);
}

type Success = Extract<Attempt, { ok: true }>;

function successOf(one: Attempt): Success {
  assert.ok(one.ok, JSON.stringify(one));
  return one as Success;
}

test("a path outside of the user's folder that the text contains is shown in a second run, is an input, and is memoized", async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/proto/deep/api.txt', 'api');
    const script = 'cat ../proto/deep/api.txt';
    const first = successOf(await attempted(scratch, script, { text: 'compile("../proto")' }));
    assert.is(first.result.stdout, 'api');
    assert.equal(first.needed, { shown: [join(here, '../proto')], shadowed: [] });
    assert.ok(first.read?.includes(join(here, '../proto/deep/api.txt')), String(first.read));
    const second = successOf(await attempted(scratch, script, { text: 'compile("../proto")', before: first.needed }));
    assert.equal([second.result.stdout, second.needed], ['api', first.needed]);
  });
});

test("a path that leaves the user's folder and leads back into it belongs to the user", async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/app/data/x.txt', 'x');
    const found = successOf(await attempted(scratch, 'cat ../app/data/x.txt'));
    assert.is(found.result.stdout, 'x');
    assert.ok(found.read?.includes(join(here, '../app/data/x.txt')), String(found.read));
  });
});

test('a path that only the command names stays hidden, and the error names it', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/secret.txt', 'secret');
    await scratch.write('home/.ssh/key', 'secret');
    for (const path of ['../secret.txt', '../../.ssh/key']) {
      const failed = await attempted(scratch, `cat ${path}`, { text: '"../../.ssh/key"' });
      assert.not.ok(failed.ok);
      const { violations = [], stdout } = failed as Extract<Attempt, { ok: false }>;
      assert.is(stdout, '');
      assert.equal(violations, [{ act: 'read', place: join(here, path) }]);
    }
  });
});

test('where a link leads is shown, also through a second link', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/data/real.txt', 'real');
    await mkdir(join(scratch.folder, 'home/src/app'), { recursive: true });
    await symlink('data/real.txt', join(scratch.folder, 'home/src/middle.txt'));
    await symlink('../middle.txt', join(scratch.folder, 'home/src/app/near.txt'));
    const found = successOf(await attempted(scratch, 'cat near.txt'));
    assert.is(found.result.stdout, 'real');
    assert.equal(found.needed.shown, [join(here, '../middle.txt')]);
  });
});

test('a declared path is shown when the words of the text name it', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/proto/api.txt', 'api');
    const script = 'echo DECLARED; cat ../proto/api.txt 2>/dev/null || echo none';
    const declares = (): readonly string[] => [join(here, '../proto/api.txt')];
    assert.match(
      successOf(await attempted(scratch, script, { declares, text: 'root.join("proto").join("api.txt")' })).result.stdout,
      /api\n?$/,
    );
    assert.match(successOf(await attempted(scratch, script, { declares, text: 'nothing of the kind' })).result.stdout, /none\n$/);
  });
});

test('a map of the linker and the lock file of a nested cargo are written to a copy; a script that writes sources fails', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/app/src/lib.rs', 'source');
    const app = join(scratch.folder, 'home/src/app');
    const odd = (name: string): Buffer => Buffer.concat([Buffer.from(`${app}/${name}`), Buffer.from([0xff])]); // no UTF-8
    await writeFile(odd('file'), 'odd');
    await mkdir(odd('folder'));
    const map = successOf(
      await attempted(scratch, 'echo map >app.map; cat app.map src/lib.rs; ls -d folder* >/dev/null; cat file*', { kind: 'rustc' }),
    );
    assert.is(map.result.stdout, 'map\nsourceodd');
    assert.equal(map.needed, { shown: [], shadowed: [here] });
    assert.equal(
      map.result.artifacts.map(({ path }) => path),
      ['written/app.map'],
    );
    successOf(await attempted(scratch, 'echo lock >src/Cargo.lock'));
    const failed = await attempted(scratch, 'echo more >>src/lib.rs');
    assert.not.ok(failed.ok);
    assert.is(await readFile(join(app, 'src/lib.rs'), 'utf8'), 'source');
    assert.equal([existsSync(join(app, 'app.map')), existsSync(join(app, 'src/Cargo.lock'))], [false, false]);
  });
});

test("a link of an action's to the host is not followed when its written files are moved", async () => {
  await withScratch(async (scratch) => {
    const victim = join(scratch.folder, 'victim');
    await mkdir(victim);
    const script = `echo evil >keys && ln -s ${victim} $OUT/written && chmod 500 $OUT`;
    const found = successOf(await attempted(scratch, script, { kind: 'rustc' }));
    assert.equal(
      found.result.artifacts.map(({ path }) => path),
      ['written/keys'],
    );
    assert.equal(await readdir(victim), []);
  });
});

test("a compilation that writes where there is no folder, or outside of the user's folder, fails with its own message", async () => {
  await withScratch(async (scratch) => {
    for (const command of ['echo x >none/deep/x', 'mkdir .', 'echo x >../x', 'echo x >../../../../../x']) {
      const failed = await attempted(scratch, `(${command}) 2>/dev/null || echo reason >&2; exit 1`, { kind: 'rustc' });
      assert.not.ok(failed.ok);
      assert.is((failed as Extract<Attempt, { ok: false }>).stderr, 'reason\n');
    }
  });
});

test('paths that an earlier run needed may be gone', async () => {
  await withScratch(async (scratch) => {
    const before = { shown: [join(here, '../gone.rs')], shadowed: [join(here, 'gone')] };
    const found = successOf(await attempted(scratch, 'cat ../gone.rs 2>/dev/null || echo fine', { before, kind: 'rustc' }));
    assert.is(found.result.stdout, 'fine\n');
  });
});

test('a command that writes sources, as it can without a sandbox, is distinguished from one that does not', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('home/src/app/src/lib.rs', 'source');
    assert.is(successOf(await attempted(scratch, 'cat src/lib.rs; echo x >$OUT/x', { bare: true })).wroteSources, false);
    assert.is(successOf(await attempted(scratch, 'echo more >src/new.rs', { bare: true })).wroteSources, true);
  });
});

test('a command that asks for more each time is run five times at most', async () => {
  await withScratch(async (scratch) => {
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) await scratch.write(`home/src/chain/${index}`, `../chain/${index + 1}`);
    const text = Array.from({ length: 9 }, (_, index) => `"../chain/${index}"`).join();
    const script = 'next=../chain/0; while [ -n "$next" ] && [ -e "$next" ]; do last=$next; next=$(cat $next); done; echo $last';
    const found = successOf(await attempted(scratch, script, { text }));
    assert.is(found.needed.shown.length, 4);
    assert.is(found.result.stdout, '../chain/3\n');
  });
});

test.run();
