# The services of NixOS that Asterinas cannot run yet are off; root logs in by itself on the console.
{ lib, ... }:
{
  systemd.coredump.enable = false;
  systemd.oomd.enable = false;
  services.logrotate.enable = false;
  services.timesyncd.enable = false;
  services.udev.enable = false;
  networking.resolvconf.enable = false;
  networking.useDHCP = false;
  documentation.info.enable = false;

  services.getty.autologinUser = lib.mkDefault "root";
  users.mutableUsers = false;
  # For a machine that only a test talks to.
  users.users.root.password = "";
  # Nobody reads a progress that a console of 115200 baud would show.
  systemd.settings.Manager = {
    LogLevel = "crit";
    ShowStatus = false;
  };
}
