import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

const LF = 0x0a;
const SPACE = 0x20;

/** Octets of a header that the library reads at some microseconds each. */
const MAX_HEADER_BYTES = 102_400;
/** Lines, which it unfolds in quadratic time. */
const MAX_LINES = 5_000;
/** Blanks in a row, folds among them, which it trims in quadratic time. */
const MAX_BLANKS = 200;

/** Octets that it hashes before others have a turn: it takes ten seconds for a large message of nothing but blanks. */
const TURN_BYTES = 131_072;

/**
 * Whether mailauth may read a header, which ends at `headerEnd`. A stranger's header of a megabyte, made for it, would keep it busy, and everybody
 * waiting, for minutes. No real one comes near these bounds.
 */
export function isFitForLibrary(content: Buffer, headerEnd: number): boolean {
  if (headerEnd > MAX_HEADER_BYTES) return false;
  let blanks = 0;
  let lines = 0;
  for (let at = 0; at < headerEnd; at++) {
    const octet = content[at]!;
    blanks = octet > SPACE ? 0 : blanks + 1;
    if (octet === LF) lines++;
    if (blanks > MAX_BLANKS || lines > MAX_LINES) return false;
  }
  return true;
}

/** A message as mailauth is to read it. The reading rejects when the signal tells that nobody waits for it any more. */
export function inTurns(message: Buffer, signal?: AbortSignal): Readable {
  return Readable.from(pieces(message, signal), { objectMode: false });
}

async function* pieces(message: Buffer, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < message.length; at += TURN_BYTES) {
    if (at > 0) await nextTurn();
    signal?.throwIfAborted();
    yield message.subarray(at, at + TURN_BYTES);
  }
}
