# uutils in the place of GNU coreutils, in everything that is already built: a swap of references, no rebuild of the world. NixOS does not look into the
# initramfs (cutoffPackages), because it is compressed and would break. `rustPackages.coreutils` goes first; what it lacks is of nixpkgs.
{ pkgs, rustPackages, ... }:
let
  sameLength = import ./same-length.nix { inherit pkgs; };
  uutils = pkgs.uutils-coreutils-noprefix;
  both = pkgs.runCommandLocal "rust-coreutils" { } ''
    mkdir -p $out/bin
    ln -s ${rustPackages.coreutils}/bin/* $out/bin/
    for program in ${uutils}/bin/*; do
      if [ ! -e $out/bin/''${program##*/} ]; then ln -s $program $out/bin/; fi
    done
  '';
  swapped = original: {
    oldDependency = original;
    newDependency = sameLength original (if rustPackages ? coreutils then both else uutils);
  };
in
{
  system.replaceDependencies.replacements = map swapped [
    pkgs.coreutils
    pkgs.coreutils-full
  ];
}
