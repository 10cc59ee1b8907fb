import { describe, expect, it } from 'vitest';
import { DELETED, SEEN } from '../../store/mailstore/flags.ts';
import type { AppendResult, Mailstore } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA } from '../support/mailstore.ts';
import { fetchAll, mail, mailboxId, newAccount, useMailstores } from './some-mailstore.ts';
import { ask, calls, rowsOf } from './stored-rows.ts';

const stores = useMailstores();

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

describe('APPENDs by several clients', () => {
  const letter = (subject: string, id: string, references = ''): Buffer =>
    Buffer.from(
      `Message-ID: <${id}>\r\n${references && `References: ${references}\r\n`}Subject: ${subject}\r\n\r\n${subject}\r\n`,
    );
  const before = [letter('Known', 'known@x.example'), letter('Beside', 'beside@x.example', '<known@x.example>')];
  const again = letter('Again', 'again@x.example', '<ahead@x.example>');
  /** What waits while those before are under way. */
  const few: readonly (readonly Buffer[])[] = [
    [letter('a', 'a@x.example'), letter('b', 'b@x.example', '<a@x.example> <known@x.example>')],
    [letter('c', 'c@x.example', '<ahead@x.example>'), letter('d', 'ahead@x.example'), letter('e', 'e@x.example')],
    [again, before[1] as Buffer, again, letter('f', 'f@x.example', '<again@x.example>')],
  ];
  const flags = [SEEN, 0, SEEN | DELETED, DELETED];

  it('leave the same rows when they wait and go by one procedure as a MULTIAPPEND by statements', async () => {
    const store = await stores.open();
    const [one, other] = [await newAccount(store), await newAccount(store)];
    const byProcedures = await mailboxId(store, one, 'Archive');
    const byStatements = await mailboxId(store, other, 'Archive');
    const internalDate = new Date('2026-02-02T10:00:00Z');
    const bodies: string[] = [];
    for (const messages of few) {
      const started = await calls(stores.url);
      const all = [...before, ...messages];
      const results = await Promise.all(
        (await Promise.all(all.map((message) => store.contents.arrived(message)))).map(async (content, i) => {
          const message = { content, flags: { system: flags[i % 4] ?? 0, keywords: [] }, internalDate };
          const result = await store.messages.append(byProcedures, [message], NO_QUOTA, 'Archive');
          if (result.kind !== 'appended') throw new Error(result.kind);
          return { message, body: String(all[i]), uid: result.uids[0] as number, modSeq: result.modSeq };
        }),
      );
      expect((await calls(stores.url)) - started).toBe(3);
      // The second one may be overtaken by those that waited.
      results.sort((x, y) => x.uid - y.uid);
      bodies.push(...results.map(({ body }) => body));
      for (const modSeq of new Set(results.map((result) => result.modSeq))) {
        const together = results.filter((result) => result.modSeq === modSeq).map(({ message }) => message);
        expect(await store.messages.append(byStatements, together, NO_QUOTA)).toMatchObject({ kind: 'appended' });
      }
    }
    expect(await rowsOf(stores.url, one.id)).toEqual(await rowsOf(stores.url, other.id));
    const uids = bodies.map((_, i) => i + 1);
    const rows = await fetchAll(store, byProcedures, uids, { body: true });
    expect(rows.map(({ body }) => body?.toString())).toEqual(bodies);
    const problems: unknown[] = [];
    await store.maintenance.verify({ repair: false, bodies: true }, (problem) => problems.push(problem));
    expect(problems).toEqual([]);
  });

  it('fill a quota to its last message, and find the mailbox by its name each for itself', async () => {
    const store = await stores.open();
    const id = await mailboxId(store, await newAccount(store), 'Archive');
    const names = ['Archive', 'Archive', 'Archive', 'Other', 'Archive', 'Archive', 'Archive'];
    const results = await Promise.all(
      names.map((name, i) => appendOne(store, id, mail(`Quota ${i}`), { quota: { bytes: 0, messages: 5 }, name })),
    );
    const kinds = results.map(({ kind }) => kind);
    expect(kinds[3]).toBe('no-such-mailbox');
    expect(kinds.filter((kind) => kind === 'appended')).toHaveLength(5);
    expect(kinds.filter((kind) => kind === 'over-quota')).toHaveLength(1);
  });
});

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
      // Named by the second, which came before it.
      Buffer.from(
        mail('Four')
          .toString('latin1')
          .replace(/Message-ID: <[^>]*>/, 'Message-ID: <a@b.example>'),
      ),
    ];
    const flags = [SEEN, 0, SEEN | DELETED, DELETED, 0];
    const one = await newAccount(store);
    const other = await newAccount(store);
    const modes = await ask(
      stores.url,
      "SELECT sql_mode FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_name = 'append_message'",
    );
    expect(String(modes[0])).toContain('STRICT_ALL_TABLES');
    const before = await calls(stores.url);
    const byProcedure = await mailboxId(store, one, 'Archive');
    for (const [i, message] of messages.entries()) {
      const result = await appendOne(store, byProcedure, message, { system: flags[i] ?? 0, name: 'Archive' });
      expect(result).toMatchObject({ kind: 'appended', uids: [i + 1] });
    }
    const full = { bytes: 10, messages: 0 };
    expect((await appendOne(store, byProcedure, first, { quota: full })).kind).toBe('over-quota');
    expect((await appendOne(store, byProcedure, first, { quota: { bytes: 0, messages: 5 } })).kind).toBe('over-quota');
    expect((await appendOne(store, byProcedure, first, { name: 'Archives' })).kind).toBe('no-such-mailbox');
    expect((await calls(stores.url)) - before).toBe(messages.length + 3);
    await ask(stores.url, 'DROP PROCEDURE append_message');
    const byStatements = await mailboxId(store, other, 'Archive');
    for (const [i, message] of messages.entries()) {
      const result = await appendOne(store, byStatements, message, { system: flags[i] ?? 0, name: 'Archive' });
      expect(result).toMatchObject({ kind: 'appended', uids: [i + 1] });
    }
    expect(await rowsOf(stores.url, one.id)).toEqual(await rowsOf(stores.url, other.id));
    const [fetched] = await fetchAll(store, byProcedure, [1], { body: true });
    expect(fetched?.body).toEqual(first);
    const problems: unknown[] = [];
    await store.maintenance.verify({ repair: false, bodies: true }, (problem) => problems.push(problem));
    expect(problems).toEqual([]);
  });
});
