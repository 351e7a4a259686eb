// A machine of which only the firmware is known: recordings of its console are judged by what firmware and boot loaders print.
import { defineMachine } from '../lib/system/define-system.ts';
import { console } from './firmware/console.ts';

export const system = defineMachine({ name: 'firmware', title: 'firmware', console });
