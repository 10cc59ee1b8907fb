import { createConnection } from 'mysql2/promise';

/** Rows of the test's database. */
export async function ask(url: string, sql: string): Promise<unknown[]> {
  const connection = await createConnection(url);
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  await connection.end();
  return rows as unknown[];
}

/** How many procedures the server has been asked to run. */
export async function calls(url: string): Promise<number> {
  const [row] = (await ask(url, "SHOW GLOBAL STATUS LIKE 'Com_call_procedure'")) as [string, string][];
  return Number(row?.[1]);
}

/** All that the tables know of an account's mail, but for moments and ids that are made up. */
export async function rowsOf(url: string, accountId: number): Promise<unknown[]> {
  const own = `(SELECT id FROM mailbox WHERE owner_id = ${accountId})`;
  return Promise.all([
    ask(url, `SELECT modseq, next_email_no, bytes, n_msgs FROM account WHERE id = ${accountId}`),
    ask(
      url,
      `SELECT name, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes FROM mailbox WHERE owner_id = ${accountId} ORDER BY id`,
    ),
    ask(
      url,
      `SELECT uid, modseq, flags, keywords, email_no, HEX(content_id), internal_date, size FROM message WHERE mailbox_id IN ${own} ORDER BY uid, email_no`,
    ),
    ask(
      url,
      `SELECT email_no, version, sent_at, envelope, bodystructure, header_fields, HEX(thread_hashes) FROM email_cache WHERE account_id = ${accountId} ORDER BY email_no`,
    ),
    ask(
      url,
      `SELECT email_no, HEX(content_id), thread_id, modseq, copies FROM email WHERE account_id = ${accountId} ORDER BY email_no`,
    ),
    ask(
      url,
      `SELECT recipient LIKE 'person%', HEX(sha256), outcome, reply FROM delivery WHERE recipient IN (SELECT address FROM account WHERE id = ${accountId}) ORDER BY HEX(sha256)`,
    ),
    ask(url, `SELECT HEX(message_id_hash), thread_id FROM thread_reference WHERE account_id = ${accountId} ORDER BY 1`),
  ]);
}
