// The capabilities of a program as the value of its extended attribute "security.capability", and as text. Source of the format: Linux,
// include/uapi/linux/capability.h (struct vfs_cap_data), and capabilities(7).
import { Buffer } from 'node:buffer';
import { cannot } from '../core/errors.ts';

export const capabilityXattr = 'security.capability';

/** By the number of their bit. */
const names =
  `chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin
  net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config
  mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`
    .split(/\s+/)
    .map((name) => `cap_${name}`);

/** The revision is the highest byte of the first word, and the lowest bit says that permitted capabilities are effective. */
const revision = { 2: 0x0200_0000, 3: 0x0300_0000 } as const;
const revisionBits = 0xff00_0000;
const effectiveBit = 1;
/** Bytes: the first word, then permitted and inheritable capabilities 0 to 31, then 32 to 63; revision 3 also has the number of a user. */
const sizes = { [revision[2]]: 20, [revision[3]]: 24 } as const;

/** Returns the value that makes capabilities permitted and effective: setcap's "cap_net_raw+ep". An unknown name is a Failure. */
export function capabilityValue(wanted: readonly string[]): Buffer {
  let permitted = 0n;
  for (const name of wanted) {
    const bit = names.indexOf(name);
    if (bit < 0)
      throw cannot(`give a file the capability "${name}"`, 'there is none of that name', { hint: `the names are ${names.join(', ')}` });
    permitted |= 1n << BigInt(bit);
  }
  const value = Buffer.alloc(sizes[revision[2]]);
  value.writeUInt32LE(revision[2] | effectiveBit, 0);
  value.writeUInt32LE(Number(permitted & 0xffff_ffffn), 4);
  value.writeUInt32LE(Number(permitted >> 32n), 12);
  return value;
}

/** Returns the value as getcap(8) shows it, "cap_net_raw=ep"; undefined for a value of another form. */
export function capabilityText(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < 4) return undefined;
  const word = bytes.readUInt32LE(0);
  const size = Object.entries(sizes).find(([known]) => Number(known) === (word & revisionBits) >>> 0)?.[1];
  if (bytes.length !== size) return undefined;
  const has = (bit: number, atBytes: number): boolean => (bytes.readUInt32LE(atBytes + (bit >= 32 ? 8 : 0)) & (1 << (bit % 32))) !== 0;
  const byFlags = new Map<string, string[]>();
  for (let bit = 0; bit < 64; bit++) {
    const [permitted, inheritable] = [has(bit, 4), has(bit, 8)];
    if (!permitted && !inheritable) continue;
    const flags = `${(word & effectiveBit) === 0 ? '' : 'e'}${inheritable ? 'i' : ''}${permitted ? 'p' : ''}`;
    byFlags.set(flags, [...(byFlags.get(flags) ?? []), names[bit] ?? `cap_${bit}`]);
  }
  return [...byFlags].map(([flags, of]) => `${of.join(',')}=${flags}`).join(' ');
}
