// A machine of which only the firmware is known. Recordings of its console are judged by the messages of
// firmware and boot loaders.
import { defineMachine } from '../lib/system/define-system.ts';
import { console } from './firmware/console.ts';

export const system = defineMachine({ name: 'firmware', title: 'firmware', console });
