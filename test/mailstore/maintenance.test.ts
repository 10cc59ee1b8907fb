import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, FLAGGED, SEEN } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type Problem } from '../../store/mailstore/mailstore.ts';
import { appendLetters, letter, mailboxOf, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

let server: TestDatabase;
let store: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  store = await openMailstore({ url: server.url, connections: 6, log: silentLog() });
});

afterAll(async () => {
  await store?.close();
  await server?.stop();
});

async function verify(options: { repair?: boolean; bodies?: boolean } = {}): Promise<Problem[]> {
  const problems: Problem[] = [];
  await store.maintenance.verify(options, (problem) => problems.push(problem));
  return problems;
}

/** Damages the tables behind the mailstore's back. */
async function damage(...statements: string[]): Promise<void> {
  const connection = await createConnection(server.url);
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}

describe('undelete', () => {
  it('brings expunged messages back with new UIDs, their flags, keywords and EMAILID kept', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const keywords = ['one', ...range(1, 70).map((n) => `k${n}`)];
    await appendLetters(store, inbox, 3, { flags: { system: FLAGGED | DELETED, keywords } });
    const ids: string[] = [];
    for await (const page of store.messages.fetch(inbox, [1, 2, 3], {})) ids.push(...page.map((m) => m.emailId));
    await store.messages.expunge(inbox);
    expect((await store.mailboxes.status([inbox]))[0]).toMatchObject({ messages: 0 });
    const listed = await store.maintenance.deletedMessages(account.id);
    expect(listed.map((m) => [m.mailbox, m.uid, m.emailId])).toEqual([3, 2, 1].map((n) => ['INBOX', n, ids[n - 1]]));
    expect(listed[0]?.envelope?.toString()).toContain('"Letter 2"');
    const restored = await store.maintenance.restoreMessages(account.id, [
      { mailboxId: inbox, uid: 3 },
      { mailboxId: inbox, uid: 1 },
      { mailboxId: inbox, uid: 77 },
    ]);
    expect(restored.map((m) => [m.from.uid, m.mailbox, m.uid])).toEqual([
      [1, 'INBOX', 4],
      [3, 'INBOX', 5],
    ]);
    const view = await store.mailboxes.open(inbox, { claimRecent: false });
    expect([1, 2].map((n) => view?.flagsAt(n))).toEqual([1, 2].map(() => ({ system: FLAGGED, keywords })));
    view?.close();
    const back: { emailId: string; body: Buffer | undefined }[] = [];
    for await (const page of store.messages.fetch(inbox, [4, 5], { body: true, envelope: true })) back.push(...page);
    expect(back.map((m) => m.emailId)).toEqual([ids[0], ids[2]]);
    expect(back.every((m) => m.body?.includes('Hello.'))).toBe(true);
    // Not twice.
    expect(await store.maintenance.restoreMessages(account.id, [{ mailboxId: inbox, uid: 1 }])).toEqual([]);
    expect((await store.maintenance.deletedMessages(account.id)).map((m) => m.uid)).toEqual([2]);
    const into = await store.maintenance.restoreMessages(account.id, [{ mailboxId: inbox, uid: 2 }], 'Found/Again');
    expect(into).toMatchObject([{ mailbox: 'Found/Again', uid: 1 }]);
    expect((await store.accounts.usage(account.id)).messages).toBe(3);
    expect(await verify()).toEqual([]);
  });

  it('brings a whole mailbox back, under another UIDVALIDITY, and does not take the place of another', async () => {
    const account = await somebody(store);
    const created = await store.mailboxes.create(account.id, 'Projects');
    const id = created.kind === 'created' ? created.mailbox.id : 0;
    await appendLetters(store, id, 3, { flags: { system: SEEN, keywords: [] } });
    const before = await store.mailboxes.open(id, { claimRecent: false });
    await store.mailboxes.remove(account.id, 'Projects');
    expect(await before?.refresh()).toBe('gone');
    before?.close();
    await store.mailboxes.create(account.id, 'Projects');
    const [deleted] = await store.maintenance.deletedMailboxes(account.id);
    expect(deleted).toMatchObject({ id, name: 'Projects', messages: 3 });
    expect(await store.maintenance.restoreMailbox(account.id, id)).toEqual({ kind: 'exists' });
    const restored = await store.maintenance.restoreMailbox(account.id, id, 'Projects (back)');
    expect(restored).toMatchObject({ kind: 'restored', mailbox: { name: 'Projects (back)' } });
    const uidValidity = restored.kind === 'restored' ? restored.mailbox.uidValidity : 0;
    const others = (await store.mailboxes.list(account.id)).filter((m) => m.id !== id);
    expect(uidValidity).toBeGreaterThan(Math.max(...others.map((m) => m.uidValidity)));
    const view = await store.mailboxes.open(id, { claimRecent: false });
    expect(view?.exists).toBe(3);
    view?.close();
    expect(await store.maintenance.restoreMailbox(account.id, id)).toEqual({ kind: 'no-such-mailbox' });
    expect((await store.accounts.usage(account.id)).messages).toBe(3);
    expect(await verify()).toEqual([]);
  });

  it('ends with the window, and what was restored outlives it', async () => {
    const short = await openMailstore({ url: server.url, connections: 2, log: silentLog(), undeleteWindowMs: 1000 });
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 2, { flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox);
    await store.maintenance.restoreMessages(account.id, [{ mailboxId: inbox, uid: 1 }]);
    await short.collectGarbage(new Date(Date.now() + 3_600_000 * 24));
    await short.close();
    expect(await store.maintenance.deletedMessages(account.id)).toEqual([]);
    expect(await store.maintenance.restoreMessages(account.id, [{ mailboxId: inbox, uid: 2 }])).toEqual([]);
    const bodies: (Buffer | undefined)[] = [];
    for await (const page of store.messages.fetch(inbox, [3], { body: true })) bodies.push(...page.map((m) => m.body));
    expect(bodies[0]?.includes('Hello.')).toBe(true);
    expect(await verify()).toEqual([]);
  });
});

