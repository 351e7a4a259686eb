// Which changed paths count.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { counts, isSameSet } from './watch-set.ts';

const set = { folders: ['/p', '/q/r'], files: ['/pages/redox.ts', '/p/target/named'], excluded: ['/p/target', '/p/out'] };

test('everything in a folder is relevant, except outputs, git and files of editors', () => {
  for (const path of ['/p/src/main.rs', '/p', '/q/r/x', '/p/src/target/mod.rs', '/p/.cargo/config.toml', '/p/.gitignore', '/p/outer']) {
    assert.ok(counts(path, set), path);
  }
  const written = ['/p/.main.rs.swp', '/p/main.rs~', '/p/4913', '/p/.#x', '/p/#x#'];
  for (const path of ['/q/s', '/pp', '/p/target/debug/x', '/p/out', '/p/.git/index', '/p/sub/.git', ...written]) {
    assert.not(counts(path, set), path);
  }
});

test('a file that is named counts wherever it is', () => {
  assert.ok(counts('/pages/redox.ts', set));
  assert.not(counts('/pages/other.ts', set));
  assert.ok(counts('/p/target/named', set));
});

test('two sets are the same in any order', () => {
  assert.ok(isSameSet(set, { ...set, folders: ['/q/r', '/p', '/p'] }));
  assert.not(isSameSet(set, { ...set, files: [] }));
});

test.run();
