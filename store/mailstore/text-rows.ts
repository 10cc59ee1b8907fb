import { type Database, integerList, type Row } from './database.ts';
import type { EmailNumbers } from './email-numbers.ts';

/** Fewer messages are joined to their emails: a question less. */
const FEWEST = 100;
/** UIDs whose emails are asked for together. */
const LEARNED_TOGETHER = 8192;
/** Emails are read as a range when at most this many times as many lie in it as are wanted. */
const MAX_SPREAD = 2;

/**
 * Columns of the texts of messages, read as a range of emails, which is half the work of a look-up for each: their numbers grow with the time of
 * arrival, as UIDs do. Rows begin with the UID. Undefined where that does not fit: few messages, emails that lie scattered or
 * in another order.
 *
 * @param uids ascending
 * @param columns of `email_cache`, which is called `c`
 */
export async function readTextRows(
  database: Database,
  mailboxId: number,
  uids: Uint32Array,
  numbers: EmailNumbers,
  columns: string,
): Promise<Row[] | undefined> {
  if (uids.length < FEWEST) return undefined;
  const emailNos = await emailsOf(database, mailboxId, uids, numbers);
  let first = 0;
  let last = 0;
  let known = 0;
  for (let i = 0; i < emailNos.length; i++) {
    const emailNo = emailNos[i] as number;
    // It is gone.
    if (emailNo === 0) continue;
    if (emailNo <= last) return undefined;
    if (known === 0) first = emailNo;
    last = emailNo;
    known++;
  }
  if (known === 0 || last - first >= known * MAX_SPREAD) return undefined;
  const rows = await database.rowsOnce(
    `SELECT c.email_no, ${columns} FROM mailbox b JOIN email_cache c ON c.account_id = b.owner_id
     WHERE b.id = ${integerList([mailboxId])} AND c.email_no BETWEEN ${integerList([first])} AND ${integerList([last])}
     ORDER BY c.email_no`,
  );
  const found: Row[] = [];
  let at = 0;
  for (const row of rows) {
    const emailNo = row[0] as number;
    while (at < emailNos.length && (emailNos[at] as number) < emailNo) at++;
    if (emailNos[at] !== emailNo) continue;
    row[0] = uids[at] as number;
    found.push(row);
  }
  return found.length === known ? found : undefined;
}

/** Which emails these messages are. Where one is not known, those behind it are asked for too: more is likely to be wanted. */
async function emailsOf(
  database: Database,
  mailboxId: number,
  uids: Uint32Array,
  numbers: EmailNumbers,
): Promise<Float64Array> {
  const known = numbers.of(uids);
  const unknown = known.indexOf(0);
  if (unknown < 0) return known;
  const from = uids[unknown] as number;
  const to = Math.max(uids.at(-1) as number, from + LEARNED_TOGETHER - 1);
  const rows = await database.rowsOnce(
    `SELECT uid, email_no FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND uid BETWEEN ${integerList([from])} AND ${integerList([to])}`,
  );
  for (const [uid, emailNo] of rows as [number, number][]) numbers.learn(uid, emailNo);
  return numbers.of(uids);
}
