import { integerList } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import type { Problem } from './mailstore.ts';
import { verifyRows } from './verify-rows.ts';
import type { LockedMailbox, WriteScope } from './write-scope.ts';

type Found = Omit<Problem, 'address'>;

/** What is really there of a mailbox. */
interface Recount {
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly bytes: number;
  /** Highest UID and mod-sequence ever seen, those of expunged messages included. */
  readonly maxUid: number;
  readonly maxModSeq: number;
}

/** Verifies and recounts one account, locked by the scope: its rows, counters, numbers, emails and their bodies. */
export async function verifyAccount(scope: WriteScope, accountId: number, repair: boolean): Promise<Found[]> {
  const { transaction } = scope;
  const account = scope.account(accountId);
  if (account === undefined) return [];
  const found: Found[] = [];
  const tell = (text: string): void => {
    found.push({ text, state: repair ? 'repaired' : 'found' });
  };
  const all = await transaction.rows(
    'SELECT id, uidvalidity, deleted_at, highestmodseq FROM mailbox WHERE owner_id = ?',
    [accountId],
  );
  const ids = all.map(([id]) => id as number);
  await scope.lockMailboxes(ids);
  await verifyRows({ scope, accountId, mailboxIds: ids, repair, tell });
  const recounts = await recount(scope, ids);
  let [bytes, messages] = [0, 0];
  let highest = 1;
  for (const [id, , deletedAt, highestModSeq] of all as [number, number, number | null, number][]) {
    const real = recounts.get(id) as Recount;
    highest = Math.max(highest, highestModSeq, real.maxModSeq);
    const mailbox = scope.mailbox(id);
    if (mailbox === undefined || deletedAt !== null) continue;
    bytes += real.bytes;
    messages += real.messages;
    const wrong = differences(mailbox, real);
    for (const text of wrong) tell(`mailbox ${mailbox.name}: ${text}`);
    if (wrong.length > 0 && repair) {
      account.modSeq = Math.max(account.modSeq, highest);
      scope.modSeqFor(mailbox);
      mailbox.messages = real.messages;
      mailbox.unseen = real.unseen;
      mailbox.deleted = real.deleted;
      mailbox.bytes = real.bytes;
      mailbox.uidNext = Math.max(mailbox.uidNext, real.maxUid + 1);
    }
  }
  let wrong = 0;
  const expect = (name: string, has: number, right: boolean, should: string): void => {
    if (right) return;
    tell(`${name} is ${has}, should be ${should}`);
    wrong++;
  };
  const uidValidities = all.map((row) => row[1] as number);
  const nextUidValidity = Math.max(0, ...uidValidities) + 1;
  const [emails] = await transaction.rows(
    'SELECT CAST(COALESCE(MAX(email_no), 0) AS UNSIGNED) FROM email WHERE account_id = ?',
    [accountId],
  );
  const nextEmailNo = (emails?.[0] as number) + 1;
  expect('bytes used', account.bytes, account.bytes === bytes, String(bytes));
  expect('messages', account.messages, account.messages === messages, String(messages));
  expect('mod-sequence', account.modSeq, account.modSeq >= highest, `${highest} at least`);
  expect('next email', account.nextEmailNo, account.nextEmailNo >= nextEmailNo, `${nextEmailNo} at least`);
  expect('next UIDVALIDITY', account.nextUidValidity, account.nextUidValidity >= nextUidValidity, `${nextUidValidity}`);
  if (wrong > 0 && repair) {
    account.modSeq = Math.max(account.modSeq, highest);
    account.bytes = bytes;
    account.messages = messages;
    account.nextEmailNo = Math.max(account.nextEmailNo, nextEmailNo);
    account.nextUidValidity = Math.max(account.nextUidValidity, nextUidValidity);
    scope.modSeqOf(accountId);
  }
  if (ids.length > 0) await verifyEmails(scope, accountId, ids, repair, found, tell);
  if (repair && found.length > 0) await scope.save();
  return found;
}

