import type { FlagSet } from './flags.ts';
import { type Keywords, NO_MORE } from './keywords.ts';
import type { MessageColumns } from './message-columns.ts';
import type { MailboxColumns, SelectedMailbox, SessionChanges } from './selected-mailbox.ts';
import type { SharedView } from './shared-view.ts';

const NO_NAMES: readonly string[] = [];

/** UIDs from this one up to (not including) the other are \Recent in a session. */
export interface RecentRange {
  readonly from: number;
  readonly to: number;
}

/** What a session needs of the mailstore beside the view. */
export interface SessionDoor {
  /** The mailbox is another account's than the session's. */
  readonly foreign: boolean;
  claimRecent(mailboxId: number): Promise<RecentRange>;
  closed(): void;
}

/** One session's numbering over the shared view. */
export class MailboxSession implements SelectedMailbox {
  readonly #view: SharedView;
  readonly #keywords: Keywords;
  readonly #door: SessionDoor;
  #columns: MessageColumns;
  #exists: number;
  /** Changes up to this mod-sequence were told to the client, or were part of what it saw at SELECT. */
  #told: number;
  /** Up to here expunges were told as well. */
  #toldWhole: number;
  #keywordsTold: number;
  readonly #own = new Set<number>();
  #recentFrom = Number.POSITIVE_INFINITY;
  readonly #claims: boolean;
  #closed = false;

  constructor(view: SharedView, keywords: Keywords, claims: boolean, door: SessionDoor) {
    this.#view = view;
    this.#keywords = keywords;
    this.#door = door;
    this.#claims = claims;
    this.#columns = view.current;
    this.#exists = view.current.count;
    this.#told = view.head.highestModSeq;
    this.#toldWhole = view.head.highestModSeq;
    this.#keywordsTold = view.keywordCount;
    view.enter(this.#columns);
  }

  get mailboxId(): number {
    return this.#view.mailboxId;
  }

  get accountId(): number {
    return this.#view.head.ownerId;
  }

  get foreign(): boolean {
    return this.#door.foreign;
  }

  get uidValidity(): number {
    return this.#view.head.uidValidity;
  }

  get exists(): number {
    return this.#exists;
  }

  get columns(): MailboxColumns {
    const { uids, flags, modSeqs, keywordsLow, keywordsHigh } = this.#columns;
    return { count: this.#exists, uids, flags, modSeqs, keywordsLow, keywordsHigh };
  }

  get uidNext(): number {
    return this.#view.head.uidNext;
  }

  get highestModSeq(): number {
    return this.#view.head.highestModSeq;
  }

  get toldModSeq(): number {
    return this.#toldWhole;
  }

  get expungesPending(): boolean {
    return this.#columns !== this.#view.current;
  }

  get recentFromUid(): number {
    return this.#recentFrom;
  }

  get hasKeywords(): boolean {
    return this.#columns.keywordsLow !== undefined;
  }

  uidAt(sequence: number): number | undefined {
    return sequence >= 1 && sequence <= this.#exists ? this.#columns.uids[sequence - 1] : undefined;
  }

  sequenceOf(uid: number): number {
    const index = this.#columns.indexOf(uid);
    return index >= 0 && index < this.#exists ? index + 1 : 0;
  }

  isGone(uid: number): boolean {
    return this.#view.current.indexOf(uid) < 0;
  }

  firstSequenceFrom(uid: number): number {
    return this.#columns.lowerBound(uid, this.#exists) + 1;
  }

  keywordsAt(sequence: number): readonly string[] {
    const low = this.#columns.keywordsLow?.[sequence - 1] ?? 0;
    const high = this.#columns.keywordsHigh?.[sequence - 1] ?? 0;
    if (low === 0 && high === 0) return NO_NAMES;
    const more = this.#columns.more.get(this.#columns.uids[sequence - 1] ?? 0) ?? NO_MORE;
    return this.#keywords.namesOf(this.accountId, { low, high, more });
  }

  flagsAt(sequence: number): FlagSet {
    return { system: this.#columns.flags[sequence - 1] ?? 0, keywords: this.keywordsAt(sequence) };
  }

  keywords(): readonly string[] {
    return this.#keywords.known(this.accountId).filter((name) => name !== undefined);
  }

  refresh(): Promise<'current' | 'gone'> {
    return this.#view.refresh();
  }

  get hasChanges(): boolean {
    const { current, head, keywordCount } = this.#view;
    return (
      this.#columns !== current ||
      current.count !== this.#exists ||
      current.highestModSeq > this.#told ||
      head.highestModSeq > this.#toldWhole ||
      keywordCount > this.#keywordsTold
    );
  }

  take({ expunges }: { readonly expunges: boolean }): SessionChanges {
    const known = this.#exists;
    const next = this.#view.current;
    const expungedSequence: number[] = [];
    const expungedUids: number[] = [];
    let survivors = known;
    if (expunges && next !== this.#columns) {
      for (let i = 0; i < known; i++) {
        const uid = this.#columns.uids[i] as number;
        if (next.indexOf(uid) >= 0) continue;
        expungedUids.push(uid);
        expungedSequence.push(i + 1);
      }
      survivors = known - expungedUids.length;
      expungedSequence.reverse();
      this.#view.leave(this.#columns);
      this.#columns = next;
      this.#view.enter(next);
    }
    const flagsSequence: number[] = [];
    const { modSeqs } = this.#columns;
    let highest = this.#told;
    const changedRows = this.#columns.highestModSeq > this.#told ? this.#columns.count : 0;
    for (let i = 0; i < changedRows; i++) {
      const modSeq = modSeqs[i] as number;
      if (modSeq <= this.#told) continue;
      if (modSeq > highest) highest = modSeq;
      if (i < survivors && !this.#own.has(modSeq)) flagsSequence.push(i + 1);
    }
    this.#told = highest;
    if (this.#columns === next) this.#toldWhole = Math.max(this.#toldWhole, this.#view.head.highestModSeq);
    for (const modSeq of this.#own) if (modSeq <= highest) this.#own.delete(modSeq);
    this.#exists = this.#columns.count;
    const keywordsChanged = this.#view.keywordCount > this.#keywordsTold;
    this.#keywordsTold = this.#view.keywordCount;
    return {
      expungedSequence,
      expungedUids,
      exists: this.#exists > survivors ? this.#exists : undefined,
      flagsSequence,
      keywordsChanged,
    };
  }

  ignoreFlagsOf(modSeq: number): void {
    if (modSeq > this.#told) this.#own.add(modSeq);
  }

  /** Messages with this UID and above are shown as \Recent, without being taken from the next session. */
  showRecentFrom(uid: number): void {
    this.#recentFrom = uid;
  }

  async claimRecent(): Promise<void> {
    if (!this.#claims) return;
    const { from, to } = await this.#door.claimRecent(this.mailboxId);
    // Sessions take turns at claiming; a range that another session took in between is a rarity not worth a list.
    if (to > from) this.#recentFrom = Math.min(this.#recentFrom, from);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#view.leave(this.#columns);
    this.#door.closed();
  }
}
