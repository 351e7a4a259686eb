// Generates the program around a kernel that is a library, as `cargo osdk build` does: a crate with an entry
// for panics, a linker script, and the compiler flags of the kernel (source: OSDK of 2026; the texts are
// original). A file that already has the right text is not written again.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parse, stringify } from 'smol-toml';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { parseTomlFields } from '../core/fields.ts';

/** The package of a kernel, in a workspace with the framework. */
export interface KernelPackage {
  readonly name: string;
  /** Absolute path. */
  readonly folder: string;
  readonly features: readonly string[];
  /** Absolute path of the workspace's folder. */
  readonly workspace: string;
}

/** The tests that the program runs. Without a choice, it runs all tests. */
export interface TestChoice {
  readonly crate?: string | undefined;
  /** The last part of a test's path: "tests::a_test". */
  readonly name?: string | undefined;
}

/** The target of kernels on x86-64, which is built into rustc. */
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

/** Returns the name of the generated package. */
export function baseCrateName({ name }: Pick<KernelPackage, 'name'>): string {
  return `${name}-osdk-bin`;
}

/**
 * Writes the crate below the target folder of the workspace and returns its folder. `program` is the name of
 * the program. `test`: the program runs tests, which are compiled with the configuration `ktest`.
 */
export async function writeBaseCrate(kernel: KernelPackage, program: string, test?: TestChoice): Promise<string> {
  const lock = await absentAsUndefined(readFile(join(kernel.workspace, 'Cargo.lock'), 'utf8'));
  const crates = frameworkCrates(kernel.workspace, lock);
  const folder = join(kernel.workspace, 'target/osdk', `${kernel.name}-${test ? 'test' : 'run'}-base`);
  const flags = test ? [...rustflags, '--cfg', 'ktest'] : rustflags;
  const files: Readonly<Record<string, string>> = {
    'Cargo.toml': await manifestOf(kernel, { folder, program, crates, test: test !== undefined }),
    'src/main.rs': mainOf(kernel.name, crates !== undefined, test),
    'x86_64.ld': linkerScript,
    '.cargo/config.toml': `[target.${kernelTriple}]\nrustflags = ${JSON.stringify(flags)}\n`,
  };
  for (const [path, text] of Object.entries(files)) await writeChanged(join(folder, path), text);
  await copyLock(lock, folder);
  return folder;
}

/**
 * Copies the workspace's Cargo.lock, so that versions are the same. Cargo adds the generated package to the
 * copy, so an unchanged copy is kept next to it.
 */
async function copyLock(lock: string | undefined, folder: string): Promise<void> {
  const [own, copied] = [join(folder, 'Cargo.lock'), join(folder, 'Cargo.lock.source')];
  const before = await absentAsUndefined(readFile(copied, 'utf8'));
  if (lock === undefined || (before === lock && (await absentAsUndefined(readFile(own))) !== undefined)) return;
  await writeChanged(own, lock);
  await writeChanged(copied, lock);
}

/** Packages of the framework that the program itself uses: by their folders, or by their published version. */
type FrameworkCrates = { readonly folder: string } | { readonly version: string };

/** Returns undefined if the allocators of the framework cannot be replaced. */
function frameworkCrates(workspace: string, lock: string | undefined): FrameworkCrates | undefined {
  const folder = join(workspace, 'osdk/deps');
  if (existsSync(join(folder, 'frame-allocator/Cargo.toml'))) return { folder };
  // The framework and its allocators are published together.
  const version = lock === undefined ? undefined : /^name = "ostd"\nversion = "([^"]+)"\nsource = /m.exec(lock)?.[1];
  return version === undefined ? undefined : { version };
}

interface BaseManifest {
  readonly folder: string;
  readonly program: string;
  readonly crates: FrameworkCrates | undefined;
  readonly test: boolean;
}

