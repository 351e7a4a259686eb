// The colours of messages. chalk is loaded for a terminal only, so that other tasks do not wait for it.

/** Each function returns its text with the codes of a terminal around it, or unchanged. */
export type Colours = Readonly<Record<'bold' | 'dim' | 'green' | 'red' | 'yellow', (text: string) => string>>;

const same = (text: string): string => text;
export const plainText: Colours = { bold: same, dim: same, green: same, red: same, yellow: same };

/** Returns functions that add the colours of a terminal, or that return texts unchanged. */
export async function coloursFor(terminal: boolean): Promise<Colours> {
  if (!terminal) return plainText;
  const { Chalk } = await import('chalk');
  return new Chalk({ level: 1 });
}
