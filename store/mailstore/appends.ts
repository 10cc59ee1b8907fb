import { withinQuota } from './accounts.ts';
import { AppendLanes } from './append-lanes.ts';
import { hashKey, idsByHash, type NewBody } from './body-rows.ts';
import type { SqlContents } from './content.ts';
import type { Row } from './database.ts';
import { type KeywordBits, type Keywords, NO_KEYWORDS } from './keywords.ts';
import type {
  AppendMessage,
  AppendResult,
  ArrivedContent,
  QuotaLimits,
  QuotaUsage,
  StoredContent,
} from './mailstore.ts';
import { MessageInserts, threadsOf } from './message-rows.ts';
import { Abandon, CommitOutcomeUnknown, type SqlQuery } from './transaction.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

/** What a transaction of APPENDs reads when its mailbox is locked. */
export interface AppendReads {
  /** Rows of hash and id, of the bodies that it writes. */
  readonly contents: readonly Row[];
  readonly threads: readonly Row[];
}

/** Somebody else holds the account, and bodies of this transaction may not wait for it. */
export const ACCOUNT_HELD = { kind: 'account-held' } as const;

/**
 * Runs work with a mailbox locked by the write rule, and bodies written before that in the same transaction: then the
 * account is not waited for, as others may be bringing the same bodies.
 */
export type LockedAppend = <T>(
  mailboxId: number,
  bodies: readonly NewBody[],
  ask: (ownerId: number) => SqlQuery,
  work: (scope: WriteScope, mailbox: LockedMailbox, reads: AppendReads) => Promise<T | Abandon<T>>,
) => Promise<T | { readonly kind: 'no-such-mailbox' } | typeof ACCOUNT_HELD>;

/** A message whose body is written, or is by the end of the transaction. */
export type StoredMessage = Omit<AppendMessage, 'content'> & { readonly content: StoredContent };

/** Appends a few messages in one round trip. */
export interface AppendAtOnce {
  /** How many it takes at a time; 0: it makes no sense to try. */
  readonly most: number;
  /** Whether this one makes sense to try. */
  takes(message: AppendMessage): boolean;
  /**
   * What became of each message. Undefined when it did nothing, and the transaction is to be made of statements: for several messages also where they
   * exceed the quota.
   *
   * @throws CommitOutcomeUnknown when the answer did not come
   */
  append(
    mailboxId: number,
    name: string | undefined,
    messages: readonly AppendMessage[],
    quota: QuotaLimits,
  ): Promise<AppendResult[] | undefined>;
}

interface Waiting {
  readonly messages: readonly AppendMessage[];
  readonly quota: QuotaLimits;
  /** That the mailbox must have. */
  readonly name: string | undefined;
  readonly settle: (result: AppendResult) => void;
  readonly fail: (fault: unknown) => void;
}

/** Most messages that share a transaction; a single APPEND may have more. */
const MAX_BATCH_MESSAGES = 100;

/**
 * APPENDs into one mailbox: a few by a procedure, or many in one transaction of statements, where they would wait for each other's locks. A lone APPEND
 * waits for nothing.
 */
export class Appends {
  readonly #keywords: Keywords;
  readonly #contents: Pick<SqlContents, 'keep'>;
  readonly #locked: LockedAppend;
  readonly #atOnce: AppendAtOnce;
  readonly #lanes: AppendLanes<Waiting>;

