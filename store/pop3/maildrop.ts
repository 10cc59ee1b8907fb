import type { Mailstore } from '../mailstore/mailstore.ts';

const CONTENT_ID_BYTES = 16;
/** Messages read at a time when the maildrop is opened. */
const PAGE = 2000;

/** One message of a maildrop. */
export interface MaildropMessage {
  /** From 1, for this session alone. */
  readonly number: number;
  readonly uid: number;
  readonly sizeBytes: number;
  readonly contentId: Buffer;
}

/**
 * What a session sees: the messages that INBOX held when it began, with their numbers, and which of them are to be deleted. It is
 * a picture and no lock (RFC 1939 §4 asks for an exclusive one so that numbers stay): IMAP, deliveries and other POP3 sessions go on, and what they
 * remove is only gone from the next session on.
 */
export class Maildrop {
  readonly mailboxId: number;
  readonly #uidValidity: number;
  readonly #uids: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #contentIds: Buffer;
  readonly #deleted = new Set<number>();
  readonly #retrieved = new Set<number>();
  #sizeBytes = 0;

  private constructor(mailboxId: number, uidValidity: number, count: number) {
    this.mailboxId = mailboxId;
    this.#uidValidity = uidValidity;
    this.#uids = new Uint32Array(count);
    this.#sizes = new Float64Array(count);
    this.#contentIds = Buffer.alloc(count * CONTENT_ID_BYTES);
  }

  /** The INBOX of an account as it is now; `too-many` when it holds more messages than a session may have. */
  static async open(mailstore: Mailstore, accountId: number, maxMessages: number): Promise<Maildrop | 'too-many'> {
    const found = await mailstore.mailboxes.find(accountId, 'INBOX');
    const view = found && (await mailstore.mailboxes.open(found.id, { claimRecent: false, found }));
    if (found === undefined || view === undefined) throw new Error('an account has no INBOX');
    let uids: Uint32Array;
    try {
      const { columns } = view;
      uids = columns.uids.slice(0, columns.count);
    } finally {
      view.close();
    }
    if (uids.length > maxMessages) return 'too-many';
    const maildrop = new Maildrop(found.id, found.uidValidity, uids.length);
    let at = 0;
    for await (const page of mailstore.messages.fetch(found.id, uids, { pageSize: PAGE })) {
      for (const message of page) maildrop.#put(at++, message.uid, message.sizeBytes, message.contentId);
    }
    return maildrop.#cutTo(at);
  }

  #put(at: number, uid: number, sizeBytes: number, contentId: Buffer): void {
    this.#uids[at] = uid;
    this.#sizes[at] = sizeBytes;
    contentId.copy(this.#contentIds, at * CONTENT_ID_BYTES);
    this.#sizeBytes += sizeBytes;
  }

  /** Messages that went between the two questions are left out. */
  #cutTo(count: number): Maildrop {
    if (count === this.#uids.length) return this;
    const cut = new Maildrop(this.mailboxId, this.#uidValidity, count);
    for (let at = 0; at < count; at++) {
      const { uid, sizeBytes, contentId } = this.#at(at);
      cut.#put(at, uid, sizeBytes, contentId);
    }
    return cut;
  }

  #at(at: number): MaildropMessage {
    const from = at * CONTENT_ID_BYTES;
    return {
      number: at + 1,
      uid: this.#uids[at] as number,
      sizeBytes: this.#sizes[at] as number,
      contentId: this.#contentIds.subarray(from, from + CONTENT_ID_BYTES),
    };
  }

  /** Messages that are not marked as deleted. */
  get count(): number {
    return this.#uids.length - this.#deleted.size;
  }

  /** Their octets. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Undefined for a number that there is not, and for a message marked as deleted. */
  message(number: number): MaildropMessage | undefined {
    if (number < 1 || number > this.#uids.length || this.#deleted.has(number)) return undefined;
    return this.#at(number - 1);
  }

  /** Those that are not marked as deleted. */
  *messages(): Generator<MaildropMessage> {
    for (let number = 1; number <= this.#uids.length; number++) {
      const message = this.message(number);
      if (message !== undefined) yield message;
    }
  }

  /** RFC 1939 §7: never the same for two messages of this mailbox, and kept as long as the message is there. */
  uniqueId({ uid }: MaildropMessage): string {
    return `${this.#uidValidity}.${uid}`;
  }

  delete(message: MaildropMessage): void {
    this.#deleted.add(message.number);
    this.#sizeBytes -= message.sizeBytes;
  }

  /** RSET. */
  undeleteAll(): void {
    for (const number of this.#deleted) this.#sizeBytes += this.#sizes[number - 1] as number;
    this.#deleted.clear();
  }

  /** It was sent whole. */
  retrieved(message: MaildropMessage): void {
    this.#retrieved.add(message.number);
  }

  /** UIDs, ascending, of what QUIT has to remove, and of what was read and stays. */
  outcome(): { readonly deleted: readonly number[]; readonly read: readonly number[] } {
    const uidsOf = (numbers: Iterable<number>): number[] =>
      [...numbers].map((number) => this.#uids[number - 1] as number).sort((a, b) => a - b);
    const kept = [...this.#retrieved].filter((number) => !this.#deleted.has(number));
    return { deleted: uidsOf(this.#deleted), read: uidsOf(kept) };
  }
}
