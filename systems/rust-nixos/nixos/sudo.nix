# sudo-rs in the place of sudo. NixOS has a module for it: no swap is needed. wheel may use it without a password, so that a test can.
{ ... }:
{
  security.sudo.enable = false;
  security.sudo-rs = {
    enable = true;
    wheelNeedsPassword = false;
  };
}
