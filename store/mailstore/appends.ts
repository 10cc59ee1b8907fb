import { withinQuota } from './accounts.ts';
import type { Row } from './database.ts';
import { type KeywordBits, type Keywords, NO_KEYWORDS } from './keywords.ts';
import type { AppendMessage, AppendResult, QuotaLimits, QuotaUsage } from './mailstore.ts';
import { MessageInserts, threadsOf } from './message-rows.ts';
import { Abandon, CommitOutcomeUnknown, type SqlQuery } from './transaction.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** Runs work with a mailbox locked by the write rule. */
type Locked = <T>(
  mailboxId: number,
  work: (scope: WriteScope, mailbox: LockedMailbox, threads: Row[]) => Promise<T | Abandon<T>>,
  ask: (ownerId: number) => SqlQuery,
) => Promise<T | { readonly kind: 'no-such-mailbox' }>;

interface Waiting {
  readonly messages: readonly AppendMessage[];
  readonly quota: QuotaLimits;
  readonly settle: (result: AppendResult) => void;
  readonly fail: (fault: unknown) => void;
}

/** Most messages that share a transaction; a single APPEND may have more. */
const MAX_BATCH_MESSAGES = 100;

/**
 * APPENDs into one mailbox that arrive together share a transaction: they would wait for each other's locks otherwise. The next
 * one starts when the one before ends; a lone APPEND waits for nothing.
 */
export class Appends {
  readonly #keywords: Keywords;
  readonly #locked: Locked;
  /** By mailbox; there as long as one of them is under way. */
  readonly #lanes = new Map<number, Waiting[]>();

  constructor(keywords: Keywords, locked: Locked) {
    this.#keywords = keywords;
    this.#locked = locked;
  }

  append(mailboxId: number, messages: readonly AppendMessage[], quota: QuotaLimits): Promise<AppendResult> {
    return new Promise((settle, fail) => {
      const waiting: Waiting = { messages, quota, settle, fail };
      const lane = this.#lanes.get(mailboxId);
      if (lane !== undefined) {
        lane.push(waiting);
        return;
      }
      this.#lanes.set(mailboxId, [waiting]);
      void this.#run(mailboxId);
    });
  }

  async #run(mailboxId: number): Promise<void> {
    const lane = this.#lanes.get(mailboxId) ?? [];
    while (lane.length > 0) {
      let messages = 0;
      let count = 0;
      for (const waiting of lane) {
        messages += waiting.messages.length;
        if (count > 0 && messages > MAX_BATCH_MESSAGES) break;
        count++;
      }
      await this.#serve(mailboxId, lane.splice(0, count));
    }
    this.#lanes.delete(mailboxId);
  }

  /** All together; if that fails, each alone, so that a poisoned one fails alone. */
  async #serve(mailboxId: number, batch: readonly Waiting[]): Promise<void> {
    try {
      const all = batch.flatMap(({ messages }) => messages);
      const results = await this.#locked(
        mailboxId,
        (scope, mailbox, threads) => this.#commit(scope, mailbox, batch, threads),
        (accountId) => threadsOf(all.map(({ content }) => ({ accountId, content }))),
      );
      for (const [i, { settle }] of batch.entries()) {
        settle(Array.isArray(results) ? (results[i] as AppendResult) : { kind: 'no-such-mailbox' });
      }
    } catch (fault) {
      // When nobody knows the outcome of COMMIT none of them is run again: APPEND has no id that would find it on record.
      const [only] = batch;
      if (batch.length > 1 && !(fault instanceof CommitOutcomeUnknown)) {
        for (const waiting of batch) await this.#serve(mailboxId, [waiting]);
      } else if (only !== undefined) for (const { fail } of batch) fail(fault);
    }
  }

  async #commit(
    scope: WriteScope,
    mailbox: LockedMailbox,
    batch: readonly Waiting[],
    threads: readonly Row[],
  ): Promise<AppendResult[] | Abandon<AppendResult[]>> {
    const inserts = new MessageInserts(scope, threads);
    const results: AppendResult[] = [];
    for (const { messages, quota } of batch) {
      const bytes = messages.reduce((sum, m) => sum + m.content.sizeBytes, 0);
      const more = { bytes, messages: messages.length };
      results.push(await addMessages(inserts, scope, this.#keywords, mailbox, messages, more, quota));
    }
    if (results.every(({ kind }) => kind !== 'appended')) return new Abandon(results);
    await inserts.flush();
    await scope.save();
    return results;
  }
}

/**
 * Adds messages to a mailbox that is locked; what the transaction inserts is flushed by the caller. Unless they are appended nothing has
 * changed.
 *
 * @param more what the account grows by
 */
export async function addMessages(
  inserts: MessageInserts,
  scope: WriteScope,
  keywords: Keywords,
  mailbox: LockedMailbox,
  messages: readonly AppendMessage[],
  more: QuotaUsage,
  quota: QuotaLimits,
): Promise<AppendResult> {
  const account = scope.account(mailbox.ownerId);
  if (account === undefined) throw new Error('the account of a mailbox is not locked');
  const grows = more.bytes > 0 || more.messages > 0;
  if (grows && !withinQuota({ bytes: account.bytes, messages: account.messages }, more, quota)) {
    return { kind: 'over-quota' };
  }
  const all: KeywordBits[] = [];
  for (const { flags } of messages) {
    const names = flags.keywords;
    const bits =
      names.length === 0 ? NO_KEYWORDS : await keywords.bitsOf(scope.transaction, mailbox.ownerId, names, true);
    if (bits === undefined) return { kind: 'too-many-keywords' };
    all.push(bits);
  }
  const uids = messages.flatMap(({ content, flags, internalDate }, i) => {
    const into = { mailbox, flags: flags.system, keywords: all[i] ?? NO_KEYWORDS };
    return inserts.add(account, content, internalDate.getTime(), [into]).uids;
  });
  return { kind: 'appended', uidValidity: mailbox.uidValidity, uids, modSeq: mailbox.highestModSeq };
}
