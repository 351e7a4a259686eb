// The table of a FAT in memory: which cluster follows each one (Microsoft's FAT specification 1.03, section 4).
import { Buffer } from 'node:buffer';
import { clusterAtBytes } from './geometry.ts';
import type { FatGeometry } from './geometry.ts';
import type { ImageBytes } from '../image-bytes.ts';

const firstCluster = 2;
const masks = { 12: 0xfff, 16: 0xffff, 32: 0x0fff_ffff } as const;
/** Entries from this one on end a chain. The entry before it is a bad cluster. */
const endOfChain = { 12: 0xff8, 16: 0xfff8, 32: 0x0fff_fff8 } as const;

export class FatTable {
  readonly geometry: FatGeometry;
  /** As it is in the file system. */
  readonly bytes: Buffer;
  #nextFree = firstCluster;

  constructor(geometry: FatGeometry, bytes: ImageBytes) {
    this.geometry = geometry;
    this.bytes = bytes.read(geometry.tableAtBytes, geometry.tableBytes);
  }

  /** Returns the clusters of a chain. Throws what `bad` returns if it leaves the file system or has a circle. */
  chain(first: number, bad: (why: string) => Error): readonly number[] {
    const chain: number[] = [];
    const end = endOfChain[this.geometry.bits];
    for (let cluster = first; cluster < end; cluster = this.#entry(cluster)) {
      if (!this.#isCluster(cluster)) throw bad(`its chain of clusters leads to ${cluster}`);
      if (chain.length >= this.geometry.clusters) throw bad('its chain of clusters is a circle');
      chain.push(cluster);
    }
    return chain;
  }

  /** Takes free clusters, the lowest ones, and links them after `previous`. Returns undefined if there are too few; none is taken then. */
  allocate(count: number, previous?: number): readonly number[] | undefined {
    const taken: number[] = [];
    let cluster = this.#nextFree;
    for (; taken.length < count && this.#isCluster(cluster); cluster++) if (this.#entry(cluster) === 0) taken.push(cluster);
    if (taken.length < count) return undefined;
    this.#nextFree = cluster;
    for (const [i, each] of taken.entries()) this.#set(each, taken[i + 1] ?? masks[this.geometry.bits]);
    if (previous !== undefined && taken[0] !== undefined) this.#set(previous, taken[0]);
    return taken;
  }

  release(clusters: readonly number[]): void {
    for (const cluster of clusters) {
      this.#set(cluster, 0);
      this.#nextFree = Math.min(this.#nextFree, cluster);
    }
  }

  freeClusters(): number {
    let free = 0;
    for (let cluster = firstCluster; this.#isCluster(cluster); cluster++) if (this.#entry(cluster) === 0) free++;
    return free;
  }

  /** Returns where the last cluster in use ends, from the start of the file system. */
  usedEndBytes(): number {
    let last = this.geometry.clusters + 1;
    while (last >= firstCluster && this.#entry(last) === 0) last--;
    return clusterAtBytes(this.geometry, last + 1);
  }

  #isCluster(cluster: number): boolean {
    return cluster >= firstCluster && cluster < firstCluster + this.geometry.clusters;
  }

  #entry(cluster: number): number {
    const { bits } = this.geometry;
    if (bits === 32) return this.bytes.readUInt32LE(cluster * 4) & masks[32];
    if (bits === 16) return this.bytes.readUInt16LE(cluster * 2);
    const pair = this.bytes.readUInt16LE(cluster + (cluster >> 1));
    return cluster % 2 === 0 ? pair & masks[12] : pair >> 4;
  }

  #set(cluster: number, value: number): void {
    const { bits } = this.geometry;
    if (bits === 32) {
      const place = cluster * 4;
      this.bytes.writeUInt32LE(((this.bytes.readUInt32LE(place) & 0xf000_0000) | value) >>> 0, place);
    } else if (bits === 16) this.bytes.writeUInt16LE(value, cluster * 2);
    else {
      const place = cluster + (cluster >> 1);
      const pair = this.bytes.readUInt16LE(place);
      this.bytes.writeUInt16LE(cluster % 2 === 0 ? (pair & 0xf000) | value : (pair & 0xf) | (value << 4), place);
    }
  }
}
