import { decodeEncodedWords } from './encoded-word.ts';

/** What SORT and THREAD compare (RFC 5256 §2.1). */
export interface BaseSubject {
  readonly text: string;
  /** Something was taken off that marks a reply or a forward. */
  readonly isReplyOrForward: boolean;
}

/** Longer subjects are compared by their beginning: the rules below may read it once for each of its prefixes. */
const MAX_SUBJECT_LENGTH = 2_000;

const BLOB = String.raw`\[[^\[\]]*\][ \t]*`;
const TRAILER = /(?:\(fwd\)|[ \t])+$/i;
const LEADER = new RegExp(String.raw`^(?:(?:${BLOB})*(?:re|fwd?)[ \t]*(?:${BLOB})?:|[ \t])`, 'i');
const LEADING_BLOB = new RegExp(`^${BLOB}`);
const FORWARD = /^\[fwd:(.*)\]$/is;

/** The base subject of a Subject field's value (a byte string, encoded words included). */
export function baseSubject(value: string): BaseSubject {
  let text = decodeEncodedWords(value).slice(0, MAX_SUBJECT_LENGTH).replace(/\s+/g, ' ');
  let isReplyOrForward = false;
  for (;;) {
    text = text.replace(TRAILER, (trailer) => {
      isReplyOrForward ||= trailer.trim() !== '';
      return '';
    });
    for (;;) {
      const leader = LEADER.exec(text);
      if (leader) {
        isReplyOrForward ||= leader[0].trim() !== '';
        text = text.slice(leader[0].length);
        continue;
      }
      const blob = LEADING_BLOB.exec(text);
      // A blob is taken off only if something is left.
      if (!blob || blob[0].length === text.length) break;
      text = text.slice(blob[0].length);
    }
    const forward = FORWARD.exec(text);
    if (!forward) return { text, isReplyOrForward };
    isReplyOrForward = true;
    text = forward[1] as string;
  }
}
