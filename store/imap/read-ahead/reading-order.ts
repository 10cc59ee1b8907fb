import type { SelectedMailbox } from '../../mailstore/mailstore.ts';

/** Which way through the mailbox: up from the oldest message, down from the newest, or neither. */
export type Way = 1 | -1 | 0;

/** Steps of one way, one behind the other, after which the next one is expected: three requests in order. */
const STEPS = 2;
/** Messages that a step may pass over, as a client does that leaves out some which it has: no further than this away. */
const LONGEST_STEP = 4;
/** A client that waits longer between two requests needs nothing kept for it. */
export const IDLE_MS = 5_000;

/**
 * Whether a client asks for messages in their order, as those do that copy a mailbox: up or down, neighbour by neighbour. What was asked last is
 * remembered by UID, so that numbers may move in between.
 */
export class ReadingOrder {
  #firstUid = 0;
  #lastUid = 0;
  /** Steps so far; below 0 they go down. */
  #steps = 0;
  /** How far the last step went: 1 is to the neighbour. */
  #length = 0;
  #atMs = 0;

  /** Messages that the last step passed over. */
  get passedOver(): number {
    return Math.max(0, this.#length - 1);
  }

  get lastAskedMs(): number {
    return this.#atMs;
  }

  /**
   * Notes a request for messages from the one UID to the other. Returns the way in which the next one is expected; 0 while none is. To ask for
   * the same again is no step.
   */
  note(
    view: Pick<SelectedMailbox, 'firstSequenceFrom'>,
    { firstUid, lastUid }: { readonly firstUid: number; readonly lastUid: number },
    nowMs: number,
  ): Way {
    const tooLate = nowMs - this.#atMs > IDLE_MS;
    this.#atMs = nowMs;
    if (firstUid !== this.#firstUid || lastUid !== this.#lastUid) {
      const way = this.#firstUid === 0 || tooLate ? 0 : this.#step(view, firstUid, lastUid);
      if (way === 0) this.#steps = 0;
      else this.#steps = Math.sign(this.#steps) === way ? this.#steps + way : way;
      this.#firstUid = firstUid;
      this.#lastUid = lastUid;
    } else this.#length = 0;
    return Math.abs(this.#steps) < STEPS ? 0 : this.#steps > 0 ? 1 : -1;
  }

  #step(view: Pick<SelectedMailbox, 'firstSequenceFrom'>, firstUid: number, lastUid: number): Way {
    const up = view.firstSequenceFrom(firstUid) - view.firstSequenceFrom(this.#lastUid);
    const down = view.firstSequenceFrom(this.#firstUid) - view.firstSequenceFrom(lastUid);
    const way = up >= 1 && up <= LONGEST_STEP ? 1 : down >= 1 && down <= LONGEST_STEP ? -1 : 0;
    this.#length = way === 1 ? up : way === -1 ? down : 0;
    return way;
  }

  /** What was asked so far says nothing of what comes next. */
  forget(): void {
    this.#steps = 0;
  }
}
