import { type Database, placeholders, type Row } from './database.ts';
import type { AccountLeases } from './leases/account-leases.ts';
import type { FoundMailbox, MailboxInfo, SpecialUse } from './mailstore.ts';

export const INFO_COLUMNS = 'id, owner_id, name, uidvalidity, special_use';
/** What {@link foundOf} reads. */
export const FOUND_COLUMNS = `${INFO_COLUMNS}, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes, first_recent_uid,
  vanished_floor, name_hash`;
/** Names of one statement. */
const MOST_NAMES = 200;

interface Question {
  readonly hash: Buffer;
  readonly answer: (found: FoundMailbox | undefined) => void;
  readonly fail: (fault: unknown) => void;
}

/**
 * Finds mailboxes by name. Questions of one turn of the event loop travel together: fifty pipelined STATUS commands are one
 * statement, since the driver sends a statement only when the one before is answered. Where this process has the account's lease, what was
 * found before is still so.
 */
export class MailboxFinder {
  readonly #database: Database;
  readonly #leases: AccountLeases | undefined;
  /** By account; there from the first question to the end of the turn. */
  readonly #asked = new Map<number, Question[]>();

  constructor(database: Database, leases: AccountLeases | undefined) {
    this.#database = database;
    this.#leases = leases;
  }

  find(accountId: number, hash: Buffer): Promise<FoundMailbox | undefined> {
    const known = this.#leases?.found(accountId, hash.toString('latin1'));
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((answer, fail) => {
      const question = { hash, answer, fail };
      const others = this.#asked.get(accountId);
      if (others !== undefined && others.length < MOST_NAMES) {
        others.push(question);
        return;
      }
      const questions = [question];
      this.#asked.set(accountId, questions);
      queueMicrotask(() => {
        if (this.#asked.get(accountId) === questions) this.#asked.delete(accountId);
        void this.#ask(accountId, questions);
      });
    });
  }

  async #ask(accountId: number, questions: readonly Question[]): Promise<void> {
    try {
      const hashes = questions.map(({ hash }) => hash);
      const select = `SELECT ${FOUND_COLUMNS} FROM mailbox WHERE owner_id = ? AND name_hash`;
      const among = hashes.length === 1 ? '= ?' : `IN (${placeholders(hashes.length)})`;
      const stamp = this.#leases?.stampOf(accountId);
      const rows = await this.#database.currentRows(`${select} ${among}`, [accountId, ...hashes]);
      if (stamp === undefined) this.#leases?.asked(accountId);
      const found = new Map(rows.map((row) => [(row[13] as Buffer).toString('latin1'), foundOf(row)]));
      for (const [hash, mailbox] of found) this.#leases?.keepFound(accountId, stamp, hash, mailbox);
      for (const { hash, answer } of questions) answer(found.get(hash.toString('latin1')));
    } catch (fault) {
      for (const { fail } of questions) fail(fault);
    }
  }
}

/** A row that begins with {@link INFO_COLUMNS}. */
export function infoOf(row: Row): MailboxInfo {
  return {
    id: row[0] as number,
    accountId: row[1] as number,
    name: row[2] as string,
    uidValidity: row[3] as number,
    specialUse: (row[4] as SpecialUse | null) ?? undefined,
  };
}

/** A row of {@link FOUND_COLUMNS}. */
export function foundOf(row: Row): FoundMailbox {
  const [id, accountId, name, uidValidity, specialUse, uidNext, highestModSeq, messages, unseen, deleted, sizeBytes] =
    row as [number, number, string, number, SpecialUse | null, number, number, number, number, number, number];
  const [firstRecentUid, vanishedFloor] = [row[11] as number, row[12] as number];
  const info = { id, accountId, name, uidValidity, specialUse: specialUse ?? undefined };
  const recent = firstRecentUid < uidNext ? undefined : 0;
  const counters = { id, uidValidity, uidNext, highestModSeq, messages, unseen, deleted, sizeBytes, recent };
  return { ...info, counters, firstRecentUid, vanishedFloor };
}
