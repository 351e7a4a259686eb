// Types of partitions in a GPT, by their names on the pages of systems.

/** Sources: UEFI specification 2.10, table 5.7, and the Discoverable Partitions Specification. */
export const partitionTypes = {
  /** An EFI system partition. */
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  /** Data of Linux. */
  linuxData: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
  /** A root file system of Linux on x86-64. */
  linuxRoot: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
} as const;