describe('check', () => {
  it('finds wrong counters and numbers, orphans and lost bodies, and repairs what can be repaired', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 5);
    await store.messages.storeFlags(inbox, [1, 2], { how: 'add', flags: { system: SEEN, keywords: [] } });
    const lost = await store.contents.put(letter('lost'));
    await store.messages.append(
      inbox,
      [{ content: lost, flags: { system: 0, keywords: [] }, internalDate: new Date() }],
      NO_QUOTA,
    );
    const rotten = await store.contents.put(letter('rotten'));
    expect(await verify({ bodies: true })).toEqual([]);
    await damage(
      `UPDATE mailbox SET n_msgs = 99, n_unseen = 0, bytes = 1, uidnext = 2, highestmodseq = 1 WHERE id = ${inbox}`,
      `UPDATE account SET n_msgs = 7, modseq = 1, next_email_no = 1, next_uidvalidity = 1 WHERE id = ${account.id}`,
      `UPDATE email SET copies = 9 WHERE account_id = ${account.id} AND email_no = 3`,
      `DELETE FROM email WHERE account_id = ${account.id} AND email_no = 4`,
      `INSERT INTO search_text (account_id, email_no, version, header_text, body_text) VALUES (${account.id}, 999, 1, '', '')`,
      `INSERT INTO message_keyword (mailbox_id, uid, keyword_no) VALUES (${inbox}, 999, 70)`,
      `DELETE FROM content WHERE id = X'${lost.id.toString('hex')}'`,
      `UPDATE content_chunk SET data = REPLACE(data, 'Hello', 'Jello') WHERE content_id = X'${rotten.id.toString('hex')}'`,
    );
    const found = await verify({ bodies: true });
    const texts = found.map((p) => p.text).join('\n');
    for (const part of [
      'messages is 99, should be 6',
      'unseen is 0, should be 4',
      'UIDNEXT is 2, but UID 6 is given',
      'HIGHESTMODSEQ is 1',
      'next email is 1',
      'next UIDVALIDITY is 1',
      'email 3 counts 9 messages, there are 1',
      'email 4 is missing',
      '1 rows of search_text without their email',
      '1 rows of email_cache without their email',
      '1 rows of message_keyword without their message',
      'is not what was stored',
    ]) {
      expect(texts).toContain(part);
    }
    expect(found.filter((p) => p.state === 'lost').map((p) => p.text)).toEqual([
      'the body of email 6 is missing',
      expect.stringContaining('is not what was stored'),
    ]);
    await verify({ repair: true });
    expect((await verify({ bodies: true })).every((p) => p.state === 'lost')).toBe(true);
    const [status] = await store.mailboxes.status([inbox]);
    expect(status).toMatchObject({ messages: 6, unseen: 4, uidNext: 7 });
    // Life goes on with numbers that were never given before.
    expect(await appendLetters(store, inbox, 1)).toEqual([7]);
    await damage(
      `DELETE FROM email WHERE account_id = ${account.id} AND email_no = 6`,
      `DELETE FROM message WHERE mailbox_id = ${inbox} AND email_no = 6`,
      `DELETE FROM content WHERE id = X'${rotten.id.toString('hex')}'`,
    );
    await verify({ repair: true });
    expect(await verify({ bodies: true })).toEqual([]);
  });
});

