import type { Connection } from 'mysql2/promise';

/** Rows of one statement: one commit each. */
const ROWS = 100_000;

/**
 * Makes a mailbox of an account grow to a number of messages by SQL, past the store, which must not run: the rows of the first
 * messages again and again, with UIDs, numbers and mod-sequences of their own. Bodies are shared; what lies beside each message is not.
 *
 * @param first how many messages are there that the store itself has brought, UIDs 1 to this
 */
export async function growMailbox(sql: Connection, mailboxId: number, first: number, size: number): Promise<void> {
  const [[row]] = (await sql.query('SELECT owner_id, n_msgs FROM mailbox WHERE id = ?', [mailboxId])) as unknown as [
    { owner_id: number; n_msgs: number }[],
  ];
  if (row === undefined) throw new Error('no such mailbox');
  const account = Number(row.owner_id);
  const [[base]] = (await sql.query('SELECT next_email_no - 1 AS email, modseq FROM account WHERE id = ?', [
    account,
  ])) as unknown as [{ email: number; modseq: number }[]];
  let messages = Number(row.n_msgs);
  const emailOffset = Number(base?.email) - messages;
  const modSeq = Number(base?.modseq) + 1;
  while (messages < size) {
    const more = Math.min(ROWS, size - messages);
    // The n-th new message is like message 1 + (n mod first).
    const source = `FROM seq_1_to_${more} s JOIN message m ON m.mailbox_id = ${mailboxId} AND m.uid = 1 + (s.seq - 1) % ${first}`;
    const uid = `${messages} + s.seq`;
    const emailNo = `${emailOffset + messages} + s.seq`;
    await sql.query(
      `INSERT INTO email (account_id, email_no, content_id, thread_id, modseq, copies)
       SELECT ${account}, ${emailNo}, m.content_id, ${emailNo}, ${modSeq}, 1 ${source}`,
    );
    await sql.query(
      `INSERT INTO email_cache (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)
       SELECT ${account}, ${emailNo}, c.version, c.sent_at, c.envelope, c.bodystructure, c.header_fields, c.thread_hashes
       ${source} JOIN email_cache c ON c.account_id = ${account} AND c.email_no = m.email_no`,
    );
    await sql.query(
      `INSERT INTO message (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
       SELECT ${mailboxId}, ${uid}, ${modSeq}, m.flags, m.keywords, ${emailNo}, m.content_id, m.internal_date + (${uid}) * 1000, m.save_date, m.size
       ${source}`,
    );
    messages += more;
  }
  await sql.query(
    `UPDATE mailbox b, (SELECT COUNT(*) AS n, SUM(size) AS bytes, SUM(flags & 8 = 0) AS unseen FROM message WHERE mailbox_id = ?) c
     SET b.n_msgs = c.n, b.bytes = c.bytes, b.n_unseen = c.unseen, b.uidnext = ?, b.highestmodseq = ? WHERE b.id = ?`,
    [mailboxId, messages + 1, modSeq, mailboxId],
  );
  await sql.query(
    `UPDATE account a, (SELECT SUM(n_msgs) AS n, SUM(bytes) AS bytes FROM mailbox WHERE owner_id = ?) c
     SET a.n_msgs = c.n, a.bytes = c.bytes, a.modseq = ?, a.next_email_no = ? WHERE a.id = ?`,
    [account, modSeq, emailOffset + messages + 1, account],
  );
}
