import { silentLog } from '@postern/shared/runtime/log.ts';
import { expect } from 'vitest';
import { Database } from '../../store/mailstore/database.ts';
import { FLAGGED } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore } from '../../store/mailstore/mailstore.ts';
import { loadPacked } from '../../store/mailstore/packed-messages.ts';
import type { MailboxColumns } from '../../store/mailstore/selected-mailbox.ts';
import { range, somebody } from '../support/mailstore.ts';

const MESSAGES = 110_000;
const DIGITS =
  '(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)';
/** 0 to {@link MESSAGES} - 1, on MySQL as on MariaDB. */
const NUMBERS = `(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d AS n
  FROM ${DIGITS} a, ${DIGITS} b, ${DIGITS} c, ${DIGITS} d, ${DIGITS} e, (SELECT 0 AS d UNION SELECT 1) f) numbers WHERE n < ${MESSAGES}`;

/** A mailbox so large that the database packs what is read of it looks, in every column, as its rows do; and does so while others write. */
export async function expectLargeMailboxAsItsRows(urls: readonly string[]): Promise<void> {
  const open = (url = ''): Promise<Mailstore> =>
    openMailstore({ url, connections: 6, log: silentLog(), feedIntervalMs: 20 });
  const here = await open(urls[0]);
  const there = await open(urls.at(-1));
  const database = new Database(urls[0] as string, 6);
  const account = await somebody(here);
  const { id } = (await here.mailboxes.find(account.id, 'INBOX')) ?? { id: 0 };
  try {
    // UIDs with gaps, some of them wide; every flag and mod-sequence that fits.
    const uid = 'n * 3 + (n DIV 1000) % 2 + IF(n >= 60000, 200000, 0) + 1';
    const uidNext = MESSAGES * 3 + 200_001;
    await database.change(
      `INSERT INTO message (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
       SELECT ?, ${uid}, 1 + n * 31 % 2147483000, n * 7 % 65536, 0, n + 1, REPEAT('x', 16), 0, 0, 1 FROM ${NUMBERS}`,
      [id],
    );
    const head = 2_147_483_000;
    await database.change('UPDATE mailbox SET uidnext = ?, highestmodseq = ?, n_msgs = ? WHERE id = ?', [
      uidNext,
      head,
      MESSAGES,
      id,
    ]);
    await database.change('UPDATE account SET modseq = ? WHERE id = ?', [head, account.id]);

    const asked = { id, uidNext, highestModSeq: head, messages: MESSAGES };
    const read = (more: { keywordsEnd: number } & Partial<typeof asked>) => loadPacked(database, { ...asked, ...more });
    expect(same(await read({ keywordsEnd: 0 }), await rowsOf(database, id))).toBe(true);
    await database.change(
      `INSERT INTO keyword (account_id, no, name, folded) SELECT ?, n, CONCAT('k', n), CONCAT('k', n) FROM ${NUMBERS} AND n < 31`,
      [account.id],
    );
    await database.change('UPDATE message SET keywords = uid * 6151 & 2147483647 WHERE mailbox_id = ?', [id]);
    expect(same(await read({ keywordsEnd: 31 }), await rowsOf(database, id))).toBe(true);
    // What does not fit is read row by row.
    expect(await read({ keywordsEnd: 32 })).toBeUndefined();
    expect(await read({ keywordsEnd: 0, highestModSeq: 2 ** 31 })).toBeUndefined();
    expect(await read({ keywordsEnd: 0, messages: 1_000 })).toBeUndefined();
    expect(await read({ keywordsEnd: 0, uidNext: 2 ** 31 })).toBeUndefined();

    // Sessions that open it while somebody else, who has not seen it before, changes it.
    const found = await here.mailboxes.find(account.id, 'INBOX');
    const opening = here.mailboxes.open(id, { claimRecent: false, found });
    const change = { how: 'add', flags: { system: FLAGGED, keywords: [] } } as const;
    await Promise.all([
      there.messages.storeFlags(id, range(1, 3_000), change),
      there.messages.expunge(id, range(200_000, 200_300)),
    ]);
    await there.messages.storeFlags(id, range(uidNext - 3_000, uidNext), change);
    const session = await opening;
    // A node of a cluster hears of what was committed on another some milliseconds later.
    await expect
      .poll(async () => {
        expect(await session?.refresh()).toBe('current');
        session?.take({ expunges: true });
        return same(session?.columns, await rowsOf(database, id));
      })
      .toBe(true);
    session?.close();
  } finally {
    // Its rows have no emails: nobody else shall find them.
    await database.change('DELETE FROM message WHERE mailbox_id = ?', [id]);
    await here.administration.purge(account.uuid);
    await Promise.all([here.close(), there.close(), database.close()]);
  }
}

async function rowsOf(database: Database, mailboxId: number): Promise<number[][]> {
  const rows = await database.rows(
    'SELECT uid, flags, modseq, keywords & 4294967295 FROM message WHERE mailbox_id = ? ORDER BY uid',
    [mailboxId],
  );
  return rows as number[][];
}

/** Compared one by one: what tells of a hundred thousand differences takes minutes. */
function same(columns: MailboxColumns | undefined, rows: readonly number[][]): boolean {
  if (columns?.count !== rows.length) return false;
  return rows.every(
    ([uid, flags, modSeq, keywords], i) =>
      columns.uids[i] === uid &&
      columns.flags[i] === flags &&
      columns.modSeqs[i] === modSeq &&
      (columns.keywordsLow?.[i] ?? 0) === keywords,
  );
}
