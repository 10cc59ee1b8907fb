import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagSet, SEEN } from '../mailstore/flags.ts';
import { validKeywords } from './source.ts';

const STATUS_LETTERS: Readonly<Record<string, number>> = { R: SEEN, A: ANSWERED, F: FLAGGED, T: DRAFT, D: DELETED };
/** What programs write into a message to remember its state (RFC 4155 leaves that to them): no part of it. */
const STATE_FIELD = /^(status|x-status|x-keywords|x-uid|x-imap|x-imapbase|x-mozilla-status2?|x-mozilla-keys):/i;
/** Bits of Thunderbird's X-Mozilla-Status. */
const MOZILLA: readonly (readonly [bit: number, flag: number])[] = [
  [0x0001, SEEN],
  [0x0002, ANSWERED],
  [0x0004, FLAGGED],
];
const MOZILLA_EXPUNGED = 0x0008;
const MOZILLA_FORWARDED = 0x1000;

export interface MessageAndState {
  /** The message without the fields that are state. */
  readonly text: string;
  readonly flags: FlagSet;
  /** Gone, or the note of a server to itself: no message. */
  readonly expunged: boolean;
}

/** @param lines latin1, each with its line end */
export function takeState(lines: readonly string[]): MessageAndState {
  const headerEnd = lines.findIndex((line) => line === '\n' || line === '\r\n');
  const kept: string[] = [];
  let system = 0;
  let expunged = false;
  const keywords: string[] = [];
  let skipping = false;
  for (const [i, line] of lines.entries()) {
    const inHeader = headerEnd < 0 || i < headerEnd;
    if (inHeader && !/^[ \t]/.test(line)) {
      skipping = STATE_FIELD.test(line);
      const value = line.slice(line.indexOf(':') + 1).trim();
      if (/^(x-)?status:/i.test(line)) for (const letter of value) system |= STATUS_LETTERS[letter] ?? 0;
      if (/^(x-keywords|x-mozilla-keys):/i.test(line)) keywords.push(...value.split(/[\s,]+/));
      if (/^x-mozilla-status:/i.test(line)) {
        const bits = Number.parseInt(value, 16);
        for (const [bit, flag] of MOZILLA) if ((bits & bit) !== 0) system |= flag;
        if ((bits & MOZILLA_FORWARDED) !== 0) keywords.push('$Forwarded');
        expunged ||= (bits & MOZILLA_EXPUNGED) !== 0;
      }
      // The first message of a file that UW-IMAP or Alpine has made.
      expunged ||= /^subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA/i.test(line);
    }
    if (!inHeader || !skipping) kept.push(line);
  }
  return { text: kept.join(''), flags: { system, keywords: validKeywords(keywords) }, expunged };
}
