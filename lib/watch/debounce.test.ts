// Groups of changes, with a clock that the test moves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Debounce, quietMs } from './debounce.ts';
import type { Change } from './news.ts';

/** A clock for one timer. */
function clock(): { readonly after: (ms: number, work: () => void) => () => void; readonly ring: () => void; readonly asked: number[] } {
  let due: (() => void) | undefined;
  const asked: number[] = [];
  return {
    asked,
    after: (ms, work) => {
      asked.push(ms);
      due = work;
      return () => (due = undefined);
    },
    ring: () => due?.(),
  };
}

const changes = (...paths: readonly string[]): readonly Change[] => paths.map((path) => ({ path, created: path === 'b' }));
const names = (group: readonly Change[]): string => group.map(({ path, created }) => `${path}${created ? '+' : ''}`).join();

test('changes are one group until it was quiet, each path once', () => {
  const groups: string[] = [];
  const { after, ring, asked } = clock();
  const debounce = new Debounce((group) => groups.push(names(group)), after);
  debounce.add(changes('a', 'b'));
  debounce.add([]);
  debounce.add([{ path: 'b', created: false }, ...changes('c')]);
  assert.equal([groups, asked], [[], [quietMs, quietMs]]);
  ring();
  debounce.add(changes('d'));
  ring();
  assert.equal(groups, ['a,b+,c', 'd']);
});

test('after close no change is reported', () => {
  const groups: string[] = [];
  const { after, ring } = clock();
  const debounce = new Debounce((group) => groups.push(names(group)), after);
  debounce.add(changes('a'));
  debounce.close();
  ring();
  assert.equal(groups, []);
});

test('the clock of the process is used without another one', async () => {
  const group = await new Promise<readonly Change[]>((resolve) => new Debounce(resolve).add(changes('a')));
  assert.is(names(group), 'a');
});

test.run();
