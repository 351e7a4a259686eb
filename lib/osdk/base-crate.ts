// The program around a kernel that is a library, as `cargo osdk build` generates it: a crate with an entry for panics, a linker script, and the flags that
// the kernel is compiled with (source: facts of OSDK of 2026; the texts are our own). A file that has the right text already is not written again.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parse, stringify } from 'smol-toml';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { parseTomlFields } from '../core/fields.ts';

/** The package of a kernel, in a workspace with the framework. */
export interface KernelPackage {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  readonly features: readonly string[];
  /** The folder of the workspace, absolute. */
  readonly workspace: string;
}

/** The target of kernels on x86-64, which rustc has built in. */
export const kernelTriple = 'x86_64-unknown-none';

/** Finds the kernel of a checkout: the package in its folder "kernel". A folder without one is a Failure. */
export async function kernelPackage(workspace: string): Promise<KernelPackage> {
  const folder = join(workspace, 'kernel');
  const path = join(folder, 'Cargo.toml');
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined) throw cannot(`build the kernel in "${workspace}"`, 'it has no kernel/Cargo.toml', { blame: 'usage' });
  const manifest = parseTomlFields(text, path);
  const name = manifest.table('package')?.text('name');
  if (name === undefined) throw cannot(`read "${path}"`, 'it has no name of a package');
  return { name, folder, features: manifest.table('features')?.names() ?? [], workspace };
}

/** What the generated package is called. */
export function baseCrateName({ name }: Pick<KernelPackage, 'name'>): string {
  return `${name}-osdk-bin`;
}

/**
 * Writes the crate below the target folder of the workspace, and returns its folder. `program`: what the program is called. `test`: it runs the tests of all
 * crates, which are compiled with the configuration `ktest`.
 */
export async function writeBaseCrate(kernel: KernelPackage, program: string, test = false): Promise<string> {
  const folder = join(kernel.workspace, 'target/osdk', `${kernel.name}-${test ? 'test' : 'run'}-base`);
  const flags = test ? [...rustflags, '--cfg', 'ktest'] : rustflags;
  const files: Readonly<Record<string, string>> = {
    'Cargo.toml': await manifestOf(kernel, folder, program),
    'src/main.rs': mainOf(kernel.name),
    'x86_64.ld': linkerScript,
    '.cargo/config.toml': `[target.${kernelTriple}]\nrustflags = ${JSON.stringify(flags)}\n`,
  };
  for (const [path, text] of Object.entries(files)) await writeChanged(join(folder, path), text);
  // Versions are those of the workspace; cargo adds the generated package to the copy.
  const lock = await absentAsUndefined(readFile(join(kernel.workspace, 'Cargo.lock'), 'utf8'));
  const own = join(folder, 'Cargo.lock');
  if (lock !== undefined && (await absentAsUndefined(readFile(own))) === undefined) await writeChanged(own, lock);
  return folder;
}

async function manifestOf({ name, folder, features, workspace }: KernelPackage, base: string, program: string): Promise<string> {
  const root = parse(await readFile(join(workspace, 'Cargo.toml'), 'utf8'));
  const dependency = { path: relative(base, folder), 'default-features': false };
  const profile = root['profile'];
  return stringify({
    package: { name: baseCrateName({ name }), version: '0.1.0', edition: '2021', publish: false },
    bin: [{ name: program, path: 'src/main.rs', test: false, bench: false }],
    dependencies: { [name]: dependency },
    features: Object.fromEntries(
      features.map((feature) => [feature, feature === 'default' ? [`${name}/default`] : [`${name}/${feature}`]]),
    ),
    // It is no member of the workspace around it.
    workspace: {},
    ...(typeof profile === 'object' && { profile }),
  });
}

function mainOf(kernel: string): string {
  return `// Generated from the kernel's manifest. It is compared with each build and written again when it differs.
#![no_std]
#![no_main]

extern crate ${kernel.replaceAll('-', '_')};

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    extern "Rust" {
        fn __ostd_panic_handler(info: &core::panic::PanicInfo) -> !;
    }
    unsafe { __ostd_panic_handler(info) }
}
`;
}

