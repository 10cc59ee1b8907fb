import { integerList, type SqlValue } from './database.ts';
import { canonicalMailboxName, mailboxNameHash } from './mailbox-name.ts';
import type { WriteScope } from './write-scope.ts';

/** Bit of `message.keywords` that is no keyword: there may be rows of `message_keyword`. */
const MORE_KEYWORDS = 1n << 63n;
const ALL_BITS = (1n << 64n) - 1n;

/** What is verified, and where it is told. */
export interface AccountCheck {
  readonly scope: WriteScope;
  readonly accountId: number;
  /** Of all its mailboxes, deleted ones too. */
  readonly mailboxIds: readonly number[];
  readonly repair: boolean;
  readonly tell: (text: string) => void;
}

/** Rows of an account that must agree with each other, beside its counters; to be repaired before these are recounted. */
export async function verifyRows(check: AccountCheck): Promise<void> {
  await verifyMailboxRows(check);
  if (check.mailboxIds.length > 0) {
    await verifyMessageBodies(check);
    await verifyKeywords(check);
  }
  await verifyScripts(check);
}

type MailboxRow = [
  id: number,
  name: string,
  nameHash: Buffer | null,
  specialUse: string | null,
  deletedAt: number | null,
  uidNext: number,
  firstRecentUid: number,
  highestModSeq: number,
  vanishedFloor: number,
];

/** A mailbox is found by the hash of its name, a deleted one is not; a use has one mailbox; no number is ahead of those given. */
async function verifyMailboxRows({ scope, accountId, repair, tell }: AccountCheck): Promise<void> {
  const rows = (await scope.transaction.rows(
    `SELECT id, name, name_hash, special_use, deleted_at, uidnext, first_recent_uid, highestmodseq, vanished_floor
     FROM mailbox WHERE owner_id = ? ORDER BY id`,
    [accountId],
  )) as MailboxRow[];
  const update = async (id: number, assignments: string, values: readonly SqlValue[]): Promise<void> => {
    if (repair) await scope.transaction.change(`UPDATE mailbox SET ${assignments} WHERE id = ?`, [...values, id]);
  };
  const hashes = new Set(rows.map(([, , hash]) => hash?.toString('hex')));
  const uses = new Set<string>();
  for (const [id, name, hash, use, deletedAt, uidNext, firstRecentUid, highestModSeq, vanishedFloor] of rows) {
    const wanted = deletedAt === null ? mailboxNameHash(canonicalMailboxName(name)) : null;
    if (wanted === null ? hash !== null : hash?.equals(wanted) !== true) {
      tell(`mailbox ${name}: ${wanted === null ? 'deleted, it still holds its name' : 'not to be found by its name'}`);
      // Whoever has the name meanwhile keeps it.
      const taken = wanted !== null && hashes.has(wanted.toString('hex'));
      const free = taken ? `${name} ${id}` : name;
      await update(id, 'name = ?, name_hash = ?', [free, wanted === null ? null : mailboxNameHash(free)]);
    }
    if (use !== null && deletedAt === null) {
      if (uses.has(use)) {
        tell(`mailbox ${name}: a second one for ${use}`);
        await update(id, 'special_use = NULL', []);
      }
      uses.add(use);
    }
    if (firstRecentUid > uidNext) {
      tell(`mailbox ${name}: recent from UID ${firstRecentUid} on, but UIDNEXT is ${uidNext}`);
      await update(id, 'first_recent_uid = uidnext', []);
    }
    if (vanishedFloor > highestModSeq) {
      tell(`mailbox ${name}: history ends at ${vanishedFloor}, but HIGHESTMODSEQ is ${highestModSeq}`);
      await update(id, 'vanished_floor = highestmodseq', []);
    }
  }
}

/** Each message has the body of its email, and its size. */
async function verifyMessageBodies({ scope, accountId, mailboxIds, repair, tell }: AccountCheck): Promise<void> {
  const wrong = [
    ['another body than their email', '<>', 'e.content_id', 'm.content_id'],
    ['another size than their body', '<>', 'c.size', 'm.size'],
  ] as const;
  const from = `message m JOIN email e ON e.account_id = ${accountId} AND e.email_no = m.email_no`;
  for (const [what, differs, right, column] of wrong) {
    const joined = right.startsWith('c.') ? `${from} JOIN content c ON c.id = e.content_id` : from;
    const where = `m.mailbox_id IN (${integerList(mailboxIds)}) AND ${column} ${differs} ${right}`;
    const [row] = await scope.transaction.rowsOnce(`SELECT COUNT(*) FROM ${joined} WHERE ${where}`);
    if (row?.[0] === 0) continue;
    tell(`${row?.[0]} messages have ${what}`);
    if (repair) await scope.transaction.change(`UPDATE ${joined} SET ${column} = ${right} WHERE ${where}`);
  }
}

/** What has no name is shown to nobody: bits and rows of keywords that the account does not know. */
async function verifyKeywords({ scope, accountId, mailboxIds, repair, tell }: AccountCheck): Promise<void> {
  const { transaction } = scope;
  const list = integerList(mailboxIds);
  const known = await transaction.rows('SELECT no FROM keyword WHERE account_id = ?', [accountId]);
  const bits = (known as [number][]).reduce((sum, [no]) => (no < 63 ? sum | (1n << BigInt(no)) : sum), MORE_KEYWORDS);
  const bitsUnknown = `mailbox_id IN (${list}) AND (keywords & ${ALL_BITS & ~bits}) <> 0`;
  const rowsUnknown = `mailbox_id IN (${list})
    AND NOT EXISTS (SELECT 1 FROM keyword w WHERE w.account_id = ${accountId} AND w.no = message_keyword.keyword_no)`;
  const [some] = await transaction.rowsOnce(
    `SELECT (SELECT COUNT(*) FROM message WHERE ${bitsUnknown}), (SELECT COUNT(*) FROM message_keyword WHERE ${rowsUnknown})`,
  );
  const [inBits, inRows] = some as [number, number];
  if (inBits > 0) {
    tell(`${inBits} messages have keywords without a name`);
    if (repair) await transaction.change(`UPDATE message SET keywords = keywords & ${bits} WHERE ${bitsUnknown}`);
  }
  if (inRows > 0) {
    tell(`${inRows} rows of message_keyword without a name`);
    if (repair) await transaction.change(`DELETE FROM message_keyword WHERE ${rowsUnknown}`);
  }
}

/** At most one script is active: of several the one that was changed last. */
async function verifyScripts({ scope, accountId, repair, tell }: AccountCheck): Promise<void> {
  const active = await scope.transaction.rows(
    'SELECT name_hash FROM sieve_script WHERE account_id = ? AND active <> 0 ORDER BY updated_at DESC, name_hash',
    [accountId],
  );
  if (active.length < 2) return;
  tell(`${active.length} scripts are active`);
  if (!repair) return;
  await scope.transaction.change('UPDATE sieve_script SET active = 0 WHERE account_id = ? AND name_hash <> ?', [
    accountId,
    active[0]?.[0] as Buffer,
  ]);
  await scope.transaction.change('UPDATE account SET rules_version = rules_version + 1 WHERE id = ?', [accountId]);
}
