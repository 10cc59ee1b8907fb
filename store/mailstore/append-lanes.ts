/** How the work on one mailbox is done. */
export interface LaneWork<Item> {
  /** How many of the first of these go by {@link LaneWork.atOnce} in one; 0: the first one does not. */
  readonly goAtOnce: (items: readonly Item[]) => number;
  /**
   * Never rejects. What is to be told to those who wait for the items, once the next ones are under way; undefined when nothing was done, and the items are
   * to be served by {@link LaneWork.together}.
   */
  readonly atOnce: (mailboxId: number, items: readonly Item[]) => Promise<(() => void) | undefined>;
  /** Serves several. Never rejects. */
  readonly together: (mailboxId: number, items: readonly Item[]) => Promise<void>;
  /** How many of the first of these are served together. */
  readonly take: (items: readonly Item[]) => number;
}

/**
 * Most turns of one mailbox that are under way at once. The database carries out one after the other, as each
 * needs the mailbox's locks, but gives these back before it waits for the disk, and works on the next meanwhile. A third one would only wait.
 */
const MAX_AT_ONCE = 2;
/** Where more items wait, they share a transaction of statements. */
const MAX_WAITING = 16;

interface Lane<Item> {
  waiting: Item[];
  /** Turns under way: how many items each has. */
  readonly atOnce: number[];
  /** Whether others are being served together. */
  together: boolean;
}

/** One lane for each mailbox. A lone item waits for nothing; what is served together has the mailbox for itself. */
export class AppendLanes<Item extends object> {
  readonly #work: LaneWork<Item>;
  readonly #maxBeside: number;
  /** There as long as something waits or is under way. */
  readonly #lanes = new Map<number, Lane<Item>>();
  /** Turns beside another one of their mailbox, in all lanes: each holds a connection and waits. */
  #beside = 0;
  readonly #notAtOnce = new WeakSet<Item>();

  /** @param maxBeside how many turns in all mailboxes may at most be under way beside another one of their mailbox */
  constructor(work: LaneWork<Item>, maxBeside: number) {
    this.#work = work;
    this.#maxBeside = maxBeside;
  }

  add(mailboxId: number, item: Item): void {
    const lane = this.#lanes.get(mailboxId) ?? { waiting: [], atOnce: [], together: false };
    this.#lanes.set(mailboxId, lane);
    lane.waiting.push(item);
    this.#goOn(mailboxId, lane);
  }

  #goOn(mailboxId: number, lane: Lane<Item>): void {
    while (lane.waiting.length > 0 && !lane.together) {
      const few = lane.waiting.length <= MAX_WAITING ? this.#goAtOnce(lane.waiting) : 0;
      if (few > 0) {
        if (!this.#mayGo(lane, few)) return;
        void this.#atOnce(mailboxId, lane, lane.waiting.splice(0, few));
      } else {
        if (lane.atOnce.length > 0) return;
        void this.#together(mailboxId, lane);
      }
    }
    if (lane.atOnce.length === 0 && !lane.together) this.#lanes.delete(mailboxId);
  }

  /**
   * Beside others go no fewer than those are. So clients that each wait for their answer come to go in even groups, of which one is with the database while the
   * other one is with the store.
   */
  #mayGo({ atOnce }: Lane<Item>, count: number): boolean {
    const [other] = atOnce;
    if (other === undefined) return true;
    return atOnce.length < MAX_AT_ONCE && count >= other && this.#beside < this.#maxBeside;
  }

  #goAtOnce(items: readonly Item[]): number {
    const first = items.findIndex((item) => this.#notAtOnce.has(item));
    return first === 0 ? 0 : this.#work.goAtOnce(first < 0 ? items : items.slice(0, first));
  }

  async #atOnce(mailboxId: number, lane: Lane<Item>, items: readonly Item[]): Promise<void> {
    const beside = lane.atOnce.length > 0 ? 1 : 0;
    lane.atOnce.push(items.length);
    this.#beside += beside;
    const tell = await this.#work.atOnce(mailboxId, items);
    if (tell === undefined) {
      for (const item of items) this.#notAtOnce.add(item);
      lane.waiting.unshift(...items);
    }
    lane.atOnce.splice(lane.atOnce.indexOf(items.length), 1);
    this.#beside -= beside;
    this.#goOn(mailboxId, lane);
    tell?.();
  }

  async #together(mailboxId: number, lane: Lane<Item>): Promise<void> {
    lane.together = true;
    await this.#work.together(mailboxId, lane.waiting.splice(0, this.#work.take(lane.waiting)));
    lane.together = false;
    this.#goOn(mailboxId, lane);
  }
}
