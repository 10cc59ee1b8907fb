import { createHash } from 'node:crypto';
import { addMessages, type StoredMessage } from './appends.ts';
import type { ChangeNotices } from './changes.ts';
import type { SqlContents } from './content.ts';
import { type Database, insertRows, placeholders, type Row, type SqlRunner, type SqlValue } from './database.ts';
import type { AddImportedResult, ImportedMessage, ImportMessage, Imports } from './door/imports.ts';
import type { Keywords } from './keywords.ts';
import { MessageInserts } from './message-rows.ts';
import { Abandon, inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/** Quotas have no say. */
const NO_LIMITS = { bytes: 0, messages: 0 };
const NO_GROWTH = NO_LIMITS;
const NO_FLAGS_HASH = Buffer.alloc(8);
const ITEMS_AT_ONCE = 500;

/** A message whose body is written. */
type StoredImport = StoredMessage & Pick<ImportMessage, 'item' | 'sourceFlags'>;

/** How an item stands in answers: its name may be long. */
export function itemKey(item: string): string {
  return hashOf(item).toString('hex');
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

export class SqlImports implements Imports {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #keywords: Keywords;
  readonly #contents: SqlContents;

  constructor(database: Database, notices: ChangeNotices, keywords: Keywords, contents: SqlContents) {
    this.#database = database;
    this.#notices = notices;
    this.#keywords = keywords;
    this.#contents = contents;
  }

  known(accountId: number, source: string, items: readonly string[]): Promise<Map<string, ImportedMessage>> {
    return readRecords(this.#database, accountId, source, items);
  }

  async inMailbox(accountId: number, source: string, mailboxId: number): Promise<Map<string, ImportedMessage>> {
    const rows = await this.#database.rows(
      'SELECT item, mailbox_id, uid, flags FROM import_record WHERE account_id = ? AND source = ? AND mailbox_id = ? AND uid > 0',
      [accountId, hashOf(source), mailboxId],
    );
    return recordsOf(rows);
  }

  async add(mailboxId: number, source: string, messages: readonly ImportMessage[]): Promise<AddImportedResult> {
    const [owner] = await this.#database.rows('SELECT owner_id FROM mailbox WHERE id = ?', [mailboxId]);
    if (owner === undefined) return { kind: 'no-such-mailbox' };
    const stored = await Promise.all(
      messages.map(async (message) => ({ ...message, content: await this.#contents.keep(message.content) })),
    );
    const accountId = owner[0] as number;
    const result = await this.#addStored(accountId, mailboxId, source, stored);
    if (result.kind !== 'too-many-keywords') return result;
    // One by one then: only those whose keywords are new to the account lose them.
    let count = 0;
    const withoutKeywords: string[] = [];
    for (const message of stored) {
      let added = await this.#addStored(accountId, mailboxId, source, [message]);
      if (added.kind === 'too-many-keywords') {
        withoutKeywords.push(message.item);
        const bare = { ...message, flags: { ...message.flags, keywords: [] } };
        added = await this.#addStored(accountId, mailboxId, source, [bare]);
      }
      if (added.kind === 'added') count += added.count;
      else if (added.kind === 'no-such-mailbox') return added;
    }
    return { kind: 'added', count, withoutKeywords };
  }

  #addStored(
    accountId: number,
    mailboxId: number,
    source: string,
    messages: readonly StoredImport[],
  ): Promise<AddImportedResult | { readonly kind: 'too-many-keywords' }> {
    return inTransaction<AddImportedResult | { readonly kind: 'too-many-keywords' }>(
      this.#database,
      async (transaction) => {
        const scope = new WriteScope(transaction, this.#notices);
        await scope.lock([accountId], [mailboxId]);
        const mailbox = scope.mailbox(mailboxId);
        if (mailbox === undefined) return new Abandon({ kind: 'no-such-mailbox' });
        const items = messages.map(({ item }) => item);
        const there = await readRecords(transaction, accountId, source, items);
        const fresh = messages.filter(({ item }) => !there.has(itemKey(item)));
        if (fresh.length === 0) return new Abandon({ kind: 'added', count: 0, withoutKeywords: [] });
        const inserts = new MessageInserts(scope);
        const added = await addMessages(inserts, scope, this.#keywords, mailbox, fresh, NO_GROWTH, NO_LIMITS);
        if (added.kind === 'over-quota') throw new Error('an import asks for no quota');
        if (added.kind === 'too-many-keywords') return new Abandon({ kind: 'too-many-keywords' });
        if (added.kind !== 'appended') return new Abandon({ kind: 'no-such-mailbox' });
        await inserts.flush();
        await insertRows(
          transaction,
          'INSERT INTO import_record (account_id, source, item, mailbox_id, uid, flags)',
          fresh.map(({ item, sourceFlags }, i): SqlValue[] => [
            ...[accountId, hashOf(source), hashOf(item), mailboxId],
            ...[added.uids[i] ?? 0, sourceFlags],
          ]),
        );
        await scope.save();
        return { kind: 'added', count: fresh.length, withoutKeywords: [] };
      },
    );
  }

  async followed(accountId: number, source: string, items: readonly string[], sourceFlags: Buffer): Promise<void> {
    for (let from = 0; from < items.length; from += ITEMS_AT_ONCE) {
      const some = items.slice(from, from + ITEMS_AT_ONCE).map(hashOf);
      await this.#database.change(
        `UPDATE import_record SET flags = ? WHERE account_id = ? AND source = ? AND item IN (${placeholders(some.length)})`,
        [sourceFlags, accountId, hashOf(source), ...some],
      );
    }
  }

  async note(accountId: number, source: string, item: string, mailboxId: number): Promise<void> {
    await this.#database.change(
      'INSERT IGNORE INTO import_record (account_id, source, item, mailbox_id, uid, flags) VALUES (?, ?, ?, ?, 0, ?)',
      [accountId, hashOf(source), hashOf(item), mailboxId, NO_FLAGS_HASH],
    );
  }
}

async function readRecords(
  sql: SqlRunner,
  accountId: number,
  source: string,
  items: readonly string[],
): Promise<Map<string, ImportedMessage>> {
  const found = new Map<string, ImportedMessage>();
  for (let from = 0; from < items.length; from += ITEMS_AT_ONCE) {
    const some = items.slice(from, from + ITEMS_AT_ONCE).map(hashOf);
    const rows = await sql.rowsOnce(
      `SELECT item, mailbox_id, uid, flags FROM import_record
       WHERE account_id = ? AND source = ? AND item IN (${placeholders(some.length)})`,
      [accountId, hashOf(source), ...some],
    );
    for (const [key, record] of recordsOf(rows)) found.set(key, record);
  }
  return found;
}

function recordsOf(rows: readonly Row[]): Map<string, ImportedMessage> {
  const records = rows as [item: Buffer, mailboxId: number, uid: number, sourceFlags: Buffer][];
  return new Map(records.map(([item, ...rest]) => [item.toString('hex'), recordOf(rest)]));
}

function recordOf([mailboxId, uid, sourceFlags]: [number, number, Buffer]): ImportedMessage {
  return { mailboxId, uid, sourceFlags };
}
