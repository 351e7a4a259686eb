// The serial console of a Linux: the kernel, its first programs, getty and shells. Other systems with a Linux
// kernel, or with systemd, use these rules too.
import type { ConsoleRules } from '../../lib/console/rules.ts';
import { firmwareEndings, hostFindings } from '../firmware/console.ts';
import { loaderEndings } from '../firmware/loaders.ts';
import { systemdMilestones, userlandEndings } from './init.ts';
import { kernelEndings, kernelFindings, kernelMilestones, kernelStamp, linuxPowerOffs, linuxRestarts } from './kernel.ts';
import { linuxDecoys, linuxMenus, linuxPrompts } from './shells.ts';

/** Rules for any Linux: `--system linux`. */
export const console: ConsoleRules = {
  milestones: [...kernelMilestones, ...systemdMilestones],
  prompts: linuxPrompts,
  panics: [...kernelEndings, ...userlandEndings, ...firmwareEndings, ...loaderEndings],
  findings: [...kernelFindings, ...hostFindings],
  decoys: linuxDecoys,
  powerOffs: linuxPowerOffs,
  restarts: linuxRestarts,
  menus: linuxMenus,
  stamp: kernelStamp,
  limits: { timeoutMs: 300_000, silenceMs: 90_000, graceMs: 2000 },
};
