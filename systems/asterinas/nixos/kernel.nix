# Replaces Linux by Asterinas. NixOS builds neither a kernel nor an initramfs. The system gets both from here, and the command
# line too. Asterinas passes the words after "--" to the init of the initramfs.
{ pkgs, rustPackages, ... }:
let
  # The root file system is ext2, and the disk is always the first virtio disk.
  stage1 = pkgs.writeScript "stage-1" ''
    #!/bin/sh
    for word in "$@"; do
      case $word in
        root=*) root=''${word#root=} ;;
        init=*) init=''${word#init=} ;;
      esac
    done
    if [ -z "$root" ] || [ -z "$init" ]; then
      echo "stage 1: root= and init= are needed behind -- on the command line"
      exec sh
    fi
    mkdir -p /sysroot
    mount -t ext2 "$root" /sysroot
    for folder in dev proc sys; do mkdir -p /sysroot/$folder; done
    mount -t proc proc /sysroot/proc
    mount --move /dev /sysroot/dev || mount -t devtmpfs dev /sysroot/dev
    exec switch_root /sysroot "$init"
  '';
  initrd = pkgs.makeInitrd {
    contents = [
      {
        object = "${pkgs.pkgsStatic.busybox}/bin";
        symlink = "/bin";
      }
      {
        object = stage1;
        symlink = "/init";
      }
    ];
  };
in
{
  system.name = "asterinas";
  system.stateVersion = "25.11";

  boot.kernel.enable = false;
  boot.initrd.enable = false;
  boot.loader.grub.enable = false;
  boot.modprobeConfig.enable = false;
  system.systemBuilderCommands = ''
    ln -s ${rustPackages.kernel}/bin/asterinas-osdk-bin $out/kernel
    ln -s ${initrd}/initrd $out/initrd
    echo "PATH=/bin:/nix/var/nix/profiles/system/sw/bin console=ttyS0 -- root=/dev/vda" >$out/kernel-params
  '';

  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "ext2";
  };

  # What Asterinas does not have: namespaces and seccomp for builders, users to build as.
  nix.settings = {
    sandbox = false;
    filter-syscalls = false;
    build-users-group = "";
  };
}
