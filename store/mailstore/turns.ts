import type { Socket } from 'node:net';
import { setImmediate as others } from 'node:timers/promises';

/** How long one piece of work keeps all sessions of the process waiting. */
const TURN_MS = 4;
/** A chunk below this belongs to an answer that is over before anybody has waited. */
const LARGE_CHUNK_OCTETS = 16_384;

/** Work that takes long, in pieces: between two of them others have their turn. */
export class Turns {
  #sinceMs = performance.now();

  /** Whether it is their turn: await {@link letOthers} then. */
  get isOver(): boolean {
    return performance.now() - this.#sinceMs > TURN_MS;
  }

  async letOthers(): Promise<void> {
    await others();
    this.#sinceMs = performance.now();
  }
}

/**
 * Reads a large answer in turns. As long as octets lie ready, the event loop takes up to 32 chunks of 64 KiB from a socket before it looks at others, and with
 * them goes what is made of each chunk.
 */
export function readInTurns(socket: Socket): void {
  let turn: Turns | undefined;
  socket.on('data', ({ length }: Buffer) => {
    if (length < LARGE_CHUNK_OCTETS) return;
    if (turn === undefined) {
      turn = new Turns();
      setImmediate(() => {
        turn = undefined;
        if (socket.isPaused()) socket.resume();
      });
    } else if (turn.isOver) socket.pause();
  });
}
