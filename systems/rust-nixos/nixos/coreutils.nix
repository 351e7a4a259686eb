# uutils in the place of GNU coreutils, in everything that is already built: a swap of references, no rebuild of the world. NixOS does not look into the
# initramfs (cutoffPackages), because it is compressed and would break.
{ pkgs, ... }:
let
  sameLength = import ./same-length.nix { inherit pkgs; };
  swapped = original: {
    oldDependency = original;
    newDependency = sameLength original pkgs.uutils-coreutils-noprefix;
  };
in
{
  system.replaceDependencies.replacements = map swapped [
    pkgs.coreutils
    pkgs.coreutils-full
  ];
}
