// The files of Debian's packages that the small profile keeps: a login on the serial console, PAM, a shell,
// addresses and routes, and the needed libraries. There is no package manager, and nothing that installs,
// configures or documents packages.

const libraries =
  `ld-linux-x86-64.so.2 libaudit.so.1 libaudit.so.1.0.0 libbpf.so.1 libbpf.so.1.5.0 libc.so.6 libcap-ng.so.0 libcap-ng.so.0.0.0
  libcap.so.2 libcap.so.2.75 libcrypt.so.1 libcrypt.so.1.1.0 libelf-0.192.so libelf.so.1 libgcc_s.so.1 libm.so.6 libmnl.so.0 libmnl.so.0.2.0
  libpam.so.0 libpam.so.0.85.1 libpam_misc.so.0 libpam_misc.so.0.82.1 libpcre2-8.so.0 libpcre2-8.so.0.14.0 libselinux.so.1 libsystemd.so.0
  libsystemd.so.0.40.0 libtinfo.so.6 libtinfo.so.6.5 libz.so.1 libz.so.1.3.1 libzstd.so.1 libzstd.so.1.5.7`
    .split(/\s+/)
    .map((name) => `usr/lib/x86_64-linux-gnu/${name}`);

/** Modules of PAM that login and sudo use. */
const pam = `deny env faildelay group keyinit limits loginuid mail motd nologin permit umask unix`
  .split(' ')
  .map((name) => `usr/lib/x86_64-linux-gnu/security/pam_${name}.so`);

const settings = `bash.bashrc debian_version environment group host.conf issue ld.so.cache ld.so.conf ld.so.conf.d/ login.defs nsswitch.conf
  os-release pam.conf pam.d/ passwd profile security/ shadow shells`
  .split(/\s+/)
  .map((name) => `etc/${name}`);

const programs =
  'usr/bin/bash usr/bin/grep usr/bin/login usr/bin/sh usr/bin/dash usr/bin/ip usr/sbin/agetty usr/sbin/ip usr/sbin/unix_chkpwd'.split(' ');

/** Folders that are empty in the image, such as mount points, and the links of a merged /usr. */
const places =
  'bin lib lib64 sbin dev proc root run sys tmp var home mnt usr/lib64 usr/lib/os-release usr/lib64/ld-linux-x86-64.so.2'.split(' ');

export const smallKeeps: readonly string[] = [...places, ...settings, ...programs, ...pam, ...libraries, 'usr/share/terminfo/'];
