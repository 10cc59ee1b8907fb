const CR = 0x0d;
const TOP_BITS = 0x80808080 | 0;
const EACH_OCTET = 0x01010101;

/** The whole words of a chunk, and the number of octets before the first of them. */
export interface OctetWords {
  readonly words: Int32Array;
  readonly lead: number;
}

/** The chunk's octets four by four, as they lie in memory; nothing is copied. */
export function wordsOf(chunk: Buffer): OctetWords {
  const lead = -chunk.byteOffset & 3;
  const count = Math.max(0, (chunk.length - lead) >> 2);
  return { words: new Int32Array(chunk.buffer, count === 0 ? 0 : chunk.byteOffset + lead, count), lead };
}

/** Whether one of a word's four octets is below `bound` (128 at most): only then its subtraction borrows where the top bit was clear. */
function hasOctetBelow(word: number, bound: number): boolean {
  return ((word - bound * EACH_OCTET) & ~word & TOP_BITS) !== 0;
}

/**
 * Index of the first octet from `from` on that is CR or below (LF, NUL, tab …), or the chunk's length. Four octets at a time: a loop over
 * single octets is the largest part of receiving a message.
 */
export function endOfText(chunk: Buffer, { words, lead }: OctetWords, from: number): number {
  const { length } = chunk;
  let at = from;
  for (; ((at - lead) & 3) !== 0; at++) if (at >= length || chunk[at]! <= CR) return at;
  let word = (at - lead) >> 2;
  while (word < words.length && !hasOctetBelow(words[word]!, CR + 1)) word++;
  at = lead + (word << 2);
  while (at < length && chunk[at]! > CR) at++;
  return at;
}
