/** A copy of an email: a message in a mailbox. */
export interface CopyAt {
  readonly mailboxId: number;
  readonly uid: number;
}

/** Copies in one mailbox, in order of their UIDs, and the email of each. */
export interface Copies {
  readonly mailboxId: number;
  readonly uids: readonly number[];
  readonly emailNos: readonly number[];
}

/** Mailbox and UID of a copy in one number: the mailbox's index times this, and the UID. */
const UIDS = 2 ** 32;
/** What an entry of a Map of numbers takes, and one with an array. */
const ENTRY_BYTES = 40;
const LIST_BYTES = 120;

/** Where the copies of each email of an account lie. Nearly all have one: a number; the others a list beside it. */
export class EmailCopies {
  readonly #first = new Map<number, number>();
  /** Further ones. */
  readonly #more = new Map<number, number[]>();
  readonly #mailboxIds: number[] = [];
  readonly #indexOf = new Map<number, number>();
  /** By index of mailbox. */
  readonly #highestUids: number[] = [];

  get bytes(): number {
    return this.#first.size * ENTRY_BYTES + this.#more.size * LIST_BYTES;
  }

  /** The copy that stands for the email. */
  first(emailNo: number): CopyAt | undefined {
    const packed = this.#first.get(emailNo);
    return packed === undefined ? undefined : this.#unpacked(packed);
  }

  all(emailNo: number): CopyAt[] {
    const first = this.first(emailNo);
    return first === undefined ? [] : [first, ...(this.#more.get(emailNo) ?? []).map((each) => this.#unpacked(each))];
  }

  /** The highest UID in a mailbox that was ever put here: UIDs only grow, so what is not known lies above. */
  highestUid(mailboxId: number): number {
    return this.#highestUids[this.#indexOf.get(mailboxId) ?? -1] ?? 0;
  }

  add(emailNo: number, { mailboxId, uid }: CopyAt): void {
    const index = this.#index(mailboxId);
    const packed = index * UIDS + uid;
    if (uid > (this.#highestUids[index] as number)) this.#highestUids[index] = uid;
    const first = this.#first.get(emailNo);
    if (first === undefined) this.#first.set(emailNo, packed);
    if (first === undefined || first === packed) return;
    const more = this.#more.get(emailNo);
    if (more === undefined) this.#more.set(emailNo, [packed]);
    else if (!more.includes(packed)) more.push(packed);
  }

  remove(emailNo: number, { mailboxId, uid }: CopyAt): void {
    const packed = this.#index(mailboxId) * UIDS + uid;
    const all = [this.#first.get(emailNo) ?? -1, ...(this.#more.get(emailNo) ?? [])];
    const [first, ...more] = all.filter((each) => each !== packed && each >= 0);
    if (first === undefined) this.#first.delete(emailNo);
    else this.#first.set(emailNo, first);
    if (more.length === 0) this.#more.delete(emailNo);
    else this.#more.set(emailNo, more);
  }

  #index(mailboxId: number): number {
    let index = this.#indexOf.get(mailboxId);
    if (index === undefined) {
      index = this.#mailboxIds.push(mailboxId) - 1;
      this.#indexOf.set(mailboxId, index);
      this.#highestUids.push(0);
    }
    return index;
  }

  #unpacked(packed: number): CopyAt {
    return { mailboxId: this.#mailboxIds[Math.floor(packed / UIDS)] as number, uid: packed % UIDS };
  }
}

/** Copies by mailbox, each in order of UID. */
export function copiesByMailbox(copies: readonly (CopyAt & { readonly emailNo: number })[]): Copies[] {
  const byMailbox = new Map<number, { readonly uid: number; readonly emailNo: number }[]>();
  for (const { mailboxId, uid, emailNo } of copies) {
    const there = byMailbox.get(mailboxId);
    if (there === undefined) byMailbox.set(mailboxId, [{ uid, emailNo }]);
    else there.push({ uid, emailNo });
  }
  return [...byMailbox].map(([mailboxId, there]) => {
    there.sort((a, b) => a.uid - b.uid);
    return { mailboxId, uids: there.map(({ uid }) => uid), emailNos: there.map(({ emailNo }) => emailNo) };
  });
}
