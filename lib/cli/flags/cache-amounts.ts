// Sizes and ages as a person types them on the command line.
import { cannot } from '../../core/errors.ts';
import { GiB, KiB, MiB } from '../../core/sizes.ts';

const sizeUnits: Readonly<Record<string, number>> = { '': 1, B: 1, K: KiB, KiB, M: MiB, MiB, G: GiB, GiB, T: 1024 * GiB, TiB: 1024 * GiB };
const ageUnits: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** Bytes of "20GiB", "500M", "4096". Anything else is a Failure (usage). */
export function parseSize(flag: string, text: string): number {
  return parsed(flag, text, sizeUnits, 'a size like 500MiB or 20GiB');
}

/** Milliseconds of "30d", "12h", "90s". Anything else is a Failure (usage). */
export function parseAge(flag: string, text: string): number {
  return parsed(flag, text, ageUnits, 'an age like 30d, 12h or 90s');
}

/** Bytes of --memory. A number alone is refused: it would be bytes here and MiB to QEMU. */
export function memoryOf(text: string): number {
  const bytes = parseSize('memory', text);
  if (bytes >= MiB) return bytes;
  throw cannot(`use --memory "${text}"`, 'it is less than a MiB', { blame: 'usage', hint: 'say 512M or 2G' });
}

function parsed(flag: string, text: string, units: Readonly<Record<string, number>>, wanted: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (number === '' || factor === undefined) throw cannot(`use --${flag} "${text}"`, `it must be ${wanted}`, { blame: 'usage' });
  return Number(number) * factor;
}
