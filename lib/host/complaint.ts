// What another program complains of, in one line.

/** Programs that print each cause of a cause in one line are cut. */
const mostLetters = 160;

/** The line of a program's output that says what is wrong. Back-traces and causes follow it. */
export function complaintOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = (lines.find((candidate) => /^(error|E): /i.test(candidate)) ?? lines[0] ?? 'it said nothing').replace(/^(error|E): /i, '');
  return line.length > mostLetters ? `${line.slice(0, mostLetters)}...` : line;
}
