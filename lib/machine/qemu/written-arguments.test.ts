// Arguments that were written for a terminal, as tables: the console goes to the socket, once, and everything else is left alone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withoutTerminal, writtenAccelerator } from './written-arguments.ts';

const socket = '-chardev socket,path=/s,id=terminal';
const tables: readonly (readonly [name: string, words: string, expected: string])[] = [
  ['nothing of a console', '-m 1G', `-m 1G ${socket} -serial chardev:terminal`],
  ['no words', '', `${socket} -serial chardev:terminal`],
  ['a serial line on the terminal', '-serial stdio -m 1G', `${socket} -serial chardev:terminal -m 1G`],
  ['with the monitor', '--serial mon:stdio', `${socket} -serial chardev:terminal`],
  ['the short form', '-nographic -m 1G', `-display none -monitor none ${socket} -serial chardev:terminal -m 1G`],
  ['the short form beside a serial line', '-nographic -serial mon:stdio', `-display none -monitor none ${socket} -serial chardev:terminal`],
  [
    'a virtio console',
    '-nographic -chardev stdio,id=mux,mux=on,signal=off,logfile=a.log -device virtconsole,chardev=mux -serial file:b.log -monitor chardev:mux',
    '-display none -monitor none -chardev socket,path=/s,id=mux,mux=on,logfile=a.log -device virtconsole,chardev=mux -serial file:b.log -monitor chardev:mux',
  ],
  ['a monitor of its own', '-monitor stdio -serial file:b.log', `-monitor none -serial file:b.log ${socket} -serial chardev:terminal`],
  ['another device', '-chardev file,id=stdio,path=x', `-chardev file,id=stdio,path=x ${socket} -serial chardev:terminal`],
];

for (const [name, words, expected] of tables) {
  test(`the console of written arguments: ${name}`, () => {
    assert.is(withoutTerminal(words.split(' ').filter(Boolean), '/s').join(' '), expected);
  });
}

test('a comma in the path of the socket is written twice', () => {
  assert.ok(withoutTerminal([], '/a,b').includes('socket,path=/a,,b,id=terminal'));
});

test('the accelerator is that of the words', () => {
  for (const [words, accelerator] of [
    ['-m 1G', 'tcg'],
    ['-accel kvm', 'kvm'],
    ['-accel tcg', 'tcg'],
    ['-enable-kvm', 'kvm'],
    ['-machine q35,accel=kvm:tcg', 'kvm'],
    ['-M q35,accel=kvm', 'kvm'],
    ['-name accel=kvm', 'tcg'],
  ] as const) {
    assert.is(writtenAccelerator(words.split(' ')), accelerator, words);
  }
});

test.run();
