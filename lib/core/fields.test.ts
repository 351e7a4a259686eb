// Documents are parsed into checked types. A mistake is named by file and path.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from './errors.ts';
import { parseTomlFields, readTomlFields, valueAt } from './fields.ts';

function failure(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const text = 'name = "a"\nsize = 3\nlive = true\nwords = ["x", "y"]\n[users.admin]\nuid = 1\n[[files]]\npath = "/p"\n';

test('fields have their types', () => {
  const fields = parseTomlFields(text, 'a.toml');
  assert.is(fields.text('name'), 'a');
  assert.is(fields.count('size', 10), 3);
  assert.is(fields.flag('live'), true);
  assert.equal(fields.texts('words'), ['x', 'y']);
  assert.equal(
    fields.named('users').map(([name, user]) => [name, user.count('uid', 9)]),
    [['admin', 1]],
  );
  assert.equal(
    fields.tables('files').map((one) => one.text('path')),
    ['/p'],
  );
  assert.equal([fields.requiredText('name'), fields.requiredCount('size', 10)], ['a', 3]);
  assert.is(fields.text('absent'), undefined);
  assert.equal(fields.tables('none'), []);
  assert.equal(fields.named('nobody'), []);
  fields.done();
});

test('a missing required field is named', () => {
  const [file] = parseTomlFields(text, 'a.toml').tables('files');
  assert.is(failure(() => file?.requiredText('kind')).message, 'Cannot read "a.toml": files[0].kind: it is missing');
  assert.is(failure(() => file?.requiredCount('bytes', 1)).message, 'Cannot read "a.toml": files[0].bytes: it is missing');
});

test('a value is found by its path, and a missing path has no value', () => {
  const document = { a: { b: [1], c: null } };
  assert.equal(valueAt(document, 'a', 'b'), [1]);
  assert.is(valueAt(document, 'a', 'c'), null);
  for (const path of [['b'], ['a', 'b', '0'], ['a', 'c', 'd'], ['toString']]) assert.is(valueAt(document, ...path), undefined);
  assert.is(valueAt('text', 'length'), undefined);
});

test('a value of another type is named by its path', () => {
  const fields = parseTomlFields(text, 'a.toml');
  assert.is(failure(() => fields.flag('name')).message, 'Cannot read "a.toml": name: it must be true or false');
  assert.is(failure(() => fields.text('size')).message, 'Cannot read "a.toml": size: it must be a string');
  assert.match(failure(() => fields.count('size', 2)).message, 'size: it must be a whole number from 0 to 2');
  assert.match(failure(() => fields.texts('name')).message, 'name: it must be an array of strings');
  assert.match(failure(() => fields.table('name')).message, 'name: it must be a table');
  assert.match(failure(() => fields.tables('users')).message, 'users: it must be an array of tables');
  const [, admin] = fields.named('users')[0] ?? [];
  assert.match(failure(() => admin?.text('uid')).message, 'users.admin.uid: it must be a string');
});

test('a field that no reader asked for is named, with the nearest that it may have', () => {
  const [, admin] = parseTomlFields('[users.admin]\ngidd = 1\n', 'my.toml').named('users')[0] ?? [];
  admin?.count('gid', 9);
  const { message, hint } = failure(() => admin?.done());
  assert.is(message, 'Cannot read "my.toml": users.admin.gidd: there is no such field');
  assert.match(hint ?? '', 'did you mean gid?');
  const odd = parseTomlFields('[a]\n"b c" = 1\n', 'my.toml').table('a');
  assert.match(failure(() => odd?.done()).message, 'a."b c": there is no such field');
});

test('text that is not TOML is reported with its line', async () => {
  const { message, detail } = failure(() => parseTomlFields('a = 1\nb = \n', 'x.toml'));
  assert.match(message, /^Cannot read "x\.toml": line 2: /);
  assert.match(detail ?? '', 'b = ');
  assert.not.match(failure(() => parseTomlFields('[users.a]\npassword = "hush"\nuid = \n', 'x.toml')).detail ?? '', 'hush');
  try {
    await readTomlFields('/nowhere/x.toml');
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'Cannot read "/nowhere/x.toml": it does not exist');
  }
});

test.run();
