import type { MailboxColumns } from './selected-mailbox.ts';

/** What the view keeps of a message. */
export interface ColumnRow {
  readonly uid: number;
  readonly flags: number;
  readonly keywordsLow: number;
  readonly keywordsHigh: number;
  readonly modSeq: number;
  /** Keywords from number 64 on. */
  readonly more?: readonly number[] | undefined;
}

/** A row as the database gives it; NULL where no keyword is set. */
export type ViewRow = [uid: number, flags: number, low: number | null, high: number | null, modSeq: number];

const FIRST_CAPACITY = 64;

/**
 * Messages as typed arrays, 14 bytes each; keywords take 8 more as soon as one message has any. It grows at the end and
 * changes in place; expunging makes a new one, so that a session can go on counting in the old.
 */
export class MessageColumns implements MailboxColumns {
  count = 0;
  /** The highest mod-sequence that was ever put here. */
  highestModSeq = 0;
  uids: Uint32Array;
  flags: Uint16Array;
  modSeqs: Float64Array;
  keywordsLow: Uint32Array | undefined;
  keywordsHigh: Uint32Array | undefined;
  /** Keywords from number 64 on, by UID: few messages have any. */
  readonly more = new Map<number, readonly number[]>();

  constructor(capacity = FIRST_CAPACITY) {
    const size = Math.max(capacity, FIRST_CAPACITY);
    this.uids = new Uint32Array(size);
    this.flags = new Uint16Array(size);
    this.modSeqs = new Float64Array(size);
  }

  /** Index of the first message with this UID or above; `count` when there is none. */
  lowerBound(uid: number, count = this.count): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.uids[middle] as number) < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of a UID; -1 when it is not there. */
  indexOf(uid: number): number {
    const index = this.lowerBound(uid);
    return index < this.count && this.uids[index] === uid ? index : -1;
  }

  /** Changes a known message, or appends a new one; false for a UID below the last that is not known. */
  put(row: ColumnRow): boolean {
    const last = this.count === 0 ? 0 : (this.uids[this.count - 1] as number);
    let index = row.uid > last ? this.count : this.indexOf(row.uid);
    if (index < 0) return false;
    if (index === this.count) {
      if (this.count === this.uids.length) this.#grow();
      index = this.count++;
      this.uids[index] = row.uid;
    }
    this.flags[index] = row.flags;
    this.modSeqs[index] = row.modSeq;
    if (row.modSeq > this.highestModSeq) this.highestModSeq = row.modSeq;
    if (row.more !== undefined && row.more.length > 0) this.more.set(row.uid, row.more);
    else if (this.more.size > 0) this.more.delete(row.uid);
    if (row.keywordsLow !== 0 || row.keywordsHigh !== 0) {
      this.keywordsLow ??= new Uint32Array(this.uids.length);
      this.keywordsHigh ??= new Uint32Array(this.uids.length);
    }
    if (this.keywordsLow !== undefined && this.keywordsHigh !== undefined) {
      this.keywordsLow[index] = row.keywordsLow;
      this.keywordsHigh[index] = row.keywordsHigh;
    }
    return true;
  }

  /** System flags of known messages at a mod-sequence, in order of UID; what is newer here, or gone, stays so. */
  changeFlags(uids: Uint32Array, flags: Uint16Array, modSeq: number): void {
    let index = this.lowerBound(uids[0] ?? 0);
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i] as number;
      while (index < this.count && (this.uids[index] as number) < uid) index++;
      if (index === this.count || this.uids[index] !== uid || (this.modSeqs[index] as number) > modSeq) continue;
      this.flags[index] = flags[i] as number;
      this.modSeqs[index] = modSeq;
    }
    if (modSeq > this.highestModSeq) this.highestModSeq = modSeq;
  }

  /** Appends a message whose UID is above all others: the short way, for loading. */
  append([uid, flags, low, high, modSeq]: ViewRow): void {
    if (this.count === this.uids.length) this.#grow();
    const index = this.count++;
    this.uids[index] = uid;
    this.flags[index] = flags;
    this.modSeqs[index] = modSeq;
    if (!low && !high) return;
    this.keywordsLow ??= new Uint32Array(this.uids.length);
    this.keywordsHigh ??= new Uint32Array(this.uids.length);
    this.keywordsLow[index] = low ?? 0;
    this.keywordsHigh[index] = high ?? 0;
  }

  /** A copy without the messages of these UIDs. */
  without(uids: ReadonlySet<number>): MessageColumns {
    const rest = new MessageColumns(this.uids.length);
    for (let i = 0; i < this.count; i++) {
      const uid = this.uids[i] as number;
      if (!uids.has(uid)) rest.put(this.rowAt(i));
    }
    return rest;
  }

  rowAt(index: number): ColumnRow {
    return {
      uid: this.uids[index] as number,
      flags: this.flags[index] as number,
      keywordsLow: this.keywordsLow?.[index] ?? 0,
      keywordsHigh: this.keywordsHigh?.[index] ?? 0,
      modSeq: this.modSeqs[index] as number,
      more: this.more.get(this.uids[index] as number),
    };
  }

  get bytes(): number {
    return this.uids.length * (this.keywordsLow === undefined ? 14 : 22);
  }

  #grow(): void {
    const capacity = Math.ceil(this.uids.length * 1.5);
    const longer = <A extends Uint32Array | Uint16Array | Float64Array>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.uids = longer(new Uint32Array(capacity), this.uids);
    this.flags = longer(new Uint16Array(capacity), this.flags);
    this.modSeqs = longer(new Float64Array(capacity), this.modSeqs);
    if (this.keywordsLow) this.keywordsLow = longer(new Uint32Array(capacity), this.keywordsLow);
    if (this.keywordsHigh) this.keywordsHigh = longer(new Uint32Array(capacity), this.keywordsHigh);
  }
}
