// The C library of a system as its page describes it: where its source is, how make builds it, and what is linked with it.
import type { Component } from './component.ts';

export interface CLibrary extends Pick<Component, 'title' | 'bundled' | 'upstream'> {
  /** The name for --source, and of its recipe in a cookbook. */
  readonly name: string;
  readonly make: MakeBuild;
  /** The triple of the programs that are linked with it. */
  readonly triple: string;
  /** A file of Cargo configuration with the flags for the triple, relative to the folder of the page. */
  readonly cargoConfig: string;
  /** A recipe, relative to the folder of the page, that builds what programs name and the library may lack. It is linked with, and not installed. */
  readonly supplement?: string;
  /** Crates of the standard library that programs compile if the toolchain does not have it for the triple. */
  readonly buildStd: readonly string[];
}

/** What `make install` needs: it runs in a copy of the source and installs into DESTDIR. */
export interface MakeBuild {
  /** Words of make's command line: "CC=clang". */
  readonly arguments: readonly string[];
  /** Programs that it may run. They count by content. With "cargo" the toolchain is there too. */
  readonly programs: readonly string[];
}
