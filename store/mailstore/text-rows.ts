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
  uids: readonly number[],
  numbers: EmailNumbers,
  columns: string,
): Promise<Row[] | undefined> {
  if (uids.length < FEWEST) return undefined;
  await learn(database, mailboxId, uids, numbers);
  const uidsKnown: number[] = [];
  const emailNos: number[] = [];
  for (const uid of uids) {
    const emailNo = numbers.of(uid);
    // It is gone.
    if (emailNo === 0) continue;
    if (emailNo <= (emailNos.at(-1) ?? 0)) return undefined;
    uidsKnown.push(uid);
    emailNos.push(emailNo);
  }
  const first = emailNos[0] ?? 0;
  const last = emailNos.at(-1) ?? 0;
  if (last - first >= emailNos.length * MAX_SPREAD) return undefined;
  const rows = await database.rowsOnce(
    `SELECT c.email_no, ${columns} FROM mailbox b JOIN email_cache c ON c.account_id = b.owner_id
     WHERE b.id = ${integerList([mailboxId])} AND c.email_no BETWEEN ${integerList([first])} AND ${integerList([last])}
     ORDER BY c.email_no`,
  );
  const found: Row[] = [];
  let at = 0;
  for (const row of rows) {
    while (at < emailNos.length && (emailNos[at] as number) < (row[0] as number)) at++;
    if (emailNos[at] !== row[0]) continue;
    row[0] = uidsKnown[at] as number;
    found.push(row);
  }
  return found.length === emailNos.length ? found : undefined;
}

/** Asks which emails these messages are, and, since more is likely to be wanted, those behind them. */
async function learn(
  database: Database,
  mailboxId: number,
  uids: readonly number[],
  numbers: EmailNumbers,
): Promise<void> {
  const from = uids.find((uid) => numbers.of(uid) === 0);
  if (from === undefined) return;
  const to = Math.max(uids.at(-1) as number, from + LEARNED_TOGETHER - 1);
  const rows = await database.rowsOnce(
    `SELECT uid, email_no FROM message
     WHERE mailbox_id = ${integerList([mailboxId])} AND uid BETWEEN ${integerList([from])} AND ${integerList([to])}`,
  );
  for (const [uid, emailNo] of rows as [number, number][]) numbers.learn(uid, emailNo);
}
