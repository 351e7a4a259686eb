# Programs in Rust with the units, rules and data of systemd in C: files of `rustPackages.systemd` replace those of the same name,
# and the others are kept. No references are rewritten: NixOS has an option for the package, and reads its features from it.
{ lib, pkgs, rustPackages, ... }:
let
  has = names: lib.genAttrs names (_: true);
  lacks = names: lib.genAttrs names (_: false);

  overlaid = pkgs.runCommandLocal "systemd-${pkgs.systemd.version}" {
    passthru = {
      inherit (pkgs.systemd) version;
      inherit (pkgs) kbd kmod util-linux;
      interfaceVersion = 2;
    }
    // has [
      "withHostnamed"
      "withLocaled"
      "withMachined"
      "withNetworkd"
      "withHomed"
      "withPortabled"
      "withTimedated"
    ]
    // lacks [
      "withBootloader"
      "withCryptsetup"
      "withEfi"
      "withFido2"
      "withImportd"
      "withKmod"
      "withSysupdate"
      "withTpm2Units"
      "withUtmp"
    ];
  } ''
    cp -r --no-preserve=mode ${pkgs.systemd} $out
    # Units start programs by their whole path, and programs have their own in them. The new path is as long as the old one.
    grep -rlF ${pkgs.systemd} $out | xargs --no-run-if-empty sed -i "s|${pkgs.systemd}|$out|g"
    chmod -R +x $out/bin $out/lib/systemd
    cp -rf --remove-destination ${rustPackages.systemd}/. $out/
  '';

  # udevd has the folder of its own rules compiled in, so that only /etc can put others before them: those that start systemctl.
  rules = pkgs.runCommandLocal "systemd-udev-rules" { } ''
    mkdir -p $out/lib/udev/rules.d
    for rule in ${overlaid}/lib/udev/rules.d/*; do
      if grep -q systemctl $rule; then cp $rule $out/lib/udev/rules.d/; fi
    done
  '';
in
{
  systemd.package = overlaid;
  services.udev.packages = [ rules ];

  # What the Rust programs do not do yet. Mount namespaces of their own end these services.
  systemd.services.systemd-resolved.serviceConfig.PrivateDevices = lib.mkForce false;
  systemd.services.systemd-timesyncd.serviceConfig.PrivateDevices = lib.mkForce false;
  # It asks networkd over Varlink.
  systemd.network.wait-online.enable = lib.mkForce false;
  services.resolved = {
    enable = true;
    dnssec = "allow-downgrade";
    llmnr = "true";
  };
}
