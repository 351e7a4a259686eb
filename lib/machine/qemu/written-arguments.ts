// Arguments of QEMU that were written for a terminal, and how the console comes to us instead. Options as in QEMU's manual, "Invocation".
import type { Accelerator } from '../machine.ts';

/** The name of the console's character device where the words have none for it. */
const terminal = 'terminal';

/** The words, with the socket in the place of the terminal. Without a console on the terminal, COM1 is one. */
export function withoutTerminal(words: readonly string[], socket: string): readonly string[] {
  const device = `socket,path=${socket.replaceAll(',', ',,')}`;
  const changed: string[] = [];
  let isConnected = false;
  const connect = (id: string): void => {
    if (!isConnected) changed.push('-chardev', `${device},id=${id}`);
    isConnected = true;
  };
  const hasSerial = words.some((word) => optionOf(word) === 'serial');
  for (let index = 0; index < words.length; index++) {
    const [word = '', value = ''] = words.slice(index, index + 2);
    const option = optionOf(word);
    if (option === 'nographic') {
      // It is a short form for these three; its monitor shares the terminal with COM1.
      changed.push('-display', 'none', '-monitor', 'none');
      if (!hasSerial) {
        connect(terminal);
        changed.push('-serial', `chardev:${terminal}`);
      }
    } else if (option === 'chardev' && /^stdio(,|$)/.test(value)) {
      const rest = value.split(',').slice(1).filter((part) => !part.startsWith('signal='));
      changed.push('-chardev', [device, ...rest].join(','));
      isConnected = true;
      index++;
    } else if (option === 'serial' && /^(?:mon:)?stdio$/.test(value)) {
      connect(terminal);
      changed.push('-serial', `chardev:${terminal}`);
      index++;
    } else if (option === 'monitor' && /^(?:mon:)?stdio$/.test(value)) {
      changed.push('-monitor', 'none');
      index++;
    } else changed.push(word);
  }
  if (isConnected) return changed;
  connect(terminal);
  return [...changed, '-serial', `chardev:${terminal}`];
}

/** The accelerator that the words name; QEMU's own default is TCG. */
export function writtenAccelerator(words: readonly string[]): Accelerator {
  const named = words.some((word, index) => {
    const option = optionOf(words[index - 1] ?? '');
    return optionOf(word) === 'enable-kvm' || (option === 'accel' && /^(?:accel=)?kvm\b/.test(word)) || (option === 'machine' && /\baccel=kvm\b/.test(word));
  });
  return named ? 'kvm' : 'tcg';
}

/** The option that a word names: QEMU takes one dash or two. */
function optionOf(word: string): string | undefined {
  const [, option] = /^--?([a-z].*)$/i.exec(word) ?? [];
  return option === 'M' ? 'machine' : option;
}
