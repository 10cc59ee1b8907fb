import { ALL_CARRIED, type CarriedFlags } from './copies.ts';
import { integerList } from './database.ts';
import {
  KEYWORD_COLUMNS,
  type KeywordBits,
  type Keywords,
  NO_KEYWORDS,
  NO_MORE,
  readMoreKeywords,
} from './keywords.ts';
import type { StoredContent } from './mailstore.ts';
import { MessageInserts } from './message-rows.ts';
import { PREPARED_VERSION } from './prepared-texts.ts';
import type { CountedMessage } from './transfer.ts';
import { uidRuns } from './uid-ranges.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

const PAGE = 200;

/**
 * Copies messages into a mailbox of another account, both accounts and mailboxes locked: the body stays where it is, the
 * email is a new one of the other account (its EMAILID is another), keywords get that account's numbers. Returns the new
 * UIDs, in the order of `messages`.
 */
export async function copyToOtherAccount(
  scope: WriteScope,
  keywords: Keywords,
  from: LockedMailbox,
  to: LockedMailbox,
  messages: readonly CountedMessage[],
  carried: CarriedFlags = ALL_CARRIED,
): Promise<number[]> {
  const account = scope.account(to.ownerId);
  if (account === undefined) throw new Error('the account of a mailbox is not locked');
  await keywords.load(from.ownerId, scope.transaction);
  const uids: number[] = [];
  for (let i = 0; i < messages.length; i += PAGE) {
    const condition = uidRuns(messages.slice(i, i + PAGE).map((m) => m.uid));
    const more = await readMoreKeywords(scope.transaction, from.id, condition);
    const rows = await scope.transaction.rowsOnce(
      `SELECT m.uid, m.flags, ${KEYWORD_COLUMNS}, m.content_id, m.internal_date, m.size, c.sha256,
         t.sent_at, t.envelope, t.bodystructure, t.header_fields, t.thread_hashes
       FROM message m JOIN content c ON c.id = m.content_id
         LEFT JOIN email_cache t ON t.account_id = ${from.ownerId} AND t.email_no = m.email_no AND t.version = ${PREPARED_VERSION}
       WHERE m.mailbox_id = ${integerList([from.id])} AND ${condition.replaceAll('uid ', 'm.uid ')} ORDER BY m.uid`,
    );
    const inserts = new MessageInserts(scope);
    for (const row of rows) {
      const [uid, flags, low, high, id, internalDate, sizeBytes, sha256] = row as [
        number,
        number,
        number,
        number,
        Buffer,
        number,
        number,
        Buffer,
      ];
      const names = carried.keywords
        ? keywords.namesOf(from.ownerId, { low, high, more: more.get(uid) ?? NO_MORE })
        : [];
      // A message is worth more than a keyword too many.
      const bits: KeywordBits = (await keywords.bitsOf(scope.transaction, to.ownerId, names, true)) ?? NO_KEYWORDS;
      const content: StoredContent = { id, sha256, sizeBytes, prepared: preparedOf(row.slice(8)) };
      uids.push(
        ...inserts.add(account, content, internalDate, [{ mailbox: to, flags: flags & carried.system, keywords: bits }])
          .uids,
      );
    }
    await inserts.flush();
  }
  return uids;
}

const NOTHING = Buffer.alloc(0);
const HASH_OCTETS = 16;

/** The texts beside a message; those of a message without any are rendered when they are read. */
function preparedOf(columns: readonly unknown[]): StoredContent['prepared'] {
  const [sentAt, envelope, bodyStructure, headerFields, hashes] = columns as [
    number | null,
    Buffer | null,
    Buffer | null,
    Buffer | null,
    Buffer | null,
  ];
  const threadHashes: Buffer[] = [];
  for (let at = 0; at + HASH_OCTETS <= (hashes?.length ?? 0); at += HASH_OCTETS) {
    threadHashes.push((hashes as Buffer).subarray(at, at + HASH_OCTETS));
  }
  return {
    envelope: envelope ?? NOTHING,
    bodyStructure: bodyStructure ?? NOTHING,
    headerFields: headerFields ?? NOTHING,
    sentAtMs: sentAt ?? undefined,
    threadHashes,
  };
}
