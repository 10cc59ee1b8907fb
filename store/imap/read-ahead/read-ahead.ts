import type { FetchedMessage, Messages, SelectedMailbox } from '../../mailstore/mailstore.ts';
import { SMALL_BODY_BYTES } from '../../mailstore/packed-body.ts';
import type { Holder, ReadAheadMemory } from './read-ahead-memory.ts';
import { ReadingOrder, type Way } from './reading-order.ts';

/** Messages of the first portion, and of the largest: each is twice the one before while the client takes them. */
const FIRST_PORTION = 4;
const LARGEST_PORTION = 16;
/** A request for more than these asks for a page, which is read ahead of by pages. */
const MOST_ASKED = 8;

/** Messages that are read together, before they are asked for. */
interface Portion {
  readonly way: Way;
  /** In the order in which they are expected. */
  readonly uids: readonly number[];
  readonly reading: Promise<ReadonlyMap<number, FetchedMessage>>;
  /** What was read; those that are gone, or larger than small ones, are missing. */
  messages: ReadonlyMap<number, FetchedMessage> | undefined;
  /** Taken of the memory: the most that it can be while it is read, then what it is. */
  bytes: number;
  dropped: boolean;
}

/**
 * Reads messages before a client asks for them that takes one after the other, in either direction: one question to the database for up to
 * sixteen, while the client works on those before. Nothing here can grow old: what a UID stands for never changes. Whether the message is still
 * there is a question to the view: what other processes expunged a moment ago may still be sent (RFC 2180 §4.1.1).
 */
export class ReadAhead implements Holder {
  readonly #memory: ReadAheadMemory;
  readonly #messages: Pick<Messages, 'fetch'>;
  readonly #view: SelectedMailbox;
  readonly #order = new ReadingOrder();
  /** The one that the client is in, and the one behind it. */
  #portions: readonly Portion[] = [];
  /** Messages asked for, and passed over, since the last portion was begun. */
  #asked = 0;
  #passedOver = 0;

  constructor(memory: ReadAheadMemory, messages: Pick<Messages, 'fetch'>, view: SelectedMailbox) {
    this.#memory = memory;
    this.#messages = messages;
    this.#view = view;
  }

  get lastAskedMs(): number {
    return this.#order.lastAskedMs;
  }

  /**
   * Tells which messages the client asks for now, with their octets. Returns them, in the same order, where all lie here or are on their way;
   * undefined where they have to be read, or may be gone.
   *
   * @param uids ascending
   */
  take(
    uids: readonly number[],
  ): readonly FetchedMessage[] | undefined | Promise<readonly FetchedMessage[] | undefined> {
    const [firstUid] = uids;
    const lastUid = uids.at(-1);
    if (firstUid === undefined || lastUid === undefined || uids.length > MOST_ASKED) {
      this.drop();
      return undefined;
    }
    const way = this.#order.note(this.#view, { firstUid, lastUid }, performance.now());
    const touched = this.#portions.filter((portion) => uids.some((uid) => portion.uids.includes(uid)));
    const coming = touched.filter(({ messages }) => messages === undefined).map(({ reading }) => reading);
    const found =
      touched.length === 0
        ? undefined
        : coming.length === 0
          ? this.#found(uids, touched)
          : Promise.all(coming).then(() => this.#found(uids, touched));
    if (way !== 0) this.#readOn(way, firstUid, lastUid, uids.length);
    else if (touched.length === 0) this.drop();
    return found;
  }

  #found(uids: readonly number[], portions: readonly Portion[]): readonly FetchedMessage[] | undefined {
    const found: FetchedMessage[] = [];
    for (const uid of uids) {
      const message = portions.find(({ messages }) => messages?.has(uid))?.messages?.get(uid);
      if (message === undefined || this.#view.isGone(uid)) return undefined;
      found.push(message);
    }
    return found;
  }

  /** Begins the next portion when less than half of the last one lies before the client. */
  #readOn(way: 1 | -1, firstUid: number, lastUid: number, asked: number): void {
    this.#asked += asked;
    this.#passedOver += this.#order.passedOver;
    const isAhead = (uid: number): boolean => (way === 1 ? uid > lastUid : uid < firstUid);
    const isBehind = (uid: number): boolean => (way === 1 ? uid < firstUid : uid > lastUid);
    this.#keep((portion) => portion.way === way && portion.uids.some((uid) => !isBehind(uid)));
    const last = this.#portions.at(-1);
    let size = FIRST_PORTION;
    if (last !== undefined) {
      const left = this.#portions.reduce((sum, { uids }) => sum + uids.filter(isAhead).length, 0);
      if (this.#portions.length > 1 || left > last.uids.length / 2) return;
      // Who passes over more than he takes gets less and less.
      size = this.#passedOver > this.#asked ? last.uids.length >> 1 : Math.min(LARGEST_PORTION, last.uids.length * 2);
    }
    if (size < 2) {
      this.#order.forget();
      return;
    }
    const from = last?.uids.at(-1) ?? (way === 1 ? lastUid : firstUid);
    this.#read(way, this.#next(way, from, size));
  }

  /** UIDs behind one, in order of the way. */
  #next(way: 1 | -1, uid: number, count: number): number[] {
    const uids: number[] = [];
    let sequence = way === 1 ? this.#view.firstSequenceFrom(uid + 1) : this.#view.firstSequenceFrom(uid) - 1;
    for (; uids.length < count; sequence += way) {
      const next = this.#view.uidAt(sequence);
      if (next === undefined) break;
      uids.push(next);
    }
    return uids;
  }

  #read(way: 1 | -1, uids: readonly number[]): void {
    const bytes = uids.length * SMALL_BODY_BYTES;
    if (uids.length === 0 || !this.#memory.take(this, bytes)) return;
    this.#asked = 0;
    this.#passedOver = 0;
    const ascending = way === 1 ? uids : uids.toReversed();
    const portion: Portion = {
      way,
      uids,
      // A fault is told by the request that then has to read for itself.
      reading: this.#smallOf(ascending).catch(() => NOTHING),
      messages: undefined,
      bytes,
      dropped: false,
    };
    this.#portions = [...this.#portions, portion];
    void portion.reading.then((messages) => this.#arrived(portion, messages));
  }

  async #smallOf(uids: readonly number[]): Promise<ReadonlyMap<number, FetchedMessage>> {
    const found = new Map<number, FetchedMessage>();
    const wants = { body: 'small', pageSize: uids.length } as const;
    for await (const page of this.#messages.fetch(this.#view.mailboxId, uids, wants)) {
      for (const message of page) if (message.body !== undefined) found.set(message.uid, message);
    }
    return found;
  }

  #arrived(portion: Portion, messages: ReadonlyMap<number, FetchedMessage>): void {
    portion.messages = messages;
    let bytes = 0;
    for (const { body } of messages.values()) bytes += body?.length ?? 0;
    this.#memory.giveBack(this, portion.dropped ? portion.bytes : portion.bytes - bytes);
    portion.bytes = bytes;
  }

  #keep(isKept: (portion: Portion) => boolean): void {
    const dropped = this.#portions.filter((portion) => !isKept(portion));
    if (dropped.length === 0) return;
    this.#portions = this.#portions.filter(isKept);
    for (const portion of dropped) {
      portion.dropped = true;
      // One that is being read gives back when it has come.
      if (portion.messages !== undefined) this.#memory.giveBack(this, portion.bytes);
    }
  }

  drop(): void {
    if (this.#portions.length > 0) this.#keep(() => false);
  }
}

const NOTHING: ReadonlyMap<number, FetchedMessage> = new Map();
