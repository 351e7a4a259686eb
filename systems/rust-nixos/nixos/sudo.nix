# Replaces sudo by sudo-rs. NixOS has a module for it, so no references are rewritten. Users in wheel need no password, for tests.
{ ... }:
{
  security.sudo.enable = false;
  security.sudo-rs = {
    enable = true;
    wheelNeedsPassword = false;
  };
}
