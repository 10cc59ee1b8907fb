import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Connection, createConnection } from 'mysql2/promise';
import { expect } from 'vitest';
import { NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import {
  CommitOutcomeUnknown,
  type Mailstore,
  openMailstore,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { layCommitWire } from '../support/commit-wire.ts';
import { appendLetters, letter, mailboxOf, NO_QUOTA, somebody, someDelivery } from '../support/mailstore.ts';
import { stopInItsTracks } from '../support/stopped-process.ts';

/** What a lease of an account may never hide, on the nodes of one database: the same one, or several of a cluster. */
export interface LeaseCase {
  readonly name: string;
  /** It shows what a process does by itself: one server is enough. */
  readonly ofProcess?: boolean;
  readonly run: (urls: readonly string[]) => Promise<void>;
}

interface Stores {
  /** The one that holds leases. */
  readonly holder: Mailstore;
  readonly other: Mailstore;
  readonly sql: Connection;
}

async function withStores(urls: readonly string[], work: (stores: Stores) => Promise<void>): Promise<void> {
  const open = (url: string): Promise<Mailstore> =>
    openMailstore({ url, connections: 6, log: silentLog(), feedIntervalMs: 20, leaseAccounts: true });
  const holder = await open(urls[0] as string);
  const other = await open(urls.at(-1) as string);
  const sql = await createConnection(urls[0] as string);
  try {
    await work({ holder, other, sql });
  } finally {
    await sql.end();
    await holder.close();
    await other.close();
  }
}

async function leasedTo(sql: Connection, { id }: StoredAccount): Promise<number> {
  const [rows] = await sql.query('SELECT leased_to FROM account WHERE id = ?', [id]);
  return Number((rows as { leased_to: number }[])[0]?.leased_to);
}

/** Asks until the store has the account's lease, and knows its INBOX by heart. */
async function leased(store: Mailstore, sql: Connection, account: StoredAccount): Promise<void> {
  await expect
    .poll(async () => {
      for (let i = 0; i < 10; i++) await store.mailboxes.find(account.id, 'INBOX');
      return leasedTo(sql, account);
    })
    .toBeGreaterThan(0);
  await store.mailboxes.find(account.id, 'INBOX');
}

async function statements(sql: Connection): Promise<number> {
  const [rows] = await sql.query("SHOW GLOBAL STATUS LIKE 'Com_select'");
  return Number((rows as { Value: string }[])[0]?.Value);
}

/** Every way to change what SELECT, STATUS and NOOP tell; each as a write of the other store, and what the holder must see right after it. */
const CHANGES: Readonly<
  Record<string, (store: Mailstore, account: StoredAccount) => Promise<(sees: Mailstore) => Promise<void>>>
> = {
  async append(store, account) {
    const [uid] = await appendLetters(store, await mailboxOf(store, account), 1);
    return async (sees) =>
      expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.uidNext).toBe(Number(uid) + 1);
  },
  async delivery(store, account) {
    const before = (await store.mailboxes.find(account.id, 'INBOX'))?.counters.messages ?? 0;
    const [result] = await store.deliveries.deliver([await someDelivery(store, account)]);
    // What is skipped because it is held elsewhere is served by itself after that.
    expect(result?.kind).toBe('delivered');
    return async (sees) => expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.messages).toBe(before + 1);
  },
  async 'append in one round trip'(store, account) {
    const content = await store.contents.arrived(letter('At once'));
    const message = { content, flags: NO_FLAGS, internalDate: new Date('2026-02-02T10:00:00Z') };
    const result = await store.messages.append(await mailboxOf(store, account), [message], NO_QUOTA);
    expect(result.kind).toBe('appended');
    return async (sees) => expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.uidNext).toBe(5);
  },
  async 'delivery in one round trip'(store, account) {
    const content = await store.contents.arrived(letter('At once'));
    const [result] = await store.deliveries.deliver([await someDelivery(store, account, { content })]);
    expect(result?.kind).toBe('delivered');
    return async (sees) => expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.uidNext).toBe(5);
  },
  async flags(store, account) {
    const inbox = await mailboxOf(store, account);
    await store.messages.storeFlags(inbox, [1], { how: 'add', flags: { system: SEEN, keywords: [] } });
    return async (sees) => expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.unseen).toBe(2);
  },
  async expunge(store, account) {
    await store.messages.remove(await mailboxOf(store, account), [1]);
    return async (sees) => expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.messages).toBe(2);
  },
  async move(store, account) {
    const [inbox, archive] = [await mailboxOf(store, account), await mailboxOf(store, account, 'Archive')];
    await store.messages.move(inbox, [1], archive, NO_QUOTA);
    return async (sees) => {
      expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.messages).toBe(2);
      expect((await sees.mailboxes.find(account.id, 'Archive'))?.counters.messages).toBe(1);
    };
  },
  async rename(store, account) {
    await store.mailboxes.rename(account.id, 'INBOX', 'Old mail');
    return async (sees) => {
      expect((await sees.mailboxes.find(account.id, 'INBOX'))?.counters.messages).toBe(0);
      expect((await sees.mailboxes.find(account.id, 'Old mail'))?.counters.messages).toBeGreaterThan(0);
    };
  },
  async 'deleted mailbox'(store, account) {
    await store.mailboxes.remove(account.id, 'Archive');
    return async (sees) => expect(await sees.mailboxes.find(account.id, 'Archive')).toBeUndefined();
  },
};

