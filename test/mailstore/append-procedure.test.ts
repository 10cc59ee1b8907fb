import { createConnection } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { DELETED, SEEN } from '../../store/mailstore/flags.ts';
import type { AppendResult, Mailstore } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA } from '../support/mailstore.ts';
import { fetchAll, mail, mailboxId, newAccount, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

async function ask(sql: string): Promise<unknown[]> {
  const connection = await createConnection(stores.url);
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  await connection.end();
  return rows as unknown[];
}

async function calls(): Promise<number> {
  const [row] = (await ask("SHOW GLOBAL STATUS LIKE 'Com_call_procedure'")) as [string, string][];
  return Number(row?.[1]);
}

async function appendOne(
  store: Mailstore,
  id: number,
  message: Buffer,
  { system = 0, quota = NO_QUOTA, name }: { system?: number; quota?: typeof NO_QUOTA; name?: string } = {},
): Promise<AppendResult> {
  const content = await store.contents.arrived(message);
  const internalDate = new Date('2026-02-02T10:00:00Z');
  return store.messages.append(id, [{ content, flags: { system, keywords: [] }, internalDate }], quota, name);
}

/** All that the tables know of an account's mail, but for moments and ids that are made up. */
async function rowsOf(accountId: number): Promise<unknown[]> {
  const own = `(SELECT id FROM mailbox WHERE owner_id = ${accountId})`;
  return Promise.all([
    ask(`SELECT modseq, next_email_no, bytes, n_msgs FROM account WHERE id = ${accountId}`),
    ask(
      `SELECT name, uidnext, highestmodseq, n_msgs, n_unseen, n_deleted, bytes FROM mailbox WHERE owner_id = ${accountId} ORDER BY id`,
    ),
    ask(
      `SELECT uid, modseq, flags, keywords, email_no, HEX(content_id), internal_date, size FROM message WHERE mailbox_id IN ${own} ORDER BY uid`,
    ),
    ask(
      `SELECT uid, version, sent_at, envelope, bodystructure, header_fields, HEX(thread_hashes) FROM message_cache WHERE mailbox_id IN ${own} ORDER BY uid`,
    ),
    ask(
      `SELECT email_no, HEX(content_id), thread_id, modseq, copies FROM email WHERE account_id = ${accountId} ORDER BY email_no`,
    ),
    ask(`SELECT HEX(message_id_hash), thread_id FROM thread_reference WHERE account_id = ${accountId} ORDER BY 1`),
  ]);
}

describe('a single APPEND', () => {
  it('leaves the same rows by the procedure as by statements, and goes on without the procedure', async () => {
    const store = await stores.open();
    const octets = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const first = mail('One', `${octets.toString('latin1')}\r\n`);
    const messages = [
      first,
      mail('Two', 'x\r\n', 'References: <a@b.example> <c@d.example>\r\n'),
      first,
      mail('Three', 'y\r\n', 'References: <c@d.example>\r\nIn-Reply-To: <e@f.example>\r\n'),
    ];
    const flags = [SEEN, 0, SEEN | DELETED, DELETED];
    const one = await newAccount(store);
    const other = await newAccount(store);
    const modes = await ask(
      "SELECT sql_mode FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_name = 'append_message'",
    );
    expect(String(modes[0])).toContain('STRICT_ALL_TABLES');
    const before = await calls();
    const byProcedure = await mailboxId(store, one, 'Archive');
    for (const [i, message] of messages.entries()) {
      const result = await appendOne(store, byProcedure, message, { system: flags[i] ?? 0, name: 'Archive' });
      expect(result).toMatchObject({ kind: 'appended', uids: [i + 1] });
    }
    const full = { bytes: 10, messages: 0 };
    expect((await appendOne(store, byProcedure, first, { quota: full })).kind).toBe('over-quota');
    expect((await appendOne(store, byProcedure, first, { quota: { bytes: 0, messages: 4 } })).kind).toBe('over-quota');
    expect((await appendOne(store, byProcedure, first, { name: 'Archives' })).kind).toBe('no-such-mailbox');
    expect((await calls()) - before).toBe(messages.length + 3);
    await ask('DROP PROCEDURE append_message');
    const byStatements = await mailboxId(store, other, 'Archive');
    for (const [i, message] of messages.entries()) {
      const result = await appendOne(store, byStatements, message, { system: flags[i] ?? 0, name: 'Archive' });
      expect(result).toMatchObject({ kind: 'appended', uids: [i + 1] });
    }
    expect(await rowsOf(one.id)).toEqual(await rowsOf(other.id));
    const [fetched] = await fetchAll(store, byProcedure, [1], { body: true });
    expect(fetched?.body).toEqual(first);
    const problems: unknown[] = [];
    await store.maintenance.verify({ repair: false, bodies: true }, (problem) => problems.push(problem));
    expect(problems).toEqual([]);
  });
});
