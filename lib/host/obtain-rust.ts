// Obtains a Rust toolchain that can build everything, by the first of these ways that works: the source of
// the standard library for an installed toolchain, the stable toolchain of rustup, or Debian's packages
// unpacked in the cache. Only `doctor --install` calls this.
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { AptHost } from '../sources/debian/apt-root.ts';
import { hasBareLinker, listToolchains } from '../crates/toolchain/toolchain.ts';
import { chooseToolchain, isTooOld, leastRelease } from '../crates/toolchain/choice.ts';
import type { Toolchain } from '../crates/toolchain/toolchain.ts';
import { debianToolchain } from './debian-toolchain.ts';
import { obtainRustSrc } from './rust-src-download.ts';
import { rustupToolchain } from './rustup-toolchain.ts';

/** Obtains what is missing. Throws a Failure (host) with the reason of each way if all of them fail. */
export async function obtainRust(host: AptHost, context: Context): Promise<void> {
  const all = await listToolchains(host, context);
  const usable = (await inOrder(all, host, context)).filter(hasBareLinker);
  const refusals: string[] = [];
  if (usable.length > 0) {
    const source = await obtainRustSrc(usable, host, context);
    if ('rustSrc' in source) return;
    refusals.push(...source);
  }
  for (const way of [() => rustupToolchain(host, context), () => debianToolchain(host, context)]) {
    const toolchain = await way();
    context.signal.throwIfAborted();
    if (typeof toolchain !== 'string') {
      context.report({
        kind: 'note',
        text: `Rust: ${toolchain.name} (${toolchain.release}), because ${[reasonOf(all), ...refusals].join('; ')}`,
      });
      return;
    }
    refusals.push(toolchain);
  }
  throw cannot('get a Rust toolchain that compiles the standard library', [reasonOf(all), ...refusals].join('; '), {
    blame: 'host',
    hint:
      'install rustup and run "rustup toolchain install stable --component rust-src", or give --rust-src DIR|ARCHIVE (or BLOOMERY_RUST_SRC) ' +
      'with a rust-src of the same minor version as an installed rustc',
  });
}

function reasonOf(all: readonly Toolchain[]): string {
  if (all.length === 0) return 'no Rust is installed';
  const lack = (toolchain: Toolchain): string =>
    isTooOld(toolchain)
      ? `is older than ${leastRelease}`
      : hasBareLinker(toolchain)
        ? 'has no source of the standard library with its dependencies'
        : 'has no rust-lld';
  return all.map((toolchain) => `${toolchain.name} (${toolchain.release}) ${lack(toolchain)}`).join(', ');
}

/** Returns the toolchain that would be chosen, then the others that are new enough. */
async function inOrder(all: readonly Toolchain[], host: AptHost, context: Context): Promise<readonly Toolchain[]> {
  const usable = all.filter((toolchain) => !isTooOld(toolchain));
  if (usable.length === 0) return [];
  const { toolchain: preferred } = await chooseToolchain({ env: host.env, cacheDir: host.cacheDir, needsRustSrc: false }, context);
  return [preferred, ...usable.filter(({ name }) => name !== preferred.name)];
}
