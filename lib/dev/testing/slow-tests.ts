// Files of tests that `npm run test:fast` leaves out: they need QEMU, Nix or packages of Debian, or take long. As measured in a run of all tests.

export const slowTests: ReadonlySet<string> = new Set<string>([]);