  /** @param maxBeside see {@link AppendLanes} */
  constructor(
    keywords: Keywords,
    contents: Pick<SqlContents, 'keep'>,
    locked: LockedAppend,
    atOnce: AppendAtOnce,
    maxBeside: number,
  ) {
    this.#atOnce = atOnce;
    this.#keywords = keywords;
    this.#contents = contents;
    this.#locked = locked;
    this.#lanes = new AppendLanes(
      {
        goAtOnce: (waiting) => alike(waiting, atOnce),
        atOnce: (mailboxId, waiting) => this.#few(mailboxId, waiting),
        together: (mailboxId, batch) => this.#serve(mailboxId, batch),
        take: batchOf,
      },
      maxBeside,
    );
  }

  append(
    mailboxId: number,
    messages: readonly AppendMessage[],
    quota: QuotaLimits,
    name?: string,
  ): Promise<AppendResult> {
    return new Promise((settle, fail) => {
      this.#lanes.add(mailboxId, { messages, quota, name, settle, fail });
    });
  }

  /** They are {@link alike}. */
  async #few(mailboxId: number, waiting: readonly Waiting[]): Promise<(() => void) | undefined> {
    const [{ name, quota }] = waiting as [Waiting];
    const messages = waiting.flatMap((each) => each.messages);
    try {
      const results = await this.#atOnce.append(mailboxId, name, messages, quota);
      return (
        results &&
        (() => {
          for (const [i, { settle }] of waiting.entries()) settle(results[i] as AppendResult);
        })
      );
    } catch (fault) {
      return () => {
        for (const { fail } of waiting) fail(fault);
      };
    }
  }

  /** All together; if that fails, each alone, so that a poisoned one fails alone. */
  async #serve(mailboxId: number, batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#together(mailboxId, batch);
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

  async #together(
    mailboxId: number,
    batch: readonly Waiting[],
  ): Promise<AppendResult[] | { readonly kind: 'no-such-mailbox' }> {
    const all = batch.flatMap(({ messages }) => messages);
    const ask = (accountId: number): SqlQuery => threadsOf(all.map(({ content }) => ({ accountId, content })));
    const results = await this.#locked(mailboxId, bodiesOf(all), ask, (scope, mailbox, reads) =>
      this.#commit(scope, mailbox, batch, reads),
    );
    if (Array.isArray(results) || results.kind === 'no-such-mailbox') return results;
    const kept = await Promise.all(
      batch.map(async (waiting) => ({ ...waiting, messages: await this.#withBodiesKept(waiting.messages) })),
    );
    return this.#together(mailboxId, kept);
  }

  #withBodiesKept(messages: readonly AppendMessage[]): Promise<AppendMessage[]> {
    return Promise.all(messages.map(async (m) => ({ ...m, content: await this.#contents.keep(m.content) })));
  }

  async #commit(
    scope: WriteScope,
    mailbox: LockedMailbox,
    batch: readonly Waiting[],
    { contents, threads }: AppendReads,
  ): Promise<AppendResult[] | Abandon<AppendResult[]>> {
    const inserts = new MessageInserts(scope, threads);
    const ids = idsByHash(contents);
    const results: AppendResult[] = [];
    for (const { messages, quota, name } of batch) {
      if (name !== undefined && name !== mailbox.name) {
        results.push({ kind: 'no-such-mailbox' });
        continue;
      }
      const bytes = messages.reduce((sum, m) => sum + m.content.sizeBytes, 0);
      const more = { bytes, messages: messages.length };
      const stored = messages.map((m) => ({ ...m, content: storedContent(m.content, ids) }));
      results.push(await addMessages(inserts, scope, this.#keywords, mailbox, stored, more, quota));
    }
    if (results.every(({ kind }) => kind !== 'appended')) return new Abandon(results);
    await inserts.flush();
    await scope.save();
    return results;
  }
}

/** How many of the first have one message each, for the same mailbox by name and limits, and are appended in one round trip. */
function alike(waiting: readonly Waiting[], atOnce: AppendAtOnce): number {
  const [first] = waiting as [Waiting];
  let count = 0;
  for (const { messages, name, quota } of waiting) {
    const [message, ...others] = messages;
    if (message === undefined || others.length > 0 || count === atOnce.most || !atOnce.takes(message)) break;
    if (name !== first.name || quota.bytes !== first.quota.bytes || quota.messages !== first.quota.messages) break;
    count++;
  }
  return count;
}

/** How many of them share a transaction. */
function batchOf(waiting: readonly Waiting[]): number {
  let messages = 0;
  let count = 0;
  for (const each of waiting) {
    messages += each.messages.length;
    if (count > 0 && messages > MAX_BATCH_MESSAGES) break;
    count++;
  }
  return count;
}

/** The bodies that are not written yet, each once. */
function bodiesOf(messages: readonly AppendMessage[]): NewBody[] {
  const distinct = new Map<string, NewBody>();
  for (const { content } of messages) if ('body' in content) distinct.set(hashKey(content.sha256), content.body);
  return [...distinct.values()];
}

function storedContent(content: ArrivedContent, ids: ReadonlyMap<string, Buffer>): StoredContent {
  if (!('body' in content)) return content;
  const id = ids.get(hashKey(content.sha256));
  if (id === undefined) throw new Error('a body of this transaction was not written');
  const { sha256, sizeBytes, prepared } = content;
  return { id, sha256, sizeBytes, prepared };
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
  messages: readonly StoredMessage[],
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
