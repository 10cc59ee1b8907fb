import type { CopyAt } from './email-copies.ts';
import { DELETED } from './flags.ts';
import { KEYWORD_COLUMNS, MORE_BIT } from './keywords.ts';

/** Of a message `m` and its email `e`. */
export const COPY_COLUMNS = `e.email_no, m.mailbox_id, m.uid, m.flags, ${KEYWORD_COLUMNS.replaceAll('keywords', 'm.keywords')},
  GREATEST(m.modseq, e.modseq)`;

/** The same, with the loss of copies (`lost`), which the email itself learns when that is forgotten. */
export const COPY_COLUMNS_OF_ALL = COPY_COLUMNS.replace('e.modseq)', 'e.modseq, COALESCE(lost.modseq, 0))');

export type CopyRow = [
  emailNo: number,
  mailboxId: number,
  uid: number,
  flags: number,
  low: number,
  high: number,
  modSeq: number,
];

/** An email as it is put together from its copies: a flag is set where any copy has it, \Deleted where all have. */
export interface Gathered {
  emailNo: number;
  flags: number;
  low: number;
  high: number;
  /** The highest of the copies', or of the loss of one. */
  modSeq: number;
  readonly copies: CopyAt[];
  /** Copies with keywords from number 64 on. */
  readonly marked: CopyAt[];
}

/** Puts emails together from rows in order of email. */
export class Gathering {
  #email: Gathered | undefined;

  add([emailNo, mailboxId, uid, flags, low, high, modSeq]: CopyRow, complete: (email: Gathered) => void): void {
    const copy = { mailboxId, uid };
    const marked = (high & MORE_BIT) !== 0 ? [copy] : [];
    const email = this.#email;
    if (email === undefined || email.emailNo !== emailNo) {
      if (email !== undefined) complete(email);
      this.#email = { emailNo, flags, low, high, modSeq, copies: [copy], marked };
      return;
    }
    email.flags = ((email.flags | flags) & ~DELETED) | (email.flags & flags & DELETED);
    email.low = (email.low | low) >>> 0;
    email.high = (email.high | high) >>> 0;
    email.modSeq = Math.max(email.modSeq, modSeq);
    email.copies.push(copy);
    email.marked.push(...marked);
  }

  end(complete: (email: Gathered) => void): void {
    if (this.#email !== undefined) complete(this.#email);
    this.#email = undefined;
  }
}
