# One line per task and no logic: every recipe is a command that can be typed without just. `npx just` where the host has no just.
system := "redox"

# Node keeps what it compiled: a task starts in half the time.
export NODE_COMPILE_CACHE := justfile_directory() / "node_modules/.cache/node"

# Lists the recipes.
default:
    @just --list --unsorted

# Compiles a system's components and assembles its image.
build *flags:
    npx zx tasks/build.ts {{system}} {{flags}}

# Boots the image and judges its serial console.
test *flags:
    npx zx test-boot.ts {{system}} {{flags}}

# The same, but gives up after SECONDS.
test-timeout seconds:
    npx zx test-boot.ts {{system}} --timeout {{seconds}}

# The same, and keeps the transcript in FILE.
test-log file:
    npx zx test-boot.ts {{system}} --log {{quote(file)}}

# The same, but shows only the verdict.
test-quiet:
    npx zx test-boot.ts {{system}} --quiet

# The same, and leaves the machine running afterwards.
test-keep:
    npx zx test-boot.ts {{system}} --keep

# Boots the image with the serial console on this terminal.
run *flags:
    npx zx tasks/run.ts {{system}} {{flags}}

# Watches sources: builds, boots and judges after each change.
dev *flags:
    npx zx tasks/dev.ts {{system}} {{flags}}

# Looks after a machine that runs: list, info, pause, resume, resize, snapshot, screenshot, shutdown.
vm *words:
    npx zx tasks/vm.ts {{words}}

# Reads an image: ls, cat, extract, verify.
image *words:
    npx zx tasks/image.ts {{words}}

# Compiles any Cargo project against the cache.
crates *words:
    npx zx tasks/crates.ts {{words}}

# Looks whether this host has what is needed; --install gets it.
doctor *flags:
    npx zx tasks/doctor.ts {{flags}}

# Checks the types and runs every test.
check:
    npm test
