# Two comparable systems: nix-build -A vanilla, nix-build -A rust (or one of the parts alone). Written for nixpkgs with
# system.replaceDependencies (24.11 and later). `rustPackages` has the packages "bash", "coreutils" and "systemd". Without the
# first or the last, its module is left out. Without "coreutils", nixpkgs' own is used.
{
  nixpkgs ? <nixpkgs>,
  system ? "x86_64-linux",
  rustPackages ? { },
}:
let
  toplevel =
    modules:
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      inherit system;
      specialArgs = { inherit rustPackages; };
      modules = [ ./base.nix ] ++ modules;
    }).config.system.build.toplevel;
  where = name: module: if rustPackages ? ${name} then [ module ] else [ ];
in
rec {
  vanilla = toplevel [ ];
  coreutils = toplevel [ ./coreutils.nix ];
  sudo = toplevel [ ./sudo.nix ];
  rust = toplevel ([ ./coreutils.nix ./sudo.nix ] ++ where "bash" ./bash.nix ++ where "systemd" ./systemd.nix);
}
