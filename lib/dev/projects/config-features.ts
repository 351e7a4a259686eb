// Features of cargo's configuration files, and of variables that cargo uses.
import { contents, overlooked, swap, variable } from './feature.ts';
import type { Feature } from './feature.ts';

export const configFeatures: readonly Feature[] = [
  {
    name: 'config-cfg',
    rustflags: ['--cfg', 'chosen_@="one"', '--check-cfg', 'cfg(chosen_@, values(any()))'],
    print: 'cfg!(chosen_@ = "two")',
    edits: [swap('{config}/.cargo/config.toml', 'chosen_@=\\"one\\"', 'chosen_@=\\"two\\"')],
  },
  {
    name: 'config-env',
    config: { env: 'CONF_@ = "one"' },
    variables: { 'CONF_@': 'user' },
    print: 'env!("CONF_@")',
    edits: [
      swap('{config}/.cargo/config.toml', 'CONF_@ = "one"', 'CONF_@ = { value = "two", force = true }'),
      { does: 'unset the variable', operations: [{ op: 'variable', name: 'CONF_@' }] },
      { does: 'another value', operations: [{ op: 'variable', name: 'CONF_@', value: 'other' }] },
    ],
  },
  {
    name: 'config-env-relative',
    files: { '{config}/conf/@1.txt': 'one\n', '{config}/conf/@2.txt': 'two\n' },
    config: { env: 'FILE_@ = { value = "conf/@1.txt", relative = true }' },
    print: 'include_str!(env!("FILE_@")).trim()',
    edits: [swap('{config}/.cargo/config.toml', '@1.txt', '@2.txt'), ...contents('{config}/conf/@1.txt', 'three\n')],
  },
  {
    name: 'config-include',
    once: 'config-include',
    files: { '{config}/.cargo/extra.toml': '[env]\nINCLUDED = "one"\n' },
    config: { '': 'include = ["extra.toml"]' },
    print: 'env!("INCLUDED")',
    edits: contents('{config}/.cargo/extra.toml', '[env]\nINCLUDED = "two"\n', '[env]\nINCLUDED = { value = "three" }\n'),
  },
  {
    name: 'config-profile',
    once: 'config-profile',
    config: { 'profile.dev': 'debug-assertions = true' },
    print: 'cfg!(debug_assertions)',
    edits: [swap('{config}/.cargo/config.toml', 'debug-assertions = true', 'debug-assertions = false')],
  },
  {
    name: 'config-linked-symbol',
    once: 'config-linked-symbol',
    rustflags: ['-C', 'link-arg=-Wl,--defsym=configured=0x11'],
    roles: ['app'],
    items: 'extern "C" { static configured: u8; }',
    print: '(unsafe { &raw const configured }) as usize & 0xfff',
    edits: [swap('{config}/.cargo/config.toml', '=0x11', '=0x12')],
  },
  {
    name: 'config-linker',
    roles: ['app'],
    once: 'linker',
    files: { '{config}/tools/ld_@.sh': { exe: '#!/bin/sh\nexec cc {arguments} -Wl,--defsym=linked_@=0x11\n' } },
    config: { "target.'cfg(all())'": 'linker = "tools/ld_@.sh"' },
    items: 'extern "C" { static linked_@: u8; }',
    print: '(unsafe { &raw const linked_@ }) as usize & 0xfff',
    edits: overlooked([swap('{config}/tools/ld_@.sh', '0x11', '0x22')]),
  },
  {
    name: 'config-wrapper',
    once: 'wrapper',
    files: { '{config}/tools/wrap_@.sh': { exe: '#!/bin/sh\nexec {arguments} --cfg \'wrapped="one"\'\n' } },
    config: { build: 'rustc-wrapper = "tools/wrap_@.sh"' },
    print: 'cfg!(wrapped = "two")',
    edits: overlooked([swap('{config}/tools/wrap_@.sh', '"one"', '"two"')]),
  },
  {
    name: 'flags-of-environment',
    once: 'RUSTFLAGS',
    print: 'format!("{} {}", cfg!(flagged), cfg!(debug_assertions))',
    edits: [
      ...variable('RUSTFLAGS', '--cfg flagged', undefined, ''),
      ...variable('CARGO_BUILD_RUSTFLAGS', '--cfg flagged', undefined),
      ...variable('CARGO_PROFILE_DEV_DEBUG_ASSERTIONS', 'false', undefined),
    ],
  },
  {
    name: 'config-script-override',
    roles: ['util', 'base'],
    once: 'links',
    manifest: { package: 'links = "over_@"' },
    script: 'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::metadata=word=script");',
    config: { 'target.x86_64-unknown-linux-gnu.over_@': 'word = "config"\nrustc-cfg = ["overridden"]' },
    print: 'cfg!(overridden)',
    user: {
      script:
        'println!("cargo::rerun-if-changed=build.rs"); println!("cargo::rustc-env=OVER_@={}", env::var("DEP_OVER_@_WORD".to_uppercase()).unwrap());',
      print: 'env!("OVER_@")',
    },
    edits: [
      swap('{config}/.cargo/config.toml', 'word = "config"', 'word = "other"'),
      swap('{config}/.cargo/config.toml', 'x86_64-unknown-linux-gnu.over_@', 'x86_64-unknown-linux-gnu.under_@'),
    ],
  },
];
