// The ends of a good Linux boot: getty's login prompt and the prompts of shells; and lines that only look
// like one.
import type { LineRule, MenuRule, PromptRule } from '../../lib/console/rules.ts';

/** A login prompt or a shell prompt. */
export const linuxPrompts: readonly PromptRule[] = [
  {
    // A host name, or "(none)" if there is no name. Kernel text often follows it.
    pattern:
      /^(?:machine # )?(?:\(none\)|[A-Za-z0-9][A-Za-z0-9._-]{0,63}) (?:login|Login|Anmeldung|登录|ログイン|логин|identifiant) ?[:：]/,
    source: 'util-linux agetty, busybox getty, login of shadow in other languages; "machine #" is the NixOS test driver',
    example: 'buildvm login: [    7.130130] sysrq: Show Memory',
  },
  {
    pattern: /^Please press Enter to activate this console\./,
    source: 'busybox init, askfirst: every OpenWrt',
    example: 'Please press Enter to activate this console.',
  },
  {
    pattern: /^(?!(?:dracut|initqueue|pre-\w+|mount|switch_root|cmdline|cleanup):\/#)(?:[/~]\S{0,80} |\S{1,80}:[/~]\S{0,80} ?)[#$] /,
    shell: true,
    source: 'busybox sh, bash with the prompts of Debian and openSUSE, mksh of Android, but not those of dracut',
    example: '/ # ',
  },
  {
    pattern: /^\[(?:(?!rootfs )\S{1,60} \S{1,60}|\S{1,60}@\S{1,60}:\S{1,80})\]:?[/~]?\S{0,80}[#$] /,
    shell: true,
    source: 'bash with the prompts of Red Hat and NixOS, but not that of mkinitcpio',
    example: '[root@localhost ~]# ',
  },
  {
    pattern: /^(?:ba|da|z|k|a)?sh-\d[\d.]*[#$] /,
    shell: true,
    source: 'bash and its kin without a PS1',
    example: 'bash-5.2# ',
  },
  {
    pattern: /^[\w.-]{1,64}(?:@[\w.-]{1,64})? [/~][^\s#$]{0,80} ?[#$%] /,
    shell: true,
    source: 'bash of Gentoo, zsh of the media of Arch, fish',
    example: 'root@archiso ~ # ',
  },
  {
    pattern: /^[#$] (?=$|\[ *\d+\.\d{6}\])/,
    shell: true,
    bare: true,
    source: 'dash and other POSIX shells without a PS1: init=/bin/sh, Buildroot',
    example: '# ',
  },
];

/** Lines that wait for a key. */
export const linuxMenus: readonly MenuRule[] = [
  {
    pattern: /^Please press Enter to activate this console\./,
    answer: '\r',
    source: 'busybox init, askfirst',
    example: 'Please press Enter to activate this console.',
  },
];

/** Lines that look like a prompt or a panic and are neither. */
export const linuxDecoys: readonly LineRule[] = [
  {
    pattern: /^Last login: /,
    source: 'util-linux login, pam_lastlog',
    example: 'Last login: Tue Mar 14 21:08:02 UTC 2017 on ttyS0',
  },
  {
    pattern: /^(?:Kernel command|[Cc]ommand) line: /,
    source: 'linux init/main.c: options may be called as failures are',
    example: '[    0.000000] Command line: console=ttyS0 panic=-1 oops=panic systemd.log_level=debug',
  },
  {
    pattern: /^(?:audit: )?type=\d+ audit\(/,
    source: 'linux kernel/audit.c: names of profiles and units stand in these lines',
    example: '[    4.005254] audit: type=1400 audit(1568973482.659:4): apparmor="STATUS" name="libreoffice-oopslash"',
  },
  {
    pattern: /^\s*(?:echo|printf|exec|eval|grep|sed) ["'/-]/,
    source: 'scripts that are printed',
    example: 'echo "initramfs emergency recovery shell launched"',
  },
];