const rustflags = [
  ...['-C', 'link-arg=-Tx86_64.ld', '-C', 'link-arg=--no-pie', '-C', 'link-arg=-zmax-page-size=0x1000'],
  ...['-C', 'relocation-model=static', '-C', 'relro-level=off', '-C', 'force-unwind-tables=yes'],
  ...['--check-cfg', 'cfg(ktest)', '-C', 'no-redzone=y', '-C', 'target-feature=+ermsb'],
];

/** Headers first, then code at its physical address, then everything else at the last 2 GiB; each kind of content in segments of whole pages. */
const linkerScript = `ENTRY(__multiboot_boot)
OUTPUT_FORMAT(elf64-x86-64)

KERNEL_LMA = 0x8000000;
KERNEL_VMA = 0xffffffff80000000;

PHDRS
{
    header PT_LOAD FLAGS(4);
    note PT_NOTE FLAGS(4);
    bsp_boot PT_LOAD FLAGS(7);
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}

SECTIONS
{
    . = KERNEL_LMA;
    __kernel_start = . + KERNEL_VMA;
    .multiboot_header : ALIGN(8) { KEEP(*(.multiboot_header)) } :header
    .multiboot2_header : ALIGN(8) { KEEP(*(.multiboot2_header)) } :header
    .note.Xen : ALIGN(4) { KEEP(*(.note.Xen)) } :header :note

    .bsp_boot : ALIGN(4096) { KEEP(*(.bsp_boot)) } :bsp_boot
    .bsp_boot.stack : ALIGN(4096) { KEEP(*(.bsp_boot.stack)) } :bsp_boot

    . = ALIGN(4096) + KERNEL_VMA;
    .text : AT(ADDR(.text) - KERNEL_VMA) { *(.text .text.*) } :text

    .rodata : AT(ADDR(.rodata) - KERNEL_VMA) ALIGN(4096) { *(.rodata .rodata.*) } :rodata
    .eh_frame_hdr : AT(ADDR(.eh_frame_hdr) - KERNEL_VMA) { KEEP(*(.eh_frame_hdr .eh_frame_hdr.*)) } :rodata
    .eh_frame : AT(ADDR(.eh_frame) - KERNEL_VMA) ALIGN(8) { KEEP(*(.eh_frame .eh_frame.*)) } :rodata
    .gcc_except_table : AT(ADDR(.gcc_except_table) - KERNEL_VMA) { *(.gcc_except_table .gcc_except_table.*) } :rodata
    .ex_table : AT(ADDR(.ex_table) - KERNEL_VMA) ALIGN(8) { __ex_table = .; KEEP(*(SORT(.ex_table))) __ex_table_end = .; } :rodata

    .data : AT(ADDR(.data) - KERNEL_VMA) ALIGN(4096) { *(.data .data.* .got .got.*) } :data
    .init_array : AT(ADDR(.init_array) - KERNEL_VMA) ALIGN(8) { __sinit_array = .; KEEP(*(SORT(.init_array .init_array.*))) __einit_array = .; } :data
    .ktest_array : AT(ADDR(.ktest_array) - KERNEL_VMA) ALIGN(8) { __ktest_array = .; KEEP(*(SORT(.ktest_array))) __ktest_array_end = .; } :data
    .cpu_local : AT(ADDR(.cpu_local) - KERNEL_VMA) ALIGN(4096) { __cpu_local_start = .; KEEP(*(SORT(.cpu_local*))) __cpu_local_end = .; } :data
    .bss : AT(ADDR(.bss) - KERNEL_VMA) ALIGN(4096) { __bss = .; *(.bss .bss.* COMMON) __bss_end = .; } :data
    . = ALIGN(4096);
    __kernel_end = .;

    /DISCARD/ : { *(.comment) }
}
`;

async function writeChanged(path: string, text: string): Promise<void> {
  if ((await absentAsUndefined(readFile(path, 'utf8'))) === text) return;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.partial`, text);
    await rename(`${path}.partial`, path);
  } catch (error) {
    throw cannotBecause(`write "${path}"`, error);
  }
}
