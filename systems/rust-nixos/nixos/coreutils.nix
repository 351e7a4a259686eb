# Replaces GNU coreutils by uutils in all built packages: references are rewritten and nothing is rebuilt. The initramfs is left
# out (cutoffPackages), because it is compressed and would break. `rustPackages.coreutils` comes first, and commands that it
# lacks come from nixpkgs.
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
