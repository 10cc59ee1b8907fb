import { withinQuota } from './accounts.ts';
import { hashKey, idsByHash, writeBodyRows } from './body-rows.ts';
import type { Row, SqlValue } from './database.ts';
import { asksForUse, asksMemory, bodiesOf, contentsFor, fileOnce } from './delivery-contents.ts';
import { DeliveryMemory } from './delivery-memory.ts';
import { type KnownDelivery, keyText, recordedOf, recordsOf } from './delivery-records.ts';
import { type KeywordBits, type Keywords, NO_KEYWORDS } from './keywords.ts';
import { canonicalMailboxName, mailboxNameHash } from './mailbox-name.ts';
import { insertMailbox } from './mailbox-rows.ts';
import type {
  ArrivedContent,
  DeliveredMessage,
  DeliverResult,
  Delivery,
  DeliveryTarget,
  StoredContent,
} from './mailstore.ts';
import { emailIdText, MessageInserts, type NewMessage, threadsOf } from './message-rows.ts';
import { insertOutgoing, type NewOutgoing } from './outgoing-rows.ts';
import { insertRowsLater } from './queued-transaction.ts';
import { replyColumn } from './reply-column.ts';
import { writeSieveError } from './scripts.ts';
import { Abandon, type SqlQuery } from './transaction.ts';
import { isLockedByOthers, type LockedAccount, type LockedMailbox, type WriteScope } from './write-scope.ts';

/** One transaction's worth of deliveries, with the accounts already locked. */
export class BatchDelivery {
  readonly #scope: WriteScope;
  readonly #keywords: Keywords;
  readonly #batch: readonly Delivery[];
  readonly #skipLocked: boolean;
  readonly #whenMissing: DeliverResult;
  readonly #records: SqlValue[][] = [];
  readonly #outgoing: NewOutgoing[] = [];
  readonly #mailboxes = new Map<string, LockedMailbox>();
  /** Names of mailboxes with a use that a delivery asks for, by account and use. */
  readonly #named = new Map<string, string>();
  readonly #memory = new DeliveryMemory();
  /** Ids of the bodies that this transaction wrote, by hash. */
  #bodies: ReadonlyMap<string, Buffer> = new Map();

  constructor(scope: WriteScope, keywords: Keywords, batch: readonly Delivery[], skipLocked: boolean) {
    this.#scope = scope;
    this.#keywords = keywords;
    this.#batch = batch;
    this.#skipLocked = skipLocked;
    this.#whenMissing = skipLocked ? { kind: 'locked' } : { kind: 'fault', cause: new Error('the account is gone') };
  }

