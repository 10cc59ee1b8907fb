import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** Each question finds rows that must not be there. */
const QUESTIONS: readonly { readonly wrong: string; readonly sql: string }[] = [
  {
    wrong: 'a mailbox whose counters differ from a recount',
    sql: `SELECT b.id, b.name, b.n_msgs, b.n_unseen, b.n_deleted, b.bytes, COUNT(m.uid) AS msgs, COALESCE(SUM(m.size), 0) AS size
          FROM mailbox b LEFT JOIN message m ON m.mailbox_id = b.id GROUP BY b.id
          HAVING b.n_msgs <> msgs OR b.bytes <> size OR b.n_unseen <> msgs OR b.n_deleted <> 0`,
  },
  {
    wrong: 'an account whose counters differ from a recount',
    sql: `SELECT a.id, a.n_msgs, a.bytes, COALESCE(SUM(b.n_msgs), 0) AS msgs, COALESCE(SUM(b.bytes), 0) AS size
          FROM account a LEFT JOIN mailbox b ON b.owner_id = a.id GROUP BY a.id
          HAVING a.n_msgs <> msgs OR a.bytes <> size`,
  },
  {
    wrong: 'a mailbox whose UIDNEXT or HIGHESTMODSEQ is not what its messages make it',
    sql: `SELECT b.id, b.uidnext, b.highestmodseq, MAX(m.uid) AS uid, MAX(m.modseq) AS modseq
          FROM mailbox b JOIN message m ON m.mailbox_id = b.id GROUP BY b.id
          HAVING b.uidnext <= uid OR b.highestmodseq <> modseq`,
  },
  {
    wrong: 'a mailbox whose HIGHESTMODSEQ is above its account’s',
    sql: 'SELECT b.id FROM mailbox b JOIN account a ON a.id = b.owner_id WHERE b.highestmodseq > a.modseq',
  },
  {
    wrong: 'a later UID with an earlier MODSEQ, though nothing but deliveries happened',
    sql: `SELECT * FROM (SELECT mailbox_id, uid, modseq, LAG(modseq) OVER (PARTITION BY mailbox_id ORDER BY uid) AS before_it
          FROM message) AS ordered WHERE modseq < before_it`,
  },
  {
    wrong:
      'an email number that its account has not given yet, or an email whose messages, those expunged among them, it does not count',
    sql: `SELECT e.account_id, e.email_no, e.copies, c.messages FROM email e JOIN account a ON a.id = e.account_id
          LEFT JOIN (SELECT b.owner_id, m.email_no, COUNT(*) AS messages
            FROM (SELECT mailbox_id, email_no FROM message UNION ALL SELECT mailbox_id, email_no FROM expunged) m
              JOIN mailbox b ON b.id = m.mailbox_id
            GROUP BY b.owner_id, m.email_no) c ON c.owner_id = e.account_id AND c.email_no = e.email_no
          WHERE e.copies <> COALESCE(c.messages, 0) OR e.email_no >= a.next_email_no`,
  },
  {
    wrong: 'a message without its email, its content or what is kept ready for FETCH',
    sql: `SELECT m.mailbox_id, m.uid FROM message m JOIN mailbox b ON b.id = m.mailbox_id
          LEFT JOIN email e ON e.account_id = b.owner_id AND e.email_no = m.email_no
          LEFT JOIN content c ON c.id = m.content_id
          LEFT JOIN email_cache k ON k.account_id = b.owner_id AND k.email_no = m.email_no
          WHERE e.email_no IS NULL OR c.id IS NULL OR k.email_no IS NULL`,
  },
  {
    wrong: 'a content without its bytes',
    sql: `SELECT HEX(c.id) FROM content c LEFT JOIN content_chunk k ON k.content_id = c.id GROUP BY c.id
          HAVING COUNT(k.n) = 0 OR COUNT(k.n) <> MAX(k.n) - MIN(k.n) + 1`,
  },
  {
    wrong: 'a number of messages that differs from the number of deliveries on record',
    sql: `SELECT * FROM (SELECT (SELECT COUNT(*) FROM message) AS messages,
          (SELECT COUNT(*) FROM delivery WHERE outcome = 'delivered') AS deliveries) AS counts WHERE messages <> deliveries`,
  },
];

/** Asks the store's tables, after deliveries alone, for what must not be; empty when the books balance. */
export async function recountStore(databaseUrl: string): Promise<string[]> {
  const connection = await createConnection({ uri: databaseUrl, supportBigNumbers: true });
  try {
    const faults: string[] = [];
    for (const { wrong, sql } of QUESTIONS) {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      if (rows.length > 0) faults.push(`${wrong}: ${JSON.stringify(rows.slice(0, 3))}`);
    }
    return faults;
  } finally {
    await connection.end();
  }
}

/** Bodies that no email and nothing outgoing refers to. */
export async function orphansIn(databaseUrl: string): Promise<string[]> {
  const connection = await createConnection(databaseUrl);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT HEX(c.id) AS id FROM content c WHERE NOT EXISTS (SELECT 1 FROM email e WHERE e.content_id = c.id)
         AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.content_id = c.id AND o.finished_at IS NULL)`,
    );
    return rows.map(({ id }) => `a body that nothing refers to: ${id}`);
  } finally {
    await connection.end();
  }
}
