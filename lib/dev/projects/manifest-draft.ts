// A TOML file that is composed of lines of several features.
import type { Tables } from './feature.ts';

export class ManifestDraft {
  readonly #tables = new Map<string, Map<string, string>>();

  /**
   * Adds the lines of each table. The first line of a key is kept. A table "[bin]x" is an element of the
   * array [[bin]].
   */
  add(tables: Tables): void {
    for (const [table, text] of Object.entries(tables)) {
      const lines = this.#tables.get(table) ?? new Map<string, string>();
      this.#tables.set(table, lines);
      for (const line of text.split('\n').filter((line) => line !== '')) {
        const key = /^[\w-]+/.exec(line)?.[0] ?? line;
        if (!lines.has(key)) lines.set(key, line);
      }
    }
  }

  get empty(): boolean {
    return this.#tables.size === 0;
  }

  /** The lines of each table. */
  get tables(): Tables {
    return Object.fromEntries([...this.#tables].map(([name, lines]) => [name, [...lines.values()].join('\n')]));
  }

  /** Returns the text of the file: keys outside of tables, then tables in the order in which they were added. */
  get text(): string {
    const top = [...(this.#tables.get('')?.values() ?? [])];
    const tables = [...this.#tables].filter(([name]) => name !== '');
    const headed = tables.map(([name, lines]) => [header(name), ...lines.values(), ''].join('\n'));
    return [...(top.length > 0 ? [...top, ''] : []), ...headed].join('\n');
  }
}

function header(name: string): string {
  const array = /^\[(\w+)\]/.exec(name)?.[1];
  return array === undefined ? `[${name}]` : `[[${array}]]`;
}
