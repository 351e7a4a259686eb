// Converts the bytes of a serial console to lines of text: invalid UTF-8 is replaced, escape sequences are
// removed, backspace is applied. The result does not depend on how the bytes are split into chunks. This
// module does not interpret the lines.
//
// Escape sequences: ECMA-48 (CSI, OSC, DCS and the other strings), ESC c of the VT100. A sequence that moves
// the cursor to another position or clears the screen ends the line, because firmware menus are drawn in this
// way.
import { isAscii } from 'node:buffer';
import { present } from '../../core/errors.ts';

/**
 * Longer lines are cut into pieces of this many characters, so that a guest without line ends cannot exhaust
 * the memory.
 */
export const longestLine = 8192;

type Mode = 'text' | 'escape' | 'charset' | 'csi' | 'string' | 'string-escape';

/**
 * CSI sequences that end the line: cursor up, down, next and previous line, to a row, to a position; erase
 * the screen.
 */
const csiEndsLine = new Set(['A', 'B', 'E', 'F', 'H', 'J', 'd', 'f']);

/** A control character other than TAB. */
const control = /[\x00-\x08\x0a-\x1f\x7f]/g;

/** The second set of control characters. Terminals obey them, and no console prints them. */
const c1Controls = /[\x80-\x9f]/g;

export class Cleaner {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #midCharacter = false;
  #mode: Mode = 'text';
  #line = '';
  /** A CR has arrived, and the next character decides whether it was a separate line end. */
  #carriageReturn = false;

  /** The unfinished last line, which may be a prompt. */
  get unfinished(): string {
    return this.#line;
  }

  /** Returns the lines that these bytes complete, without line ends. */
  push(bytes: Uint8Array): string[] {
    const text = this.#decode(bytes);
    if (this.#mode === 'text' && !this.#carriageReturn && plain(bytes)) return this.#plainLines(text);
    const lines: string[] = [];
    for (let at = 0; at < text.length; at++) {
      if (this.#mode === 'text') at = this.#run(text, at, lines);
      if (at < text.length) this.#character(text.charAt(at), lines);
    }
    return lines;
  }

  /** Returns the last line if the stream has ended without a line end. */
  end(): string[] {
    const lines: string[] = [];
    if (this.#line !== '') this.#endLine(lines);
    return lines;
  }

  #decode(bytes: Uint8Array): string {
    if (!this.#midCharacter && isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.#midCharacter = (bytes.at(-1) ?? 0) >= 0x80;
    return this.#decoder.decode(bytes, { stream: true }).replace(c1Controls, '');
  }

  /** The fast path for nearly all text: it contains only lines and their ends. */
  #plainLines(text: string): string[] {
    const parts = text.split('\n');
    const rest = present(parts.pop(), 'the rest of a line');
    const lines: string[] = [];
    for (const part of parts) {
      let end = part.length;
      while (part.charCodeAt(end - 1) === 13) end--;
      this.#take(part.slice(0, end), lines);
      this.#endLine(lines);
    }
    this.#take(rest, lines);
    return lines;
  }

  /** Takes all printable characters from `at` on. Returns the position of the next control character. */
  #run(text: string, at: number, lines: string[]): number {
    control.lastIndex = at;
    const end = control.test(text) ? control.lastIndex - 1 : text.length;
    if (end === at) return end;
    this.#endPendingLine(lines);
    this.#take(text.slice(at, end), lines);
    return end;
  }

  /** Appends printable text to the line. */
  #take(text: string, lines: string[]): void {
    if (this.#line.length + text.length < longestLine) {
      this.#line += text;
      return;
    }
    for (let from = 0; from < text.length;) {
      const to = Math.min(text.length, from + longestLine - this.#line.length);
      this.#line += text.slice(from, to);
      if (this.#line.length === longestLine) this.#endLine(lines);
      from = to;
    }
  }

  #character(char: string, lines: string[]): void {
    switch (this.#mode) {
      case 'text':
        this.#text(char, lines);
        break;
      case 'escape':
        this.#escape(char, lines);
        break;
      case 'charset':
        this.#mode = 'text';
        break;
      case 'csi':
        if (char < '@') break; // a parameter or an intermediate
        this.#mode = 'text';
        if (csiEndsLine.has(char)) this.#cursorMoves(lines);
        break;
      case 'string':
        if (char === '\x1b') this.#mode = 'string-escape';
        // BEL ends it. A line end does too, because an incomplete string would otherwise hide all that
        // follows
        else if (char === '\x07' || char === '\n') this.#mode = 'text';
        break;
      case 'string-escape':
        this.#mode = 'text';
        if (char !== '\\') this.#escape(char, lines);
        break;
    }
  }

  /** Handles a control character inside of text. */
  #text(char: string, lines: string[]): void {
    if (char === '\r') {
      this.#carriageReturn = true;
    } else if (char === '\n') {
      this.#carriageReturn = false;
      this.#endLine(lines);
    } else if (char === '\x1b') {
      this.#mode = 'escape';
    } else if (char === '\b' || char === '\x7f') {
      this.#endPendingLine(lines);
      this.#line = this.#line.slice(0, -1);
    }
  }

  /** After a CR and then text: the line before it was a progress line, which is overwritten. */
  #endPendingLine(lines: string[]): void {
    if (this.#carriageReturn && this.#line !== '') this.#endLine(lines);
    this.#carriageReturn = false;
  }

  #escape(char: string, lines: string[]): void {
    this.#mode = 'text';
    if (char === '[') this.#mode = 'csi';
    else if (char === ']' || char === 'P' || char === 'X' || char === '^' || char === '_') this.#mode = 'string';
    else if (char === '(' || char === ')' || char === '#' || char === '%') this.#mode = 'charset';
    else if (char === 'c' || char === 'D' || char === 'E' || char === 'M') this.#cursorMoves(lines);
  }

  #cursorMoves(lines: string[]): void {
    this.#carriageReturn = false;
    if (this.#line !== '') this.#endLine(lines);
  }

  #endLine(lines: string[]): void {
    lines.push(this.#line);
    this.#line = '';
  }
}

/**
 * Whether there are only printable characters, TAB, and LF with or without CRs before it. A loop over bytes
 * is several times as fast as a pattern here.
 */
function plain(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x20 && byte !== 0x7f) continue;
    if (byte === 0x0a || byte === 0x09) continue;
    const next = bytes[at + 1];
    if (byte !== 0x0d || (next !== 0x0a && next !== 0x0d)) return false;
  }
  return true;
}
