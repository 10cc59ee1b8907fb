/** How the work on one mailbox is done. */
export interface LaneWork<Item> {
  /** Whether it may go by {@link LaneWork.alone}. */
  readonly goesAlone: (item: Item) => boolean;
  /** Never rejects; false when nothing was done, and the item is to be served with others. */
  readonly alone: (mailboxId: number, item: Item) => Promise<boolean>;
  /** Serves several. Never rejects. */
  readonly together: (mailboxId: number, items: readonly Item[]) => Promise<void>;
  /** How many of the first of these are served together. */
  readonly take: (items: readonly Item[]) => number;
}

/**
 * Most items of one mailbox that go alone at a time; where more than that wait, they share a transaction. The database carries out one after the other, as each
 * needs the mailbox's locks, but gives these back before it waits for the disk, and works on the next meanwhile. A third one would only wait.
 */
const MAX_ALONE = 2;

interface Lane<Item> {
  waiting: Item[];
  /** Items under way, each alone. */
  alone: number;
  /** Whether others are being served together. */
  together: boolean;
}

/** One lane for each mailbox. A lone item waits for nothing; what is served together has the mailbox for itself. */
export class AppendLanes<Item extends object> {
  readonly #work: LaneWork<Item>;
  readonly #maxBeside: number;
  /** There as long as something waits or is under way. */
  readonly #lanes = new Map<number, Lane<Item>>();
  /** Items that go alone beside another one of their mailbox, in all lanes: each holds a connection and waits. */
  #beside = 0;
  readonly #notAlone = new WeakSet<Item>();

  /** @param maxBeside how many items of all mailboxes may at most go alone while another one of their mailbox does */
  constructor(work: LaneWork<Item>, maxBeside: number) {
    this.#work = work;
    this.#maxBeside = maxBeside;
  }

  add(mailboxId: number, item: Item): void {
    const lane = this.#lanes.get(mailboxId) ?? { waiting: [], alone: 0, together: false };
    this.#lanes.set(mailboxId, lane);
    lane.waiting.push(item);
    this.#goOn(mailboxId, lane);
  }

  #goOn(mailboxId: number, lane: Lane<Item>): void {
    while (lane.waiting.length > 0 && !lane.together) {
      const next = lane.waiting[0] as Item;
      if (lane.waiting.length <= MAX_ALONE && this.#goesAlone(next)) {
        if (lane.alone === MAX_ALONE || (lane.alone > 0 && this.#beside >= this.#maxBeside)) return;
        lane.waiting.shift();
        void this.#alone(mailboxId, lane, next);
      } else {
        if (lane.alone > 0) return;
        void this.#together(mailboxId, lane);
      }
    }
    if (lane.alone === 0 && !lane.together) this.#lanes.delete(mailboxId);
  }

  #goesAlone(item: Item): boolean {
    return !this.#notAlone.has(item) && this.#work.goesAlone(item);
  }

  async #alone(mailboxId: number, lane: Lane<Item>, item: Item): Promise<void> {
    const beside = lane.alone > 0 ? 1 : 0;
    lane.alone++;
    this.#beside += beside;
    if (!(await this.#work.alone(mailboxId, item))) {
      this.#notAlone.add(item);
      lane.waiting.unshift(item);
    }
    lane.alone--;
    this.#beside -= beside;
    this.#goOn(mailboxId, lane);
  }

  async #together(mailboxId: number, lane: Lane<Item>): Promise<void> {
    lane.together = true;
    await this.#work.together(mailboxId, lane.waiting.splice(0, this.#work.take(lane.waiting)));
    lane.together = false;
    this.#goOn(mailboxId, lane);
  }
}