describe('postern-store', () => {
  it('lists accounts, checks, lists what was deleted and brings it back', async () => {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    await appendLetters(store, inbox, 2, { flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox);
    const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'));
    const config = join(folder, 'store.yaml');
    writeFileSync(
      config,
      `hostname: store.example\ntls: { cert: /c.pem, key: /k.pem }\nca: /ca.pem\nlmtp: { listen: { address: 127.0.0.1 } }
imap: {}\ndatabase: { url: '${server.url}' }
directory: { urls: ['ldap://127.0.0.1'], ca: /ca.pem, baseDn: 'o=hosting', bindDn: 'cn=x', bindPassword: y }\n`,
    );
    const tool = async (...args: string[]): Promise<{ code: number; out: string }> => {
      const program = new URL('../../store/cli/postern-store.ts', import.meta.url).pathname;
      const run = promisify(execFile)(process.execPath, [program, ...args, '--config', config]);
      return run.then(
        ({ stdout }) => ({ code: 0, out: stdout }),
        (fault: { code: number; stdout: string; stderr: string }) => ({
          code: fault.code,
          out: fault.stdout + fault.stderr,
        }),
      );
    };
    const list = await tool('account', 'list');
    expect(list.out).toContain(`${account.address}\t0\t0\t${account.uuid}`);
    expect((await tool('check', '--bodies')).out).toMatch(/^ok: \d+ accounts\n$/);
    const deleted = await tool('undelete', '--account', account.address);
    expect(deleted.out.split('\n')[0]).toMatch(/^message\t2\t.*\tINBOX\t\d+\t"Letter 1"$/);
    const restored = await tool('undelete', '--account', account.address, '--restore', '--into', 'Rescued');
    expect(restored).toEqual({ code: 0, out: expect.stringContaining('2 messages restored') });
    expect((await store.mailboxes.find(account.id, 'Rescued'))?.name).toBe('Rescued');
    expect((await tool('undelete', '--account', 'nobody@domain1.example')).code).toBe(1);
    expect(await tool('undelete')).toMatchObject({ code: 2, out: expect.stringContaining('--account is missing') });
    await damage(`UPDATE mailbox SET n_msgs = 50 WHERE id = ${inbox}`);
    expect(await tool('check')).toMatchObject({ code: 1, out: expect.stringContaining('messages is 50, should be 0') });
    expect(await tool('check', '--repair')).toMatchObject({ code: 0, out: expect.stringContaining('1 repaired') });
    rmSync(folder, { recursive: true });
  });
});
