// The expressions of `target.'cfg(...)'` tables: `cfg(all(unix, not(target_os = "macos")))`. Parses one and says whether it holds for a
// target whose cfgs are given as rustc prints them. Pure; the grammar is that of Rust's conditional compilation.
import { cannot } from '../../core/errors.ts';

/** Does `cfg(...)` hold where `cfgs` are set (`unix`, `target_os="linux"`)? Text that is no expression is a Failure. */
export function cfgHolds(text: string, cfgs: readonly string[]): boolean {
  const set = new Set(cfgs);
  const refuse = (why: string): Error => cannot(`read the configuration of cargo`, `"${text}" is no condition: ${why}`);
  const words = [...text.matchAll(/"[^"]*"|[A-Za-z_][\w-]*|[(),=]|\S/g)].map(([word]) => word);
  let at = 0;
  const take = (wanted?: string): string => {
    const word = words[at++];
    if (word === undefined) throw refuse('it ends too early');
    if (wanted !== undefined && word !== wanted) throw refuse(`"${wanted}" is wanted where "${word}" stands`);
    return word;
  };
  const list = (): readonly boolean[] => {
    const values: boolean[] = [];
    take('(');
    while (words[at] !== ')') {
      values.push(value());
      if (words[at] !== ')') take(',');
    }
    take(')');
    return values;
  };
  const value = (): boolean => {
    const name = take();
    if (!/^[A-Za-z_]/.test(name)) throw refuse(`a name is wanted where "${name}" stands`);
    if (words[at] === '(') {
      const values = list();
      if (name === 'all') return values.every(Boolean);
      if (name === 'any') return values.some(Boolean);
      if (name === 'not' && values.length === 1) return values[0] === false;
      throw refuse(`"${name}(...)" is not known`);
    }
    if (words[at] !== '=') return name === 'true' || (name !== 'false' && set.has(name));
    take('=');
    const wanted = take();
    if (!wanted.startsWith('"')) throw refuse(`a text in quotes is wanted where "${wanted}" stands`);
    return set.has(`${name}=${wanted}`);
  };
  take('cfg');
  const values = list();
  if (values.length !== 1 || at < words.length) throw refuse('one condition is wanted');
  return values[0] === true;
}
