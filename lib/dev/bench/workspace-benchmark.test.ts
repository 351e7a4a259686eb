// The units that an edit rebuilds in a workspace like Redox's base: only the edited driver, and none after an
// edit of a comment or a rewrite of files with the same bytes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { benchmarkWorkspace } from './workspace-benchmark.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => undefined };
const members = 13;

test('one edited driver causes one compilation; comments and files with the same bytes cause no compilation', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'workspace-'));
  try {
    const request = { scratch, env, repeat: 1, members, components: 3, crates: 9 };
    const { edits, unchangedMs } = await benchmarkWorkspace(request, context);
    assert.equal(
      edits.map(({ name, cargo, ours }) => [name, cargo.compilations, ours.compilations]),
      [
        ['cold', members, members],
        ['nothing changed', 0, 0],
        ['one driver edited', 1, 1],
        ['comment in its manifest', 0, 0],
        ["comment in the workspace's manifest", 0, 0],
        ['every file written again with the same bytes', members, 0],
        ['a private function added to a library that all drivers use', members, members],
      ],
    );
    assert.is(unchangedMs.length, 1);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test.run();
