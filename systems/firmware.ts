// A machine of which only the firmware is known: recordings of its console are judged by what firmware and boot loaders print.
import type { MachinePage } from '../lib/system/system.ts';
import { console } from './firmware/console.ts';

export const system: MachinePage = { name: 'firmware', title: 'firmware', console };
