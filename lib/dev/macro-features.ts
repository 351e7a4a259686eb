// Features of procedural macros: what they read while they expand.
import { contents, overlooked, variable } from './feature.ts';
import type { Feature } from './feature.ts';

/** A procedural macro without arguments. */
function procMacro(name: string, body: string): string {
  return `#[proc_macro]\npub fn ${name}(_: TokenStream) -> TokenStream { ${body} }`;
}

export const macroFeatures: readonly Feature[] = [
  {
    name: 'macro-reads-own-package',
    files: { '{macros}/{data}/{name}.txt': 'one\n' },
    macros: procMacro('own_@', 'read(concat!(env!("CARGO_MANIFEST_DIR"), "/{data}/{name}.txt"))'),
    print: 'macros::own_@!().trim()',
    edits: overlooked(contents('{macros}/{data}/{name}.txt', 'two\n', 'three\n')),
  },
  {
    name: 'macro-reads-user',
    files: { '{pkg}/{data}/{name}.txt': 'one\n' },
    macros: procMacro('user_@', 'read(&of_user("{data}/{name}.txt"))'),
    print: 'macros::user_@!().trim()',
    edits: overlooked(contents('{pkg}/{data}/{name}.txt', 'two\n', 'three\n')),
  },
  {
    name: 'macro-lists-user',
    files: { '{pkg}/{data}/q_@/1.sql': 'one\n' },
    macros: procMacro('list_@', 'names(&of_user("{data}/q_@"))'),
    print: 'macros::list_@!()',
    edits: overlooked([
      { does: 'a new file', operations: [{ op: 'write', path: '{pkg}/{data}/q_@/2.sql', text: 'two\n' }] },
      { does: 'rename a file', operations: [{ op: 'move', path: '{pkg}/{data}/q_@/1.sql', to: '{pkg}/{data}/q_@/0.sql' }] },
    ]),
  },
  {
    name: 'macro-asks-existence',
    macros: procMacro('there_@', 'text(if std::path::Path::new(&of_user("flag_@")).exists() { "there" } else { "absent" })'),
    print: 'macros::there_@!()',
    edits: overlooked(contents('{pkg}/flag_@', 'x\n')),
  },
  {
    name: 'macro-variable',
    macros: procMacro('variable_@', 'text(&std::env::var("EXPAND_@").unwrap_or("none".into()))'),
    print: 'macros::variable_@!()',
    edits: overlooked(variable('EXPAND_@', 'two', 'three', undefined)),
  },
  {
    name: 'macro-includes',
    files: { '{pkg}/i_@.txt': 'one\n' },
    macros: procMacro('include_@', 'format!("include_str!({:?})", of_user("i_@.txt")).parse().unwrap()'),
    print: 'macros::include_@!().trim()',
    edits: contents('{pkg}/i_@.txt', 'two\n', 'three\n'),
  },
  {
    name: 'macro-built-with-data',
    files: { '{macros}/built_@.txt': 'one\n' },
    macros: procMacro('built_@', 'text(include_str!("../built_@.txt"))'),
    print: 'macros::built_@!().trim()',
    edits: contents('{macros}/built_@.txt', 'two\n', 'three\n'),
  },
];
