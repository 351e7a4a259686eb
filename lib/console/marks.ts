// What a run says to the judge besides the bytes of the console. A record keeps these, so that a replay decides as the run did.
export type Mark =
  /** A dialogue waits for a text: the boot is not done before it has come. */
  | { readonly kind: 'expecting'; readonly text: string }
  /** The dialogue is over; the grace window begins anew. */
  | { readonly kind: 'dialogue-over' }
  /** The machine ended by itself. `passed`: with the status by which a guest says that all went well. */
  | { readonly kind: 'exited'; readonly passed?: true }
  /** A prompt that is only a sign is asked about (unsure-prompt.ts), and counts when it answers. */
  | { readonly kind: 'asks' }
  /** The question was typed; a shell prints the text. */
  | { readonly kind: 'asked'; readonly text: string }
  /** Nobody listened any more. */
  | { readonly kind: 'ended' };
