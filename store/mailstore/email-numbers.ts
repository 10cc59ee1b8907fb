const BLOCK = 1024;
/** An entry is 32 bits wide; larger numbers are asked for each time. */
const HIGHEST = 2 ** 32 - 1;

/**
 * Which email a message is, by UID: for as long as a mailbox keeps its UIDVALIDITY that never changes, so what was read once stays true. 4 bytes a
 * message, filled as messages are asked for.
 */
export class EmailNumbers {
  /** By UID, in blocks; 0 where it is not known. */
  readonly #blocks = new Map<number, Uint32Array>();

  get bytes(): number {
    return this.#blocks.size * BLOCK * Uint32Array.BYTES_PER_ELEMENT;
  }

  /** Of each UID, in ascending order; 0 where it is not known. */
  of(uids: ArrayLike<number>): Float64Array {
    const numbers = new Float64Array(uids.length);
    let block: Uint32Array | undefined;
    let end = 0;
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i] as number;
      if (uid >= end) {
        const at = Math.floor(uid / BLOCK);
        block = this.#blocks.get(at);
        end = (at + 1) * BLOCK;
      }
      if (block !== undefined) numbers[i] = block[uid % BLOCK] as number;
    }
    return numbers;
  }

  learn(uid: number, emailNo: number): void {
    if (emailNo > HIGHEST) return;
    const at = Math.floor(uid / BLOCK);
    let block = this.#blocks.get(at);
    if (block === undefined) {
      block = new Uint32Array(BLOCK);
      this.#blocks.set(at, block);
    }
    block[uid % BLOCK] = emailNo;
  }
}
