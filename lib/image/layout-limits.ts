// Checks the limits of file systems and partition tables before anything is written. The programs that write
// them truncate a name that is too long, store another time, or fail with messages that do not name the
// field. A message here names the field as in the page of a system.
import { cannot } from '../core/errors.ts';
import { refuseForExt4 } from './ext4/limits.ts';
import { refuseFatLabel, refuseForFat } from './fat/names.ts';
import { fatTime } from './fat/format.ts';
import type { ImageLayout, PartitionLayout } from './layout.ts';

/** UTF-16 units in an entry of a GPT (UEFI specification 2.10, table 5.6). */
const longestPartitionName = 36;
/** Entries of a table that sfdisk writes. */
const mostPartitions = 128;
/** Number of letters (ECMA-119, 8.4.7). */
const longestIsoLabel = 32;

/** The last second that a file system can store, if it is before the year 10000. */
const lastSecond = {
  /** A signed number of 32 bits: debugfs does not write the two bits that ext4 has for later times. */
  ext4: 2 ** 31 - 1,
  cpio: 2 ** 32 - 1,
  iso: 253_402_300_799,
  redoxfs: 253_402_300_799,
} as const;

/** Throws a Failure that names the first field that exceeds a limit. */
export function refuseLayout(layout: ImageLayout): void {
  const { timestampSec, partitions } = layout;
  if (!Number.isSafeInteger(timestampSec) || timestampSec < 0) {
    const why = `timestampSec is ${timestampSec}, which is not a whole number of seconds since 1970`;
    throw cannot('lay out the image', why, { hint: 'change timestampSec on the page' });
  }
  const isGpt = layout.table !== 'none' && !partitions.some(({ contents: { kind } }) => kind === 'cpio' || kind === 'iso');
  if (isGpt && partitions.length > mostPartitions) {
    throw cannot('lay out the image', `it has ${partitions.length} partitions, and the limit of GPT is ${mostPartitions}`);
  }
  for (const partition of partitions) {
    if (isGpt) refuseTableEntry(partition);
    refuseTime(partition, timestampSec);
    refuseContents(partition);
  }
}

function refuseTime({ name, contents }: PartitionLayout, timestampSec: number): void {
  if (contents.kind === 'fat') fatTime(timestampSec);
  else if (timestampSec > lastSecond[contents.kind]) {
    const last = new Date(lastSecond[contents.kind] * 1000).toISOString();
    const why = `timestampSec is ${timestampSec}, and its ${contents.kind} supports no time after ${last}`;
    throw cannot(`lay out partition "${name}"`, why, { hint: 'change timestampSec on the page' });
  }
}

function refuseContents({ contents }: PartitionLayout): void {
  if (contents.kind === 'fat') {
    refuseForFat(contents.tree);
    refuseFatLabel(contents.label);
  }
  if (contents.kind === 'ext4') refuseForExt4(contents.tree, contents.label);
  if (contents.kind === 'iso' && contents.label.length > longestIsoLabel) {
    const why = `its label has ${contents.label.length} letters, and the limit of ISO is ${longestIsoLabel}`;
    throw cannot(`make the ISO "${contents.label}"`, why, { hint: "change the partition's label on the page" });
  }
}

/**
 * sfdisk truncates a name that is too long, takes a quote as the end, and stores an empty name if it contains
 * a character beyond the BMP.
 */
function refuseTableEntry({ name, typeGuid }: PartitionLayout): void {
  const what = `lay out partition "${name}"`;
  const hint = "change the partition's name on the page";
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(typeGuid)) {
    throw cannot(what, `its typeGuid "${typeGuid}" is not a GUID`, { hint: "change the partition's typeGuid on the page" });
  }
  if (name.length > longestPartitionName) {
    throw cannot(what, `its name has ${name.length} UTF-16 units, and the limit of GPT is ${longestPartitionName}`, { hint });
  }
  if (/["\\\0-\x1f\x7f]/.test(name) || [...name].length !== name.length || !name.isWellFormed()) {
    throw cannot(what, 'its name has a quote, a backslash, a control character or a character beyond U+FFFF', { hint });
  }
}
