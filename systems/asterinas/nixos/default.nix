# AsterNixOS: a NixOS whose kernel is Asterinas. nix-build -A asterinas --arg rustPackages '{ kernel = ...; }', or build.ts asterinas --base nix. Written for
# nixpkgs of 25.11. `rustPackages.kernel` has bin/asterinas-osdk-bin; `configuration` is a module of your own.
{
  nixpkgs ? <nixpkgs>,
  system ? "x86_64-linux",
  rustPackages,
  configuration ? { },
}:
{
  asterinas =
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit system;
      specialArgs = { inherit rustPackages; };
      modules = [
        ./kernel.nix
        ./services.nix
        configuration
      ];
    }).config.system.build.toplevel;
}
