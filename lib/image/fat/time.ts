// Times in a FAT (Microsoft's FAT specification 1.03, section 6): from 1980 to 2107, in steps of two seconds. They are in UTC here.
import { cannot } from '../../core/errors.ts';

export interface FatTime {
  readonly time: number;
  readonly date: number;
}

const years = { first: 1980, last: 2107 } as const;

/** Returns a time as a FAT has it. A time before 1980 becomes the start of that year, and one after 2107 is a Failure. */
export function fatTime(timestampSec: number): FatTime {
  const at = new Date(timestampSec * 1000);
  const year = at.getUTCFullYear();
  if (year < years.first) return { time: 0, date: (1 << 5) | 1 };
  if (!(year <= years.last)) throw cannot(`write the time ${timestampSec} into a FAT`, `a FAT has no time after the year ${years.last}`);
  return {
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
    date: ((year - years.first) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
  };
}
