// What another program complains of, in one line.

/** The line of a program's output that says what is wrong. Back-traces and causes follow it. */
export function complaintOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines.find((line) => /^(error|E): /i.test(line)) ?? lines[0] ?? 'it said nothing').replace(/^(error|E): /i, '');
}
