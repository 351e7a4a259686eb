# A shell in Rust in the place of the interactive bash alone. The one without line editing runs stage 1 and the activation scripts, and those stop the
# machine where a shell differs in the least. `rustPackages.bash` is a drop-in: bin/bash and bin/sh.
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