async function manifestOf({ name, folder, features, workspace }: KernelPackage, base: BaseManifest): Promise<string> {
  const root = parse(await readFile(join(workspace, 'Cargo.toml'), 'utf8'));
  const { crates, program } = base;
  const dependency = { path: relative(base.folder, folder), 'default-features': false };
  const dependencyOn = (path: string): { readonly path: string } | { readonly version: string } | undefined =>
    crates && ('version' in crates ? crates : { path: relative(base.folder, join(crates.folder, path)) });
  const framework = crates && {
    'osdk-frame-allocator': dependencyOn('frame-allocator'),
    'osdk-heap-allocator': dependencyOn('heap-allocator'),
    ostd: dependencyOn('../../ostd'),
    ...(base.test && { 'osdk-test-kernel': dependencyOn('test-kernel') }),
  };
  const profile = root['profile'];
  return stringify({
    package: { name: baseCrateName({ name }), version: '0.1.0', edition: '2021', publish: false },
    bin: [{ name: program, path: 'src/main.rs', test: false, bench: false }],
    dependencies: { ...framework, [name]: dependency },
    features: Object.fromEntries(
      features.map((feature) => [feature, feature === 'default' ? [`${name}/default`] : [`${name}/${feature}`]]),
    ),
    // The crate is not a member of the workspace around it.
    workspace: {},
    ...(typeof profile === 'object' && { profile }),
  });
}

/**
 * Returns the main file. `hasAllocators`: the framework looks for two allocators by their symbols, and the
 * program contains default ones for a kernel without its own.
 */
function mainOf(kernel: string, hasAllocators: boolean, test: TestChoice | undefined): string {
  const parts = [programOf(kernel, hasAllocators), ...(hasAllocators ? [allocators] : []), ...(test ? [testsOf(test, hasAllocators)] : [])];
  return parts.join('\n');
}