async function recount(scope: WriteScope, ids: readonly number[]): Promise<Map<number, Recount>> {
  if (ids.length === 0) return new Map();
  const list = integerList(ids);
  const [messages, expunged] = await scope.transaction.rowSets([
    {
      sql: `SELECT mailbox_id, COUNT(*), CAST(SUM((flags & ${SEEN}) = 0) AS SIGNED),
              CAST(SUM((flags & ${DELETED}) <> 0) AS SIGNED), CAST(SUM(size) AS SIGNED), MAX(uid), MAX(modseq)
            FROM message WHERE mailbox_id IN (${list}) GROUP BY mailbox_id`,
      values: [],
    },
    {
      sql: `SELECT mailbox_id, MAX(uid), MAX(modseq) FROM expunged WHERE mailbox_id IN (${list}) GROUP BY mailbox_id`,
      values: [],
    },
  ]);
  const counts = new Map((messages as number[][]).map((row) => [row[0], row]));
  const gone = new Map((expunged as number[][]).map((row) => [row[0], row]));
  return new Map(
    ids.map((id) => {
      const [, count = 0, unseen = 0, deleted = 0, bytes = 0, uid = 0, modSeq = 0] = counts.get(id) ?? [];
      const [, goneUid = 0, goneModSeq = 0] = gone.get(id) ?? [];
      const maxUid = Math.max(uid, goneUid);
      return [id, { messages: count, unseen, deleted, bytes, maxUid, maxModSeq: Math.max(modSeq, goneModSeq) }];
    }),
  );
}

function differences(mailbox: LockedMailbox, real: Recount): string[] {
  const wrong: string[] = [];
  for (const name of ['messages', 'unseen', 'deleted', 'bytes'] as const) {
    if (mailbox[name] !== real[name]) wrong.push(`${name} is ${mailbox[name]}, should be ${real[name]}`);
  }
  if (mailbox.uidNext <= real.maxUid) wrong.push(`UIDNEXT is ${mailbox.uidNext}, but UID ${real.maxUid} is given`);
  if (mailbox.highestModSeq < real.maxModSeq) {
    wrong.push(`HIGHESTMODSEQ is ${mailbox.highestModSeq}, but ${real.maxModSeq} is given`);
  }
  return wrong;
}

/** Every message has its email, every email its body and the right number of copies. */
async function verifyEmails(
  scope: WriteScope,
  accountId: number,
  mailboxIds: readonly number[],
  repair: boolean,
  found: Found[],
  tell: (text: string) => void,
): Promise<void> {
  const { transaction } = scope;
  const list = integerList(mailboxIds);
  const homeless = (await transaction.rowsOnce(
    `SELECT m.email_no, MIN(m.content_id), COUNT(*) FROM message m
       LEFT JOIN email e ON e.account_id = ${accountId} AND e.email_no = m.email_no
     WHERE m.mailbox_id IN (${list}) AND e.email_no IS NULL GROUP BY m.email_no`,
  )) as [number, Buffer, number][];
  for (const [emailNo, contentId, copies] of homeless) {
    tell(`email ${emailNo} is missing, of which there are ${copies} messages`);
    if (!repair) continue;
    await transaction.change(
      'INSERT INTO email (account_id, email_no, content_id, thread_id, modseq, copies) VALUES (?, ?, ?, ?, ?, ?)',
      [accountId, emailNo, contentId, emailNo, scope.modSeqOf(accountId), copies],
    );
  }
  const miscounted = (await transaction.rowsOnce(
    `SELECT e.email_no, e.copies, CAST(COALESCE(c.copies, 0) AS SIGNED) FROM email e LEFT JOIN
       (SELECT email_no, COUNT(*) AS copies FROM (SELECT email_no FROM message WHERE mailbox_id IN (${list})
         UNION ALL SELECT email_no FROM expunged WHERE mailbox_id IN (${list})) AS named GROUP BY email_no) c ON c.email_no = e.email_no
     WHERE e.account_id = ${accountId} AND e.copies <> COALESCE(c.copies, 0)`,
  )) as [number, number, number][];
  for (const [emailNo, has, copies] of miscounted) {
    tell(`email ${emailNo} counts ${has} messages, there are ${copies}`);
    if (!repair) continue;
    await transaction.change(
      'UPDATE email SET copies = ?, expunged_at = IF(? > 0, NULL, COALESCE(expunged_at, ?)) WHERE account_id = ? AND email_no = ?',
      [copies, copies, Date.now(), accountId, emailNo],
    );
  }
  const endless = (await transaction.rowsOnce(
    `SELECT email_no FROM email WHERE account_id = ${accountId} AND copies <= 0 AND expunged_at IS NULL`,
  )) as [number][];
  for (const [emailNo] of endless) tell(`email ${emailNo} has no copy and no end`);
  if (repair && endless.length > 0) {
    await transaction.change(
      'UPDATE email SET expunged_at = ? WHERE account_id = ? AND copies <= 0 AND expunged_at IS NULL',
      [Date.now(), accountId],
    );
  }
  const bodiless = (await transaction.rowsOnce(
    `SELECT e.email_no FROM email e LEFT JOIN content c ON c.id = e.content_id
     WHERE e.account_id = ${accountId} AND e.copies > 0 AND c.id IS NULL`,
  )) as [number][];
  for (const [emailNo] of bodiless) found.push({ text: `the body of email ${emailNo} is missing`, state: 'lost' });
}