  async run(): Promise<DeliverResult[] | Abandon<DeliverResult[]>> {
    const { transaction } = this.#scope;
    const { known, threads } = await this.#lockAndRead();
    const inserts = new MessageInserts(this.#scope, threads);
    const results: DeliverResult[] = [];
    for (const delivery of this.#batch) results.push(await this.#deliver(delivery, known, inserts));
    if (this.#records.length === 0) return new Abandon(results);
    await inserts.flush();
    await insertRowsLater(
      transaction,
      'INSERT INTO delivery (peer, delivery_id, recipient, sha256, outcome, reply, at)',
      this.#records,
    );
    await insertOutgoing(transaction, this.#outgoing, Date.now());
    await this.#memory.save(transaction);
    await this.#scope.save();
    return results;
  }

  async #deliver(
    delivery: Delivery,
    known: Map<string, KnownDelivery>,
    inserts: MessageInserts,
  ): Promise<DeliverResult> {
    const account = this.#scope.account(delivery.account.id);
    if (account === undefined) return this.#whenMissing;
    const sha256 = delivery.sha256 ?? delivery.content.sha256;
    const before = known.get(keyText(delivery.key));
    if (before !== undefined) {
      return before.sha256.equals(sha256) ? { kind: 'repeated', recorded: before } : { kind: 'conflict' };
    }
    if (!this.#memory.bearsOut(delivery, account.rulesVersion)) return { kind: 'rules-changed' };
    const copies = delivery.into.length;
    const more = { bytes: delivery.content.sizeBytes * copies, messages: copies };
    if (copies > 0 && !withinQuota({ bytes: account.bytes, messages: account.messages }, more, delivery.quota)) {
      return { kind: 'over-quota' };
    }
    const into: NewMessage[] = [];
    for (const target of delivery.into) {
      const { keywords } = target.flags;
      // A message is worth more than a keyword too many.
      const bits: KeywordBits | undefined =
        keywords.length === 0
          ? NO_KEYWORDS
          : await this.#keywords.bitsOf(this.#scope.transaction, account.id, keywords, true);
      fileOnce(into, {
        mailbox: await this.#target(account.id, this.#nameOf(account.id, target), target.create === true),
        flags: target.flags.system,
        keywords: bits ?? NO_KEYWORDS,
      });
    }
    const now = Date.now();
    const record: KnownDelivery = { outcome: delivery.outcome, reply: delivery.reply, at: new Date(now), sha256 };
    known.set(keyText(delivery.key), record);
    const { peer, deliveryId, recipient } = delivery.key;
    const id = Buffer.from(deliveryId, 'hex');
    this.#records.push([peer, id, recipient, sha256, delivery.outcome, replyColumn(delivery.reply), now]);
    for (const [n, message] of (delivery.outgoing ?? []).entries()) {
      if (message.once !== undefined && !this.#memory.isNew(account.id, message.once)) continue;
      const origin = { id: `${deliveryId}/${account.id}/${n + 1}`, deliveryId, accountId: account.id };
      this.#outgoing.push({ origin, message, contentId: this.#stored(message.content).id });
    }
    const filed = this.#file(delivery, account, into, inserts);
    await this.#afterRules(delivery, account, inserts);
    return filed;
  }

  #file(
    delivery: Delivery,
    account: LockedAccount,
    into: readonly NewMessage[],
    inserts: MessageInserts,
  ): DeliverResult {
    if (into.length === 0) return { kind: 'delivered', reply: delivery.reply, emailId: '', messages: [] };
    const { emailNo, uids } = inserts.add(
      account,
      this.#stored(delivery.content),
      delivery.internalDate.getTime(),
      into,
    );
    const messages = into.map(
      ({ mailbox }, i): DeliveredMessage => ({
        mailboxId: mailbox.id,
        mailbox: mailbox.name,
        uidValidity: mailbox.uidValidity,
        uid: uids[i] as number,
        modSeq: mailbox.highestModSeq,
      }),
    );
    return { kind: 'delivered', reply: delivery.reply, emailId: emailIdText(emailNo), messages };
  }

  /** What the rules leave behind in the account: what they remember, their last error, and the notice of it. */
  async #afterRules({ rules }: Delivery, account: LockedAccount, inserts: MessageInserts): Promise<void> {
    if (rules === undefined) return;
    this.#memory.remember(account.id, rules.remember);
    if (rules.error !== undefined) await writeSieveError(this.#scope.transaction, account.id, rules.error);
    if (rules.notice === undefined || !this.#memory.isNew(account.id, rules.notice.once)) return;
    const mailbox = await this.#target(account.id, 'INBOX', false);
    const content = this.#stored(rules.notice.content);
    inserts.add(account, content, Date.now(), [{ mailbox, flags: 0, keywords: NO_KEYWORDS }]);
  }

  #stored(content: ArrivedContent): StoredContent {
    if (!('body' in content)) return content;
    const id = this.#bodies.get(hashKey(content.sha256));
    if (id === undefined) throw new Error('a body of this batch was not written');
    const { sha256, sizeBytes, prepared } = content;
    return { id, sha256, sizeBytes, prepared };
  }

  /**
   * Writes the bodies, locks the accounts, and then reads what the deliveries need: all in one round trip if the bodies are small. Only when somebody else holds one of the
   * accounts they are locked first, as far as they are free: mailboxes are locked under their account's lock alone.
   */
  async #lockAndRead(): Promise<{ known: Map<string, KnownDelivery>; threads: readonly Row[] }> {
    const scope = this.#scope;
    const ids = this.#batch.map((d) => d.account.id);
    const bodies = bodiesOf(this.#batch);
    // Before any account is locked, so that a large batch keeps nobody waiting.
    const written = bodies.length === 0 ? NO_BODIES : await writeBodyRows(scope.transaction, bodies);
    let sets: Row[][];
    try {
      const lock = scope.accountsById(ids, this.#skipLocked ? 'no-wait' : 'wait');
      sets = await scope.transaction.rowSets([lock, written, ...this.#reads(this.#batch)]);
      scope.keepAccounts(sets.shift() ?? []);
    } catch (fault) {
      if (!this.#skipLocked || !isLockedByOthers(fault)) throw fault;
      await scope.lockAccounts(ids, 'skip-locked');
      const locked = this.#batch.filter((d) => scope.account(d.account.id) !== undefined);
      sets = locked.length === 0 ? [] : await scope.transaction.rowSets([written, ...this.#reads(locked)]);
    }
    const [contents, records, mailboxes, threads, ...more] = sets;
    const named = this.#batch.some(asksForUse) ? more.shift() : undefined;
    this.#memory.keep(more.shift() ?? []);
    this.#bodies = idsByHash(contents ?? []);
    this.#keepMailboxes(mailboxes ?? []);
    this.#keepMailboxes(named ?? []);
    for (const row of named ?? []) this.#named.set(`${row[1] as number}/${row[11] as string}`, row[2] as string);
    return { known: recordedOf(records ?? []), threads: threads ?? [] };
  }

  /** Names change only under the account's lock, so what is found stays true to the end of the transaction. */
  #reads(deliveries: readonly Delivery[]): SqlQuery[] {
    const named = deliveries.flatMap(({ account, into }) =>
      into.flatMap(({ specialUse }) => (specialUse === undefined ? [] : [{ ownerId: account.id, specialUse }])),
    );
    return [
      recordsOf(deliveries.map((d) => d.key)),
      this.#scope.mailboxesByName(mailboxesFor(deliveries)),
      threadsOf(deliveries.flatMap((d) => contentsFor(d).map((content) => ({ accountId: d.account.id, content })))),
      ...(this.#batch.some(asksForUse) ? [this.#scope.mailboxesByUse(named)] : []),
      ...(this.#batch.some(asksMemory) ? [this.#memory.query(deliveries, Date.now())] : []),
    ];
  }

  #nameOf(accountId: number, target: DeliveryTarget): string {
    const named = target.specialUse === undefined ? undefined : this.#named.get(`${accountId}/${target.specialUse}`);
    return canonicalMailboxName(named ?? target.mailbox);
  }

  #keepMailboxes(rows: readonly Row[]): void {
    this.#scope.keepMailboxes(rows);
    for (const row of rows) {
      const mailbox = this.#scope.mailbox(row[0] as number);
      if (mailbox !== undefined) this.#mailboxes.set(`${mailbox.ownerId}/${mailbox.name}`, mailbox);
    }
  }

  async #target(accountId: number, name: string, create: boolean): Promise<LockedMailbox> {
    const canonical = canonicalMailboxName(name);
    const found = this.#mailboxes.get(`${accountId}/${canonical}`);
    if (found !== undefined) return found;
    if (create) {
      const created = await insertMailbox(this.#scope, accountId, canonical);
      this.#mailboxes.set(`${accountId}/${canonical}`, created);
      return created;
    }
    const inbox = this.#mailboxes.get(`${accountId}/INBOX`);
    if (inbox === undefined) throw new Error(`account ${accountId} has no INBOX`);
    return inbox;
  }
}

const NO_BODIES: SqlQuery = { sql: 'SELECT sha256, id FROM content WHERE FALSE', values: [] };

/** The mailboxes that deliveries need: their targets, and the INBOX that takes the place of a missing one. */
function mailboxesFor(deliveries: readonly Delivery[]): { ownerId: number; hash: Buffer }[] {
  const wanted = new Map<string, { ownerId: number; hash: Buffer }>();
  for (const { account, into, rules } of deliveries) {
    for (const name of into.length === 0 && rules?.notice === undefined
      ? []
      : ['INBOX', ...into.map((t) => canonicalMailboxName(t.mailbox))]) {
      const key = `${account.id}/${name}`;
      if (!wanted.has(key)) wanted.set(key, { ownerId: account.id, hash: mailboxNameHash(name) });
    }
  }
  return [...wanted.values()];
}
