/** What a group commit says of an item whose account somebody else has locked. */
export const LOCKED = Symbol('locked');

/** How a submitted item ended. Faults of the commit itself reject the promise of every item that they touched. */
export type Submission<Verdict> =
  | { readonly kind: 'decided'; readonly verdict: Verdict }
  /** Not tried: too much waits already. */
  | { readonly kind: 'overloaded' }
  /** Not decided within the deadline. An item under way may still be committed: only its id makes a retry harmless. */
  | { readonly kind: 'late' };

export interface GroupCommitOptions<Item, Verdict> {
  /** Items of one account are committed in the order in which they came. */
  readonly accountOf: (item: Item) => string | number;
  /** Commits items of several accounts at once, skipping accounts that are locked; one answer an item, in order. */
  readonly commitTogether: (items: readonly Item[]) => Promise<readonly (Verdict | typeof LOCKED)[]>;
  /** Commits items of one account, waiting for its lock; one answer an item, in order. */
  readonly commitAlone: (items: readonly Item[]) => Promise<readonly Verdict[]>;
  readonly maxBatch: number;
  /** Most items that wait or are under way. */
  readonly maxWaiting: number;
  /** Most locked accounts that are waited for at a time: each costs a database connection. */
  readonly maxLockedAccounts: number;
  /** From submission to the answer. */
  readonly deadlineMs: number;
}

interface Waiting<Item, Verdict> {
  readonly item: Item;
  readonly account: string | number;
  readonly settle: (submission: Submission<Verdict>) => void;
  readonly fail: (fault: unknown) => void;
  abandoned: boolean;
}

/**
 * Group commit without a timer: the next batch starts when the one before ends, and takes what has gathered meanwhile.
 * One batch is in flight; a lone item waits for nothing. An account that somebody else has locked gets a lane of its
 * own, which waits for the lock, and holds up nobody but its own items.
 */
export class GroupCommit<Item, Verdict> {
  readonly #options: GroupCommitOptions<Item, Verdict>;
  #queue: Waiting<Item, Verdict>[] = [];
  /** Items of locked accounts, by account; the key is there as long as the account is waited for. */
  readonly #lanes = new Map<string | number, Waiting<Item, Verdict>[]>();
  readonly #lanesToStart: (string | number)[] = [];
  #lanesRunning = 0;
  #batchRunning = false;
  #held = 0;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<Item, Verdict>) {
    this.#options = options;
  }

  /** Items that wait or are under way. */
  get held(): number {
    return this.#held;
  }

  /** Commits an item with its neighbours. Rejects with the fault when its commit failed; nothing was promised then. */
  submit(item: Item): Promise<Submission<Verdict>> {
    if (this.#held >= this.#options.maxWaiting) return Promise.resolve({ kind: 'overloaded' });
    this.#held++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.abandoned = true;
        resolve({ kind: 'late' });
      }, this.#options.deadlineMs);
      const waiting: Waiting<Item, Verdict> = {
        item,
        account: this.#options.accountOf(item),
        settle: (submission) => {
          clearTimeout(timer);
          resolve(submission);
        },
        fail: (fault) => {
          clearTimeout(timer);
          reject(fault);
        },
        abandoned: false,
      };
      const lane = this.#lanes.get(waiting.account);
      if (lane !== undefined) {
        lane.push(waiting);
        return;
      }
      this.#queue.push(waiting);
      if (!this.#batchRunning) void this.#runBatches();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  drained(): Promise<void> {
    if (this.#held === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #runBatches(): Promise<void> {
    this.#batchRunning = true;
    // Items that arrive in this turn of the event loop (one message for several accounts) share the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#take(this.#queue);
      if (batch.length > 0) await this.#commitBatch(batch);
    }
    this.#batchRunning = false;
  }

  async #commitBatch(batch: readonly Waiting<Item, Verdict>[]): Promise<void> {
    let verdicts: readonly (Verdict | typeof LOCKED)[];
    try {
      verdicts = await this.#options.commitTogether(batch.map((w) => w.item));
    } catch (fault) {
      for (const waiting of batch) this.#end(() => waiting.fail(fault));
      return;
    }
    const locked = new Map<string | number, Waiting<Item, Verdict>[]>();
    for (const [index, waiting] of batch.entries()) {
      const verdict = verdicts[index];
      if (verdict !== LOCKED) {
        this.#decide(waiting, verdict);
        continue;
      }
      const lane = locked.get(waiting.account);
      if (lane === undefined) locked.set(waiting.account, [waiting]);
      else lane.push(waiting);
    }
    for (const [account, lane] of locked) this.#openLane(account, lane);
    this.#startLanes();
  }

  /** What waits in the queue for the same account follows into its lane, so that the order stays. */
  #openLane(account: string | number, lane: Waiting<Item, Verdict>[]): void {
    const others: Waiting<Item, Verdict>[] = [];
    for (const waiting of this.#queue) (waiting.account === account ? lane : others).push(waiting);
    this.#queue = others;
    this.#lanes.set(account, lane);
    this.#lanesToStart.push(account);
  }

  #startLanes(): void {
    while (this.#lanesRunning < this.#options.maxLockedAccounts) {
      const account = this.#lanesToStart.shift();
      if (account === undefined) return;
      void this.#runLane(account);
    }
  }

  async #runLane(account: string | number): Promise<void> {
    this.#lanesRunning++;
    const lane = this.#lanes.get(account) ?? [];
    while (lane.length > 0) {
      const some = this.#take(lane);
      if (some.length === 0) continue;
      try {
        const verdicts = await this.#options.commitAlone(some.map((w) => w.item));
        for (const [index, waiting] of some.entries()) this.#decide(waiting, verdicts[index]);
      } catch (fault) {
        for (const waiting of some) this.#end(() => waiting.fail(fault));
      }
    }
    this.#lanes.delete(account);
    this.#lanesRunning--;
    this.#startLanes();
  }

  /** The next items of a queue, without those whose deadline has passed: they were answered already. */
  #take(queue: Waiting<Item, Verdict>[]): Waiting<Item, Verdict>[] {
    const taken: Waiting<Item, Verdict>[] = [];
    while (taken.length < this.#options.maxBatch) {
      const waiting = queue.shift();
      if (waiting === undefined) break;
      if (waiting.abandoned) this.#end(() => {});
      else taken.push(waiting);
    }
    return taken;
  }

  #decide(waiting: Waiting<Item, Verdict>, verdict: Verdict | undefined): void {
    this.#end(() => {
      if (verdict === undefined) waiting.fail(new Error('a commit gave fewer verdicts than it got items'));
      else waiting.settle({ kind: 'decided', verdict });
    });
  }

  #end(answer: () => void): void {
    answer();
    this.#held--;
    if (this.#held > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
