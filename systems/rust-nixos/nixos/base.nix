# A small NixOS for a virtual machine: a serial console, one user, a network by DHCP. It has no Rust programs. The other modules replace parts
# of it, so that closures with and without them can be compared.
{ lib, modulesPath, ... }:
{
  imports = [ (modulesPath + "/profiles/qemu-guest.nix") ];

  system.name = "rust-nixos";
  system.stateVersion = "25.11";

  # The kernel is started directly, so there is no boot loader to install.
  boot.loader.grub.enable = false;
  boot.kernelParams = [
    "console=ttyS0"
    "init=/nix/var/nix/profiles/system/init"
    "panic=-1"
  ];

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    autoResize = true;
  };

  networking.useDHCP = false;
  networking.useNetworkd = true;
  systemd.network.networks."10-ethernet" = {
    matchConfig.Name = "en* eth*";
    networkConfig = {
      DHCP = "ipv4";
      IPv6AcceptRA = true;
    };
    dhcpV4Config = {
      UseDNS = true;
      UseRoutes = true;
    };
  };
  # A machine without a network boots as well.
  systemd.network.wait-online.enable = false;

  users.mutableUsers = false;
  users.users.nixos = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    # For a machine that only a test talks to.
    password = "nixos";
  };
  services.getty.autologinUser = lib.mkDefault "nixos";
}
