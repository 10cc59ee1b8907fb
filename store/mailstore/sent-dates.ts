import type { Database } from './database.ts';
import { KEYS_VERSION } from './key-texts.ts';

/** Messages whose dates are remembered, of all mailboxes: 12 octets each. */
const MAX_MESSAGES = 4_000_000;

interface Dates {
  count: number;
  uids: Uint32Array;
  sentAtMs: Float64Array;
}

/**
 * The dates by which SORT and THREAD order, by mailbox, in memory: they never change once they are made, so that only those of
 * newer messages are read. Dates of expunged messages stay until the mailbox is forgotten.
 */
export class SentDates {
  readonly #database: Database;
  /** In order of last use. */
  readonly #byMailbox = new Map<number, Dates>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The date of each of these messages (ascending UIDs); undefined where it is not known. */
  of(mailboxId: number, uids: ArrayLike<number>): (number | undefined)[] {
    const dates = this.#byMailbox.get(mailboxId);
    if (dates !== undefined) {
      this.#byMailbox.delete(mailboxId);
      this.#byMailbox.set(mailboxId, dates);
    }
    const found: (number | undefined)[] = [];
    let at = 0;
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i] as number;
      while (dates !== undefined && at < dates.count && (dates.uids[at] as number) < uid) at++;
      const known = dates !== undefined && at < dates.count && dates.uids[at] === uid;
      found.push(known ? dates.sentAtMs[at] : undefined);
    }
    return found;
  }

  /** The highest UID whose date is known; 0 for none. */
  upTo(mailboxId: number): number {
    const dates = this.#byMailbox.get(mailboxId);
    return dates === undefined || dates.count === 0 ? 0 : (dates.uids[dates.count - 1] as number);
  }

  /** Reads the dates of messages that are newer than those known. Their keys have been made. */
  async catchUp(mailboxId: number): Promise<void> {
    const from = this.upTo(mailboxId);
    const rows = await this.#database.rows(
      'SELECT uid, sent_at FROM message_keys WHERE mailbox_id = ? AND version = ? AND uid > ? ORDER BY uid',
      [mailboxId, KEYS_VERSION, from],
    );
    // Somebody else may have read them meanwhile.
    const dates = this.#byMailbox.get(mailboxId) ?? EMPTY;
    const last = this.upTo(mailboxId);
    const fresh = (rows as [number, number][]).filter(([uid]) => uid > last);
    const count = dates.count + fresh.length;
    const longer = dates.uids.length < count ? grown(dates, Math.ceil(count * 1.25)) : { ...dates };
    for (const [i, [uid, sentAtMs]] of fresh.entries()) {
      longer.uids[dates.count + i] = uid;
      longer.sentAtMs[dates.count + i] = sentAtMs;
    }
    longer.count = count;
    this.#byMailbox.delete(mailboxId);
    this.#byMailbox.set(mailboxId, longer);
    this.#forget();
  }

  /** The mailboxes used longest ago go first; the last one used stays, however large. */
  #forget(): void {
    let messages = 0;
    for (const { count } of this.#byMailbox.values()) messages += count;
    for (const [mailboxId, { count }] of this.#byMailbox) {
      if (messages <= MAX_MESSAGES || this.#byMailbox.size === 1) return;
      this.#byMailbox.delete(mailboxId);
      messages -= count;
    }
  }
}

const EMPTY: Dates = { count: 0, uids: new Uint32Array(0), sentAtMs: new Float64Array(0) };

function grown(dates: Dates, capacity: number): Dates {
  const uids = new Uint32Array(capacity);
  const sentAtMs = new Float64Array(capacity);
  uids.set(dates.uids);
  sentAtMs.set(dates.sentAtMs);
  return { count: dates.count, uids, sentAtMs };
}
