// Vendored crates: the crates that a Cargo.lock names, downloaded and verified by `cargo vendor`, in a folder
// of the cache that is named after the text of the lock. The folder also has the configuration that makes
// cargo use them.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { digestBytes } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import { gitEnv } from './git.ts';
import type { DownloadHost, Mirror } from './download.ts';

export interface VendorRequest {
  readonly name: string;
  /** Absolute path of the folder with Cargo.toml and Cargo.lock. */
  readonly project: string;
  /** Absolute path of a toolchain's folder. */
  readonly sysroot: string;
  readonly cacheDir: string;
  readonly host: DownloadHost;
}

/** Raised if the folder for the same lock has another content. */
const version = 1;
/** Cargo's name for its registry; `--mirror crates-io=URL` names another index. */
const registry = 'crates-io';

/** Returns the path of the configuration for a project's crates; undefined if its lock is missing or names no crates. The path need not exist. */
export async function vendorConfig(project: string, cacheDir: string): Promise<string | undefined> {
  const text = await absentAsUndefined(readFile(join(project, 'Cargo.lock'), 'utf8'));
  if (text === undefined || !/^source = /m.test(text)) return undefined;
  return join(cacheDir, 'upstream', `crates-${digestBytes(Buffer.from(`${version}\n${text}`)).slice(0, 24)}`, '.cargo', 'config.toml');
}

/** Vendors the crates of a project unless they are in the cache. Returns whether it did. Throws a Failure with cargo's own text. */
export async function vendorCrates({ name, project, sysroot, cacheDir, host }: VendorRequest, context: Context): Promise<boolean> {
  const config = await vendorConfig(project, cacheDir);
  if (config === undefined) return false;
  const folder = join(config, '../..');
  if (existsSync(folder)) {
    await markUsed(folder);
    return false;
  }
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(join(partial, '.cargo'), { recursive: true });
    const crates = join(partial, 'vendor');
    const words = [
      'vendor',
      '--locked',
      '--versioned-dirs',
      '--manifest-path',
      join(project, 'Cargo.toml'),
      ...registryWords(host.mirrors),
    ];
    const env = {
      ...gitEnv(host),
      RUSTC: join(sysroot, 'bin/rustc'),
      CARGO_HOME: join(cacheDir, 'upstream', 'cargo-home'),
      CARGO_NET_GIT_FETCH_WITH_CLI: 'true',
      CARGO_TERM_COLOR: 'never',
      RUSTC_BOOTSTRAP: '1', // manifests may name features of a nightly cargo; nothing is compiled here
    };
    // cargo reads the configuration of its working folder. "/" has no configuration of the user or the
    // project.
    const { exitCode, stdout, stderr } = await run([join(sysroot, 'bin/cargo'), ...words, crates], {
      ...{ cwd: '/', env, signal: context.signal },
      onStderr: progressOf(name, context),
    });
    context.signal.throwIfAborted();
    if (exitCode !== 0) throw vendorFailure(name, stderr);
    await writeFile(join(partial, '.cargo', 'config.toml'), stdout.replaceAll(JSON.stringify(crates), '"vendor"'));
    await rename(partial, folder);
    await markUsed(folder);
    return true;
  } catch (error) {
    throw cannotBecause(`write to "${folder}"`, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** A mirror of the registry's index replaces crates.io. The checksums of Cargo.lock are valid for it, too. */
function registryWords(mirrors: readonly Mirror[]): readonly string[] {
  const index = mirrors.findLast(({ from }) => from === registry)?.to;
  if (index === undefined) return [];
  const settings = [`source.${registry}.replace-with="mirror"`, `source.mirror.registry=${JSON.stringify(`sparse+${index}`)}`];
  return ['--respect-source-config', ...settings.flatMap((setting) => ['--config', setting])];
}

function progressOf(name: string, { report }: Context): (chunk: string) => void {
  let done = 0;
  return (chunk) => {
    done += chunk.match(/^\s*(?:Vendoring|Downloaded) /gm)?.length ?? 0;
    if (done > 0) report({ kind: 'progress', phase: `vendoring the crates of ${name}`, done, total: 0 });
  };
}

function vendorFailure(name: string, stderr: string): Error {
  const what = `vendor the crates of ${name}`;
  const detail = stderr.trim();
  if (/checksum/i.test(detail) && /changed|mismatch|verify/i.test(detail)) {
    return cannot(what, 'a crate does not have the checksum of Cargo.lock', {
      detail,
      hint: 'do not trust the registry or mirror that it came from',
    });
  }
  if (/needs to be updated|--locked was passed/.test(detail)) {
    return cannot(what, 'its Cargo.lock does not match its Cargo.toml', { detail, hint: 'upstream has to update its Cargo.lock' });
  }
  if (/could not resolve host|connect|timed out|network|spurious/i.test(detail)) {
    const hint = `check the network, or name a copy with --mirror ${registry}=URL; fetched sources are kept`;
    return cannot(what, 'the registry or a git server cannot be reached', { blame: 'host', detail, hint });
  }
  return cannot(what, 'cargo vendor failed', { detail });
}
