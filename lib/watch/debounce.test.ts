// Groups of changes, with a clock that the test moves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Debounce, quietMs } from './debounce.ts';

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

test('changes are one group until it was quiet, each path once', () => {
  const groups: (readonly string[])[] = [];
  const { after, ring, asked } = clock();
  const debounce = new Debounce((paths) => groups.push(paths), after);
  debounce.add(['a', 'b']);
  debounce.add([]);
  debounce.add(['b', 'c']);
  assert.equal([groups, asked], [[], [quietMs, quietMs]]);
  ring();
  debounce.add(['d']);
  ring();
  assert.equal(groups, [['a', 'b', 'c'], ['d']]);
});

test('after close nothing comes', () => {
  const groups: (readonly string[])[] = [];
  const { after, ring } = clock();
  const debounce = new Debounce((paths) => groups.push(paths), after);
  debounce.add(['a']);
  debounce.close();
  ring();
  assert.equal(groups, []);
});

test('the clock of the process is used without another one', async () => {
  const group = await new Promise<readonly string[]>((resolve) => new Debounce(resolve).add(['a']));
  assert.equal(group, ['a']);
});

test.run();
