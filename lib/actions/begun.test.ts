// Executions that begin before they are needed are used for exactly their own action, and leave nothing behind.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { bubblewrap } from '../dev/testing/sandboxes.ts';
import { places, shellAction } from '../dev/testing/shell-action.ts';
import { digestBytes } from '../core/digest.ts';
import type { Action, ActionRecord, Artifact } from './action.ts';
import { actionOfStored, Begun, storedAction } from './begun.ts';

const never = new AbortController().signal;
const sandbox = await bubblewrap();

function ownAction(script: string, { folder }: Scratch, more: Partial<ActionRecord> = {}): Action {
  const own = { counted: [places.work], around: {}, mayWrite: [], spelled: () => 'text', named: ['/etc'], home: '/home/user' };
  return { ...shellAction(script, folder, sandbox, more), own };
}

const atOnce: NonNullable<Action['slot']> = (command) => command();

/** Returns a slot that runs its command when it is opened. */
function gate(): { readonly slot: NonNullable<Action['slot']>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { slot: (command) => promise.then(command), open: resolve };
}

/** What is left of unfinished work. */
function leftovers({ cache }: Scratch): Promise<readonly string[]> {
  cache.tidy();
  return readdir(cache.tmpDir).then((names) => names.filter((name) => name !== 'tick'));
}

test('an execution is used for the same action, once, and its single source files may have other digests', () =>
  withScratch(async (scratch) => {
    const begun = new Begun(ownAction('echo it ran >&2', scratch), sandbox, scratch.cache, atOnce);
    await begun.started;
    const wanted = ownAction('echo it ran >&2', scratch, { files: { '/bloomery/work/a.rs': digestBytes('edited') } });
    const execution = await begun.take(wanted, sandbox, never);
    assert.ok(execution?.ok);
    assert.is(execution.ok && execution.result.stderr, 'it ran\n');
    assert.is(await begun.take(wanted, sandbox, never), undefined);
    await begun.stop();
    assert.equal(await leftovers(scratch), []);
  }));

test('a build learns at once that the execution is the wanted one, and may refuse it', () =>
  withScratch(async (scratch) => {
    const action = ownAction('true', scratch);
    const begun = new Begun(action, sandbox, scratch.cache, atOnce);
    const refused = new Error('the build is ending');
    const refusing = (): never => {
      throw refused;
    };
    assert.is(await begun.take(action, sandbox, never, refusing).catch((error: unknown) => error), refused);
    let told = 0;
    const taken = begun.take(action, sandbox, never, () => void told++);
    assert.is(told, 1);
    assert.ok((await taken)?.ok);
  }));

test('it is not used for an action that differs in anything that it depends on', () =>
  withScratch(async (scratch) => {
    const go = gate();
    const action = ownAction('echo it ran', scratch);
    const begun = new Begun(action, sandbox, scratch.cache, go.slot);
    const { record } = action;
    const others: Readonly<Record<string, Action>> = {
      argv: { ...action, record: { ...record, argv: ['/bin/true'] } },
      env: { ...action, record: { ...record, env: { ...record.env, CFG: '1' } } },
      inputs: { ...action, record: { ...record, inputs: { '/bloomery/deps/x': digestBytes('x') } } },
      tools: { ...action, record: { ...record, tools: { rustc: digestBytes('other') } } },
      trees: { ...action, record: { ...record, trees: { '/bloomery/work': digestBytes('other') } } },
      network: { ...action, record: { ...record, network: true } },
      mounts: { ...action, mounts: { ...action.mounts, '/bloomery/more': '/etc' } },
      shadowed: { ...action, shadowed: [places.work] },
      ambient: { ...action, ambientEnv: { MALLOC_CONF: 'x' } },
      library: { ...action, quiet: '/other.so' },
      incremental: { ...action, incremental: '/cache/state' },
      early: { ...action, early: { path: 'x.rmeta', there: () => undefined } },
    };
    for (const [name, other] of Object.entries(others)) assert.is(await begun.take(other, sandbox, never), undefined, name);
    assert.is(await begun.take(action, { ...sandbox, isolation: 'host-user' }, never), undefined);
    go.open();
    await begun.stop();
  }));

test('a stopped execution ends its command and leaves no folder', () =>
  withScratch(async (scratch) => {
    const begun = new Begun(ownAction('sleep 1000', scratch), sandbox, scratch.cache, atOnce);
    await begun.started;
    await begun.stop();
    assert.equal(await leftovers(scratch), []);
    assert.is(await begun.take(ownAction('sleep 1000', scratch), sandbox, never), undefined);
  }));

test('the signal of the build that uses it stops it', () =>
  withScratch(async (scratch) => {
    const action = ownAction('sleep 1000', scratch);
    const begun = new Begun(action, sandbox, scratch.cache, atOnce);
    await begun.started;
    const abort = new AbortController();
    const taken = begun.take(action, sandbox, abort.signal).catch((error: unknown) => error);
    abort.abort(new Error('^C'));
    assert.is(((await taken) as Error).message, '^C');
    await begun.stop();
    assert.equal(await leftovers(scratch), []);
  }));

test('an early artifact is announced to the build, whether it was there before or not', () =>
  withScratch(async (scratch) => {
    const announced = '{"$message_type":"artifact","artifact":"/bloomery/out/early"}';
    for (const waits of [false, true]) {
      const go = gate();
      const script = `${waits ? '' : 'true; '}echo metadata > $OUT/early; echo '${announced}' >&2`;
      const seen: Artifact[] = [];
      const early = { path: 'early', there: (artifact: Artifact) => void seen.push(artifact) };
      const action = { ...ownAction(script, scratch, { kind: 'rustc' }), early };
      const begun = new Begun(action, sandbox, scratch.cache, waits ? go.slot : atOnce);
      if (!waits) await begun.started;
      const taken = begun.take(action, sandbox, never);
      go.open();
      assert.ok((await taken)?.ok);
      assert.equal(
        seen.map(({ path }) => path),
        ['early'],
        `waits: ${waits}`,
      );
    }
  }));

test('an execution that cannot start is left to the build', () =>
  withScratch(async (scratch) => {
    const action = ownAction('true', scratch, { inputs: { '/bloomery/deps/x': digestBytes('no blob') } });
    const begun = new Begun(action, sandbox, scratch.cache, atOnce);
    await begun.started;
    assert.is(await begun.take(action, sandbox, never), undefined);
    assert.equal(await leftovers(scratch), []);
  }));

test('a stored action is read again, and anything else is refused', () =>
  withScratch(async (scratch) => {
    const paths = { tracer: join(scratch.folder, 'tracer'), quiet: join(scratch.folder, 'quiet.so') };
    const action = { ...ownAction('true', scratch), ...paths, early: { path: 'a', there: () => undefined } };
    const stored = JSON.parse(JSON.stringify(storedAction(action)));
    const read = actionOfStored(stored);
    assert.equal(read && storedAction(read), stored);
    for (const field of Object.keys(stored)) assert.is(actionOfStored({ ...stored, [field]: 7 }), undefined, field);
    for (const other of [undefined, null, [], 'text']) assert.is(actionOfStored(other), undefined);
  }));

test.run();
