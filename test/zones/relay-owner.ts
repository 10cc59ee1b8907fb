import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What somebody finds who owns the host of a process: its memory and the files that it can read. */

/** Largest piece of memory that is looked at in one go. */
const PIECE_BYTES = 16_777_216;

/**
 * Which of the texts stand in the writable memory of a process (as UTF-8, or as UTF-16, in which JavaScript keeps strings with letters beyond
 * Latin-1).
 */
export function textsInMemory(pid: number, texts: readonly string[]): string[] {
  const needles = texts.map((text) => [text, Buffer.from(text), Buffer.from(text, 'utf16le')] as const);
  const longest = Math.max(...texts.map((text) => text.length)) * 2;
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from = '0', to = '0'] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      const [first, last] = [BigInt(`0x${from}`), BigInt(`0x${to}`)];
      // Pieces overlap, so that no text is cut in two.
      for (let at = first; at < last; at += BigInt(PIECE_BYTES - longest)) {
        const piece = Buffer.alloc(Math.min(Number(last - at), PIECE_BYTES));
        const read = readPiece(memory, piece, at);
        for (const [text, utf8, utf16] of needles) {
          const part = piece.subarray(0, read);
          if (part.includes(utf8) || part.includes(utf16)) found.add(text);
        }
        if (last - at <= PIECE_BYTES) break;
      }
    }
  } finally {
    closeSync(memory);
  }
  return texts.filter((text) => found.has(text));
}

/** Files that the process has open, and all files below the folders given. */
export function filesAtHand(pid: number, folders: readonly string[]): string[] {
  const open = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
  const below = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  return [...new Set([...open, ...below])].filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** Pages that vanished, or belong to a device, are no memory of the process. */
function readPiece(memory: number, piece: Buffer, at: bigint): number {
  try {
    return readSync(memory, piece, 0, piece.length, at);
  } catch {
    return 0;
  }
}
