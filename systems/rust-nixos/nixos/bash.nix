# Replaces only the interactive bash by a shell in Rust. The bash without line editing runs stage 1 and the activation scripts,
# and these stop the machine if a shell differs slightly. `rustPackages.bash` is a drop-in: bin/bash and bin/sh.
{ pkgs, rustPackages, ... }:
let
  sameLength = import ./same-length.nix { inherit pkgs; };
in
{
  system.replaceDependencies.replacements = [
    {
      oldDependency = pkgs.bashInteractive;
      newDependency = sameLength pkgs.bashInteractive rustPackages.bash;
    }
  ];
}
