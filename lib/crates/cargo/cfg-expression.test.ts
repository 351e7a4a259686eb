// Conditions of cargo's configuration, as a table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { cfgHolds } from './cargo-config.ts';

const linux = [
  'debug_assertions',
  'panic="unwind"',
  'target_env="gnu"',
  'target_feature="sse"',
  'target_feature="sse2"',
  'target_os="linux"',
  'unix',
];

const table: readonly (readonly [text: string, holds: boolean])[] = [
  ['cfg(unix)', true],
  ['cfg(windows)', false],
  ['cfg(target_os = "linux")', true],
  ['cfg(target_os="macos")', false],
  ['cfg(target_feature = "sse2")', true],
  ['cfg( not ( windows ) )', true],
  ['cfg(not(unix))', false],
  ['cfg(all())', true],
  ['cfg(any())', false],
  ['cfg(all(unix, target_env = "gnu",))', true],
  ['cfg(all(unix, target_env = "musl"))', false],
  ['cfg(any(windows, all(unix, not(target_os = "macos"))))', true],
  ['cfg(any(windows, target_arch = "wasm32"))', false],
  ['cfg(true)', true],
  ['cfg(false)', false],
];

test('a condition holds or does not', () => {
  for (const [text, holds] of table) assert.is(cfgHolds(text, linux), holds, text);
});

test('what is no condition is refused with its text', () => {
  const wrong = [
    'cfg',
    'cfg()',
    'cfg(unix',
    'cfg(unix))',
    'cfg(unix, windows)',
    'cfg(not(unix, windows))',
    'cfg(some(unix))',
    'cfg(a = b)',
  ];
  for (const text of wrong) {
    assert.throws(
      () => cfgHolds(text, linux),
      (error: unknown) => error instanceof Failure && error.message.includes(`"${text}" is no condition`),
      text,
    );
  }
});

test.run();
