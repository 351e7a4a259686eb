// Digests of whole trees, of which one run asks for each once.
import type { Digest, Json } from '../../core/digest.ts';
import { byCodeUnit, digestRecord } from '../../core/digest.ts';
import { foundText } from './look-table.ts';
import type { Observations } from './observations.ts';
import type { Prefetcher } from './prefetcher.ts';
import { namesBelow, unignoredFolders } from './tree-names.ts';
import type { TreeOptions } from './tree-names.ts';
import type { TreeLook } from './written-looks.ts';

export class TreeDigests {
  readonly #observations: Observations;
  readonly #prefetcher: Prefetcher;
  /** By question, the folder and its options as JSON. */
  readonly #digests = new Map<string, Digest>();
  /** Of trees that git ignores parts of, the folders with their stamps. */
  readonly #folders = new Map<string, Readonly<Record<string, string>>>();

  constructor(observations: Observations, prefetcher: Prefetcher) {
    this.#observations = observations;
    this.#prefetcher = prefetcher;
  }

  /** The digest of everything below `dir`, with the relative names. */
  async digest(dir: string, options: TreeOptions): Promise<Digest> {
    const question = JSON.stringify([dir, options]);
    const before = this.#digests.get(question);
    if (before) return before;
    const observations = this.#observations;
    this.#prefetcher.begin(dir);
    observations.file(dir);
    const names = await namesBelow(dir, options, observations);
    const digest = digestRecord(names.sort(byCodeUnit).map((name): Json => [name, observations.file(`${dir}/${name}`) ?? null]));
    this.#digests.set(question, digest);
    if (options.gitignore) this.#folders.set(question, unignoredFolders(dir, names, observations));
    return digest;
  }

  async look(question: string): Promise<TreeLook> {
    const [dir, options] = JSON.parse(question) as [string, TreeOptions];
    return { question, found: foundText(await this.digest(dir, options)), folders: this.#folders.get(question) ?? {} };
  }

  /** The trees that git ignores parts of. Of others, the files and folders say everything. */
  looks(): readonly TreeLook[] {
    return [...this.#folders].map(([question, folders]) => ({ question, found: foundText(this.#digests.get(question)), folders }));
  }
}
