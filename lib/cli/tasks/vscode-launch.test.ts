// The launch file of Visual Studio Code: a configuration is added once, and other configurations are kept.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { launchText } from './vscode-launch.ts';

const own = { name: 'Bloomery: Asterinas', elf: '/out/a "b"/kernel', port: 1234 };
const configuration = {
  name: own.name,
  type: 'lldb',
  request: 'launch',
  targetCreateCommands: ['target create "/out/a \\"b\\"/kernel"'],
  processCreateCommands: ['gdb-remote 127.0.0.1:1234'],
};

test('without an existing file, the new file has only this configuration', () => {
  assert.equal(JSON.parse(launchText(undefined, own)), { version: '0.2.0', configurations: [configuration] });
});

test('other configurations and fields of a file are kept, and this configuration is added once', () => {
  const other = { name: 'mine', type: 'node' };
  const file = { version: '0.2.0', inputs: [1], configurations: [other, { ...configuration, request: 'attach' }, 7] };
  const text = launchText(JSON.stringify(file), own);
  assert.equal(JSON.parse(text), { version: '0.2.0', inputs: [1], configurations: [other, 7, configuration] });
  assert.is(launchText(text, own), text);
});

test('a file with comments, and one with another structure, are refused', () => {
  for (const text of ['// mine\n{}', '[]', '{"configurations": {}}', '']) {
    assert.throws(
      () => launchText(text, own),
      /^Cannot add to \.vscode\/launch\.json: it is not plain JSON with a list of configurations$/,
    );
  }
});

test.run();
