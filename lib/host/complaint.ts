// Summarizes the error output of another program in one line.

/** Longer lines are cut. Some programs print a whole chain of causes in one line. */
const mostLetters = 160;

/** Returns the line of a program's output that has the error. Back-traces and causes follow it. */
export function complaintOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = (lines.find((candidate) => /^(error|E): /i.test(candidate)) ?? lines[0] ?? 'it printed nothing').replace(
    /^(error|E): /i,
    '',
  );
  return line.length > mostLetters ? `${line.slice(0, mostLetters)}...` : line;
}
