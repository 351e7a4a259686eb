# One line per task and no logic: with npx in front, every recipe is a command that works without just. Use `npx just` if the host has no just.
system := "redox"

# Node caches compiled modules, so a task starts in half the time.
export NODE_COMPILE_CACHE := justfile_directory() / "node_modules/.cache/node"

# zx and Node 24 of the packages, without the time that npx takes to find them.
export PATH := justfile_directory() / "node_modules/.bin:" + env("PATH")

# Lists the recipes.
default:
    @just --list --unsorted

# Compiles a system's components and assembles its image.
build *flags:
    zx tasks/build.ts {{system}} {{flags}}

# Boots the image and judges its serial console.
test *flags:
    zx test-boot.ts {{system}} {{flags}}

# The same, with a limit of SECONDS.
test-timeout seconds:
    zx test-boot.ts {{system}} --timeout {{seconds}}

# The same, and keeps the transcript in FILE.
test-log file:
    zx test-boot.ts {{system}} --log {{quote(file)}}

# The same, but shows only the verdict.
test-quiet:
    zx test-boot.ts {{system}} --quiet

# The same, and leaves the machine running afterwards.
test-keep:
    zx test-boot.ts {{system}} --keep

# Boots the image with the serial console on this terminal.
run *flags:
    zx tasks/run.ts {{system}} {{flags}}

# Watches sources: builds, boots and judges after each change.
dev *flags:
    zx tasks/dev.ts {{system}} {{flags}}

# Controls a running machine: list, info, pause, resume, resize, snapshot, screenshot, shutdown.
vm *words:
    zx tasks/vm.ts {{words}}

# Reads an image: ls, cat, extract, verify.
image *words:
    zx tasks/image.ts {{words}}

# Compiles any Cargo project against the cache.
crates *words:
    zx tasks/crates.ts {{words}}

# Checks whether this host has everything that is needed; --install installs the rest.
doctor *flags:
    zx tasks/doctor.ts {{flags}}

# Checks the types and runs every test.
check:
    npm test