function programOf(kernel: string, isLinkedWeakly: boolean): string {
  return `// Generated from the kernel's manifest. It is compared with each build and written again when it differs.
#![no_std]
#![no_main]
${isLinkedWeakly ? '#![feature(linkage)]\n' : ''}
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

/** The newer and the older name of the function that returns the slot for a size. */
const allocators = `#[no_mangle]
#[linkage = "weak"]
static __GLOBAL_FRAME_ALLOCATOR_REF: &'static dyn ostd::mm::frame::GlobalFrameAllocator = &osdk_frame_allocator::FrameAllocator;

#[no_mangle]
#[linkage = "weak"]
static __GLOBAL_HEAP_ALLOCATOR_REF: &'static dyn ostd::mm::heap::GlobalHeapAllocator = &osdk_heap_allocator::HeapAllocator;

#[no_mangle]
#[linkage = "weak"]
fn __global_heap_slot_info_from_layout(layout: core::alloc::Layout) -> Option<ostd::mm::heap::SlotInfo> {
    osdk_heap_allocator::type_from_layout(layout)
}

#[no_mangle]
#[linkage = "weak"]
#[allow(non_snake_case)]
fn __GLOBAL_HEAP_SLOT_INFO_FROM_LAYOUT(layout: core::alloc::Layout) -> Option<ostd::mm::heap::SlotInfo> {
    osdk_heap_allocator::type_from_layout(layout)
}
`;

/**
 * Returns the lists from which the test runner chooses. Its own list has a crate's tests under the name of
 * the package.
 */
function testsOf({ crate, name }: TestChoice, hasRunner: boolean): string {
  const list = (word: string | undefined): string => (word === undefined ? 'None' : `Some(&[${JSON.stringify(word)}])`);
  return `${hasRunner ? 'extern crate osdk_test_kernel;\n\n' : ''}#[no_mangle]
pub static KTEST_TEST_WHITELIST: Option<&[&str]> = ${list(name)};
#[no_mangle]
pub static KTEST_CRATE_WHITELIST: Option<&[&str]> = ${list(crate)};
`;
}

const rustflags = [
  ...['-C', 'link-arg=-Tx86_64.ld', '-C', 'link-arg=--no-pie', '-C', 'link-arg=-zmax-page-size=0x1000'],
  ...['-C', 'relocation-model=static', '-C', 'relro-level=off', '-C', 'force-unwind-tables=yes'],
  ...['--check-cfg', 'cfg(ktest)', '-C', 'no-redzone=y', '-C', 'target-feature=+ermsb'],
];

/**
 * The addresses, sections and symbols that the framework expects (source: OSDK's script for x86-64, of 2026).
 * Code of the first processor is at its physical address. Code of the other processors is linked for the
 * first megabyte, to which the first processor copies it. Everything else is in the last 2 GiB of addresses.
 * Each kind of content begins on its own page, as GRUB requires.
 */
const linkerScript = `ENTRY(__multiboot_boot)
OUTPUT_ARCH(i386:x86-64)
OUTPUT_FORMAT(elf64-x86-64)

KERNEL_LMA = 0x8000000;
BSP_BOOT_LMA = 0x8001000;
AP_EXEC_MA = 0x8000;
KERNEL_VMA = 0xffffffff80000000;

PHDRS
{
    header PT_LOAD FLAGS(4);
    note PT_NOTE FLAGS(4);
    bsp_boot PT_LOAD FLAGS(7);
    ap_boot PT_LOAD FLAGS(7);
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}

SECTIONS
{
    . = KERNEL_LMA + KERNEL_VMA;
    __kernel_start = .;
    PROVIDE(__executable_start = .);
    .multiboot_header : AT(ADDR(.multiboot_header) - KERNEL_VMA) { KEEP(*(.multiboot_header)) } :header
    .multiboot2_header : AT(ADDR(.multiboot2_header) - KERNEL_VMA) ALIGN(8) { KEEP(*(.multiboot2_header)) } :header
    .note.Xen : AT(ADDR(.note.Xen) - KERNEL_VMA) ALIGN(4) { KEEP(*(.note.Xen)) } :header :note

    . = BSP_BOOT_LMA;
    .bsp_boot : AT(ADDR(.bsp_boot)) { KEEP(*(.bsp_boot)) } :bsp_boot
    .bsp_boot.stack : AT(ADDR(.bsp_boot.stack)) ALIGN(4096) { KEEP(*(.bsp_boot.stack)) . = ALIGN(4096); } :bsp_boot

    . = AP_EXEC_MA;
    .ap_boot : AT(LOADADDR(.bsp_boot.stack) + SIZEOF(.bsp_boot.stack)) {
        __ap_boot_start = LOADADDR(.ap_boot) + KERNEL_VMA;
        KEEP(*(.ap_boot))
        __ap_boot_end = __ap_boot_start + (. - AP_EXEC_MA);
        . = ALIGN(4096);
    } :ap_boot

    . = LOADADDR(.ap_boot) + SIZEOF(.ap_boot) + KERNEL_VMA;
    .text : AT(ADDR(.text) - KERNEL_VMA) ALIGN(4096) { *(.text .text.*) PROVIDE(__etext = .); } :text

    . = ALIGN(4096);
    .ex_table : AT(ADDR(.ex_table) - KERNEL_VMA) ALIGN(8) { __ex_table = .; KEEP(*(SORT(.ex_table))) __ex_table_end = .; } :rodata
    .ktest_array : AT(ADDR(.ktest_array) - KERNEL_VMA) ALIGN(8) { __ktest_array = .; KEEP(*(SORT(.ktest_array))) __ktest_array_end = .; } :rodata
    .init_array : AT(ADDR(.init_array) - KERNEL_VMA) ALIGN(8) { __sinit_array = .; KEEP(*(SORT(.init_array .init_array.*))) __einit_array = .; } :rodata
    .sensitive_io_ports : AT(ADDR(.sensitive_io_ports) - KERNEL_VMA) ALIGN(8) {
        __sensitive_io_ports_start = .; KEEP(*(.sensitive_io_ports)) __sensitive_io_ports_end = .;
    } :rodata
    .rodata : AT(ADDR(.rodata) - KERNEL_VMA) { *(.rodata .rodata.*) } :rodata
    .eh_frame_hdr : AT(ADDR(.eh_frame_hdr) - KERNEL_VMA) { PROVIDE(__GNU_EH_FRAME_HDR = .); KEEP(*(.eh_frame_hdr .eh_frame_hdr.*)) } :rodata
    .eh_frame : AT(ADDR(.eh_frame) - KERNEL_VMA) ALIGN(8) { PROVIDE(__eh_frame = .); KEEP(*(.eh_frame .eh_frame.*)) } :rodata
    .gcc_except_table : AT(ADDR(.gcc_except_table) - KERNEL_VMA) { *(.gcc_except_table .gcc_except_table.*) } :rodata

    . = ALIGN(4096);
    .data : AT(ADDR(.data) - KERNEL_VMA) { *(.data .data.* .got .got.*) } :data
    . = ALIGN(4096);
    __cpu_local_start = .;
    .cpu_local_tss : AT(ADDR(.cpu_local_tss) - KERNEL_VMA) { *(.cpu_local_tss) } :data
    .cpu_local : AT(ADDR(.cpu_local) - KERNEL_VMA) { KEEP(*(SORT(.cpu_local))) } :data
    __cpu_local_end = .;
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
