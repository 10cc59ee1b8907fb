import { packParts, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { searchableText } from '@postern/shared/message/text.ts';
import { PARTS_VERSION } from './body-rows.ts';
import type { Database } from './database.ts';
import { KEY_COLUMNS, KEYS_VERSION, keyRow } from './key-texts.ts';
import type { Problem } from './mailstore.ts';
import { PREPARED_VERSION, prepareTexts } from './prepared-texts.ts';
import { TEXT_VERSION } from './search.ts';

type Found = Omit<Problem, 'address'>;
type Octets = Buffer | null;

const SLICE = 500;
const KEYS = [...Object.values(KEY_COLUMNS), 'sort_keys', 'thread_ids'];

/** What is kept ready of a body, compared with the body; what differs is made anew. */
export async function verifyDerived(
  database: Database,
  contentId: Buffer,
  body: Buffer,
  repair: boolean,
): Promise<Found[]> {
  const found: Found[] = [];
  const name = `body ${contentId.toString('hex')}`;
  const tell = (text: string): void => {
    found.push({ text, state: repair ? 'repaired' : 'found' });
  };
  const scan = scanMessage(body);
  const prepared = prepareTexts(scan);

  const parts = packParts(scan.root);
  const [content] = await database.rows('SELECT header_bytes, parts_version, parts FROM content WHERE id = ?', [
    contentId,
  ]);
  const [headerBytes, partsVersion, storedParts] = (content ?? []) as [number?, number?, Buffer?];
  if (partsVersion === PARTS_VERSION && (headerBytes !== scan.root.bodyStart || storedParts?.equals(parts) !== true)) {
    tell(`${name}: its parts are not where they are said to be`);
    if (repair) {
      await database.change('UPDATE content SET header_bytes = ?, parts = ?, preview = NULL WHERE id = ?', [
        scan.root.bodyStart,
        parts,
        contentId,
      ]);
    }
  }

  const cached = await database.rows(
    `SELECT k.account_id, k.email_no, k.envelope, k.bodystructure, k.header_fields, k.thread_hashes
     FROM email e JOIN email_cache k ON k.account_id = e.account_id AND k.email_no = e.email_no
     WHERE e.content_id = ? AND k.version = ${PREPARED_VERSION}`,
    [contentId],
  );
  const wanted = [
    prepared.envelope,
    prepared.bodyStructure,
    prepared.headerFields,
    Buffer.concat(prepared.threadHashes),
  ];
  for (const [accountId, emailNo, ...texts] of cached as [number, number, ...Buffer[]][]) {
    if (same(texts, wanted)) continue;
    tell(`email ${emailNo} of account ${accountId}: what FETCH sends of it is not its message's`);
    // Who finds no row renders it.
    if (repair) await remove(database, 'email_cache', accountId, emailNo);
  }

  const searched = await database.rows(
    `SELECT t.account_id, t.email_no, t.header_text, t.body_text
     FROM email e JOIN search_text t ON t.account_id = e.account_id AND t.email_no = e.email_no
     WHERE e.content_id = ? AND t.version = ${TEXT_VERSION}`,
    [contentId],
  );
  const text = searched.length === 0 ? undefined : searchableText(scan);
  for (const [accountId, emailNo, headers, bodyText] of searched as [number, number, Buffer, Buffer][]) {
    if (text === undefined || same([headers, bodyText], [text.headers, text.body])) continue;
    tell(`email ${emailNo} of account ${accountId}: its text for search is not its message's`);
    if (repair) await remove(database, 'search_text', accountId, emailNo);
  }
  return found;
}

/**
 * What SEARCH and SORT compare, against the header fields that lie ready, mailbox by mailbox. Rows are corrected where they are: a gap would be
 * a message that nobody finds.
 */
export async function verifyKeys(database: Database, repair: boolean): Promise<Found[]> {
  const found: Found[] = [];
  const mailboxes = await database.rows('SELECT id, owner_id FROM mailbox ORDER BY id');
  for (const [mailboxId, ownerId] of mailboxes as [number, number][]) {
    for (let after = 0; ; ) {
      const rows = await database.rows(
        `SELECT k.uid, ${KEYS.map((column) => `k.${column}`).join(', ')}, c.header_fields FROM message_keys k
           JOIN message m ON m.mailbox_id = k.mailbox_id AND m.uid = k.uid
           LEFT JOIN email_cache c ON c.account_id = ? AND c.email_no = m.email_no AND c.version = ${PREPARED_VERSION}
         WHERE k.mailbox_id = ? AND k.version = ${KEYS_VERSION} AND k.uid > ? ORDER BY k.uid LIMIT ${SLICE}`,
        [ownerId, mailboxId, after],
      );
      for (const [uid, ...texts] of rows as [number, ...Octets[]][]) {
        after = uid;
        const headerFields = texts.pop();
        const keys = headerFields ? keyRow(headerFields) : undefined;
        if (keys === undefined) continue;
        const wanted = [...keys.searched, keys.sortKeys, keys.threadIds];
        if (same(texts, wanted)) continue;
        const text = `message ${uid} of mailbox M${mailboxId}: its keys are not its message's`;
        found.push({ text, state: repair ? 'repaired' : 'found' });
        if (!repair) continue;
        await database.change(
          `UPDATE message_keys SET ${KEYS.map((column) => `${column} = ?`).join(', ')}
           WHERE mailbox_id = ? AND version = ${KEYS_VERSION} AND uid = ?`,
          [...wanted, mailboxId, uid],
        );
      }
      if (rows.length < SLICE) break;
    }
  }
  return found;
}

function same(one: readonly Octets[], other: readonly Octets[]): boolean {
  return one.every((octets, n) => {
    const others = other[n] ?? null;
    return octets === null || others === null ? octets === others : octets.equals(others);
  });
}

async function remove(database: Database, table: string, accountId: number, emailNo: number): Promise<void> {
  await database.change(`DELETE FROM ${table} WHERE account_id = ? AND email_no = ?`, [accountId, emailNo]);
}

/** Messages that SEARCH and SORT would pass over: without keys below one that has them. Keys are made anew from there on. */
export async function verifyKeyGaps(database: Database, repair: boolean): Promise<Found[]> {
  const gaps = await database.rowsOnce(
    `SELECT m.mailbox_id, MIN(m.uid), COUNT(*) FROM message m
       JOIN (SELECT mailbox_id, MAX(uid) AS last FROM message_keys WHERE version = ${KEYS_VERSION} GROUP BY mailbox_id) h
         ON h.mailbox_id = m.mailbox_id AND m.uid <= h.last
       LEFT JOIN message_keys k ON k.mailbox_id = m.mailbox_id AND k.version = ${KEYS_VERSION} AND k.uid = m.uid
     WHERE k.uid IS NULL GROUP BY m.mailbox_id`,
  );
  const found: Found[] = [];
  for (const [mailboxId, uid, count] of gaps as [number, number, number][]) {
    found.push({
      text: `${count} messages of mailbox M${mailboxId} have no keys`,
      state: repair ? 'repaired' : 'found',
    });
    if (!repair) continue;
    await database.change('DELETE FROM message_keys WHERE mailbox_id = ? AND uid >= ?', [mailboxId, uid]);
  }
  return found;
}