export const LEASES: readonly LeaseCase[] = [
  {
    name: 'a store that holds the lease of an account answers without the database',
    ofProcess: true,
    run: (urls) =>
      withStores(urls, async ({ holder, sql }) => {
        const account = await somebody(holder);
        const view = await holder.mailboxes.open(await mailboxOf(holder, account), { claimRecent: false });
        await leased(holder, sql, account);
        await view?.refresh();
        const before = await statements(sql);
        for (let i = 0; i < 500; i++) {
          await holder.mailboxes.find(account.id, 'INBOX');
          await view?.refresh();
        }
        // Not 1,000: confirmations and the feed alone.
        expect((await statements(sql)) - before).toBeLessThan(200);
        view?.close();
      }),
  },
  ...Object.entries(CHANGES).flatMap(([name, change]) =>
    (['another process', 'its own'] as const).map((whose) => ({
      name: `a lease hides no ${name} of ${whose}`,
      ofProcess: whose === 'its own',
      run: (urls: readonly string[]) =>
        withStores(urls, async ({ holder, other, sql }) => {
          const writer = whose === 'its own' ? holder : other;
          const account = await somebody(writer);
          await appendLetters(writer, await mailboxOf(writer, account), 3);
          const view = await holder.mailboxes.open(await mailboxOf(holder, account), { claimRecent: false });
          await leased(holder, sql, account);
          await holder.mailboxes.find(account.id, 'Archive');
          await view?.refresh();
          const seen = await change(writer, account);
          await seen(holder);
          const head = await other.mailboxes.find(account.id, 'INBOX');
          if (name !== 'rename') {
            expect(await view?.refresh()).toBe('current');
            expect(view?.highestModSeq).toBe(head?.counters.highestModSeq);
          }
          if (whose === 'another process') expect(await leasedTo(sql, account)).toBe(0);
          view?.close();
        }),
    })),
  ),
  ...(['another process', 'its own'] as const).map((whose) => ({
    name: `what is answered is never older than what a writer of ${whose} was told before`,
    ofProcess: whose === 'its own',
    run: (urls: readonly string[]) =>
      withStores(urls, async ({ holder, other, sql }) => {
        const writer = whose === 'its own' ? holder : other;
        const accounts = await Promise.all(Array.from({ length: 6 }, () => somebody(writer)));
        const said = new Map(accounts.map(({ id }) => [id, 0]));
        let writing = accounts.length;
        const write = async (account: StoredAccount): Promise<void> => {
          const inbox = await mailboxOf(writer, account);
          await leased(holder, sql, account);
          for (let n = 0; n < 12; n++) {
            const [uid] = await appendLetters(writer, inbox, 1, { same: true });
            said.set(account.id, Number(uid));
            // Time for some answers.
            await pause((n % 4) * 7);
          }
          writing--;
        };
        const read = async (account: StoredAccount): Promise<number> => {
          let answers = 0;
          while (writing > 0) {
            const before = said.get(account.id) ?? 0;
            const found = await holder.mailboxes.find(account.id, 'INBOX');
            expect(found?.counters.uidNext).toBeGreaterThan(before);
            if (++answers % 50 === 0) await pause(0);
          }
          return answers;
        };
        const [answers] = await Promise.all([Promise.all(accounts.map(read)), ...accounts.map(write)]);
        expect(Math.min(...answers)).toBeGreaterThan(0);
        for (const { id } of accounts) {
          expect((await holder.mailboxes.find(id, 'INBOX'))?.counters.messages).toBe(12);
        }
      }),
  })),
  {
    name: 'the lease of a process that is gone holds nobody up for long, asked for or not; a store that starts asks for what was left behind',
    run: (urls) =>
      withStores(urls, async ({ other, sql }) => {
        const [left, asked, unasked] = [await somebody(other), await somebody(other), await somebody(other)];
        await sql.query('UPDATE account SET leased_to = 4711 WHERE id IN (?, ?)', [left.id, unasked.id]);
        // Somebody asked already, and ended before the answer.
        await sql.query('UPDATE account SET leased_to = -4711 WHERE id = ?', [asked.id]);
        const [inbox, delivery] = [await mailboxOf(other, unasked), await someDelivery(other, asked)];
        const started = openMailstore({
          url: urls[0] as string,
          connections: 3,
          log: silentLog(),
          leaseAccounts: true,
        });
        const [, [result]] = await Promise.all([appendLetters(other, inbox, 1), other.deliveries.deliver([delivery])]);
        expect(result?.kind).toBe('delivered');
        await expect.poll(() => leasedTo(sql, left), { timeout: 20_000 }).toBe(0);
        expect(await leasedTo(sql, asked)).toBe(0);
        expect(await leasedTo(sql, unasked)).toBe(0);
        await (await started).close();
      }),
  },
  {
    name: 'a process that stood still while its lease was taken does not believe in it when it goes on',
    ofProcess: true,
    run: (urls) =>
      withStores(urls, async ({ other, sql }) => {
        const account = await somebody(other);
        const inbox = await mailboxOf(other, account);
        const file = fileURLToPath(new URL('lease-holder.ts', import.meta.url));
        const holder = fork(file, [urls[0] as string, String(account.id)]);
        try {
          await once(holder, 'message');
          const uidNext = async (): Promise<number> => {
            const answered = once(holder, 'message');
            holder.send('INBOX');
            return ((await answered) as { uidNext: number }[])[0]?.uidNext ?? 0;
          };
          const ask = async (): Promise<number> => {
            for (let i = 0; i < 10; i++) expect(await uidNext()).toBe(1);
            return leasedTo(sql, account);
          };
          await expect.poll(ask).toBeGreaterThan(0);
          await uidNext();
          stopInItsTracks(holder.pid ?? 0);
          await appendLetters(other, inbox, 1);
          // The question lies there when the process goes on, before it has asked whether the lease is still its own.
          const answer = uidNext();
          process.kill(holder.pid ?? 0, 'SIGCONT');
          expect(await answer).toBe(2);
        } finally {
          const ended = once(holder, 'exit');
          holder.kill('SIGKILL');
          await ended;
        }
      }),
  },
  {
    name: 'a COMMIT whose answer is lost ends the lease: it may happen at any time',
    run: async (urls) => {
      const wire = await layCommitWire(urls[0] as string);
      try {
        await withStores([wire.url, urls.at(-1) as string], async ({ holder, other, sql }) => {
          const account = await somebody(other);
          const inbox = await mailboxOf(other, account);
          await leased(holder, sql, account);
          const content = await holder.contents.arrived(letter('Lost'));
          wire.cutNext('after');
          const message = { content, flags: NO_FLAGS, internalDate: new Date() };
          await expect(holder.messages.append(inbox, [message], NO_QUOTA)).rejects.toBeInstanceOf(CommitOutcomeUnknown);
          await expect.poll(async () => (await holder.mailboxes.find(account.id, 'INBOX'))?.counters.uidNext).toBe(2);
          await expect.poll(() => leasedTo(sql, account)).toBe(0);
        });
      } finally {
        wire.close();
      }
    },
  },
  {
    name: 'a store that ends leaves no lease behind',
    run: (urls) =>
      withStores(urls, async ({ other, sql }) => {
        const account = await somebody(other);
        const store = await openMailstore({
          url: urls[0] as string,
          connections: 3,
          log: silentLog(),
          leaseAccounts: true,
        });
        await leased(store, sql, account);
        await store.close();
        expect(await leasedTo(sql, account)).toBe(0);
      }),
  },
  {
    name: 'the history that garbage collection forgets is not remembered by a lease',
    run: (urls) =>
      withStores(urls, async ({ holder, other, sql }) => {
        const account = await somebody(other);
        const inbox = await mailboxOf(other, account);
        await appendLetters(other, inbox, 2);
        await other.messages.remove(inbox, [1]);
        await sql.query('UPDATE expunged SET at = 1 WHERE mailbox_id = ?', [inbox]);
        await leased(holder, sql, account);
        expect((await holder.mailboxes.find(account.id, 'INBOX'))?.vanishedFloor).toBe(0);
        await other.collectGarbage();
        expect((await holder.mailboxes.find(account.id, 'INBOX'))?.vanishedFloor).toBeGreaterThan(0);
      }),
  },
];
