import { randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { createConnection } from 'mysql2/promise';
import { expect } from 'vitest';
import { NO_FLAGS } from '../../store/mailstore/flags.ts';
import {
  CommitOutcomeUnknown,
  type Mailstore,
  openMailstore,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { layCommitWire } from '../support/commit-wire.ts';
import { letter, mailboxOf, NO_QUOTA, somebody, someDelivery } from '../support/mailstore.ts';

/** Every failure of the write rule made to happen, on the nodes of one database: the same one, or several of a cluster. */
export interface WriteRuleCase {
  readonly name: string;
  readonly run: (urls: readonly string[]) => Promise<void>;
}

async function messagesOf(store: Mailstore, accounts: readonly StoredAccount[]): Promise<number[]> {
  return Promise.all(accounts.map(async ({ id }) => (await store.accounts.usage(id)).messages));
}

/** Two stores, each on a node of its own where there are several. */
async function withStores(
  urls: readonly string[],
  work: (one: Mailstore, other: Mailstore) => Promise<void>,
): Promise<void> {
  const open = (url: string): Promise<Mailstore> =>
    openMailstore({ url, connections: 4, log: silentLog(), feedIntervalMs: 20 });
  const one = await open(urls[0] as string);
  const other = await open(urls.at(-1) as string);
  try {
    await work(one, other);
  } finally {
    await one.close();
    await other.close();
  }
}

export const WRITE_RULE: readonly WriteRuleCase[] = [
  {
    name: 'batches that cross are all delivered, each message once',
    run: (urls) =>
      withStores(urls, async (one, other) => {
        const accounts = [await somebody(one), await somebody(one), await somebody(one)];
        const rounds = 12;
        const batches = async (store: Mailstore, order: readonly StoredAccount[]): Promise<string[]> => {
          const kinds: string[] = [];
          for (let n = 0; n < rounds; n++) {
            const batch = await Promise.all(order.map((account) => someDelivery(store, account)));
            kinds.push(...(await store.deliveries.deliver(batch)).map((r) => r.kind));
          }
          return kinds;
        };
        const kinds = await Promise.all([
          batches(one, accounts),
          batches(other, [...accounts].reverse()),
          batches(other, accounts),
        ]);
        expect(kinds.flat().filter((kind) => kind !== 'delivered')).toEqual([]);
        await expect.poll(() => messagesOf(one, accounts)).toEqual(accounts.map(() => 3 * rounds));
        // Nothing was committed by halves.
        const problems: string[] = [];
        await one.maintenance.verify({}, ({ text }) => problems.push(text));
        expect(problems).toEqual([]);
      }),
  },
  {
    name: 'a poisoned row fails alone',
    run: (urls) =>
      withStores(urls, async (store) => {
        const account = await somebody(store);
        const key = { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: 'x'.repeat(400) };
        const batch = [
          await someDelivery(store, account),
          await someDelivery(store, account, { key }),
          await someDelivery(store, account),
        ];
        const kinds = (await store.deliveries.deliver(batch)).map((r) => r.kind);
        expect(kinds).toEqual(['delivered', 'fault', 'delivered']);
        expect(await messagesOf(store, [account])).toEqual([2]);
      }),
  },
  {
    name: 'a locked account holds up nobody else',
    run: (urls) =>
      withStores(urls, async (store) => {
        const [locked, free] = [await somebody(store), await somebody(store)];
        const holder = await createConnection(urls[0] as string);
        await holder.query('START TRANSACTION');
        await holder.query(`SELECT id FROM account WHERE id = ${locked.id} FOR UPDATE`);
        const batch = [await someDelivery(store, locked), await someDelivery(store, free)];
        const delivering = store.deliveries.deliver(batch);
        await expect.poll(() => messagesOf(store, [locked, free])).toEqual([0, 1]);
        await holder.query('COMMIT');
        await holder.end();
        expect((await delivering).map((r) => r.kind)).toEqual(['delivered', 'delivered']);
      }),
  },
  {
    name: 'an APPEND waits for a locked account without holding the body that others bring',
    run: (urls) =>
      withStores(urls, async (store) => {
        const [locked, free] = [await somebody(store), await somebody(store)];
        const mailboxes = [await mailboxOf(store, locked), await mailboxOf(store, free)] as const;
        const holder = await createConnection(urls[0] as string);
        await holder.query('START TRANSACTION');
        await holder.query(`SELECT id FROM account WHERE id = ${locked.id} FOR UPDATE`);
        const append = async (mailbox: number): Promise<string> => {
          const content = await store.contents.arrived(letter('the same for both'));
          const message = { content, flags: NO_FLAGS, internalDate: new Date() };
          return (await store.messages.append(mailbox, [message], NO_QUOTA)).kind;
        };
        const waiting = append(mailboxes[0]);
        expect(await append(mailboxes[1])).toBe('appended');
        expect(await messagesOf(store, [locked, free])).toEqual([0, 1]);
        await holder.query('COMMIT');
        await holder.end();
        expect(await waiting).toBe('appended');
        expect(await messagesOf(store, [locked, free])).toEqual([1, 1]);
      }),
  },
  ...(['before', 'after'] as const).map(
    (how): WriteRuleCase => ({
      name: `a COMMIT whose answer is lost (cut ${how} the server had it) delivers once and is unknown to IMAP`,
      run: (urls) =>
        withStores(urls, async (direct) => {
          const wire = await layCommitWire(urls[0] as string);
          const store = await openMailstore({ url: wire.url, connections: 2, log: silentLog(), migrate: false });
          try {
            const accounts = [await somebody(direct), await somebody(direct)];
            const batch = await Promise.all(accounts.map((account) => someDelivery(direct, account)));
            wire.cutNext(how);
            const kinds = (await store.deliveries.deliver(batch)).map((r) => r.kind);
            expect(wire.cuts).toBe(1);
            expect(new Set(kinds)).toEqual(new Set([how === 'before' ? 'delivered' : 'repeated']));
            expect(await messagesOf(direct, accounts)).toEqual([1, 1]);
            const inbox = await mailboxOf(direct, accounts[0] as StoredAccount);
            const content = await store.contents.arrived(letter('appended'));
            const message = { content, flags: NO_FLAGS, internalDate: new Date() };
            wire.cutNext(how);
            const appending = store.messages.append(inbox, [message], NO_QUOTA);
            await expect(appending).rejects.toBeInstanceOf(CommitOutcomeUnknown);
          } finally {
            await store.close();
            wire.close();
          }
        }),
    }),
  ),
  {
    name: 'garbage collection in the middle of deliveries takes nothing that is needed',
    run: (urls) =>
      withStores(urls, async (store) => {
        const graceMs = 500;
        const options = { connections: 3, log: silentLog(), migrate: false, contentGraceMs: graceMs };
        const collector = await openMailstore({ url: urls.at(-1) as string, ...options });
        const account = await somebody(store);
        const inbox = await mailboxOf(store, account);
        let [working, collected] = [true, 0];
        const collecting = (async () => {
          while (working) collected += (await collector.collectGarbage()).contents;
        })();
        // The same bytes again and again, old and unused in between: each time either kept for us or written anew.
        const bytes = [letter('again'), letter('and again')];
        const uids: number[] = [];
        for (let n = 0; n < 6; n++) {
          for (const body of bytes) {
            const content = await store.contents.put(body);
            if (n % 2 === 0) continue;
            const [result] = await store.deliveries.deliver([await someDelivery(store, account, { content })]);
            if (result?.kind === 'delivered') uids.push(...result.messages.map((m) => m.uid));
          }
          await new Promise((done) => setTimeout(done, n % 2 === 0 ? graceMs + 100 : 0));
        }
        working = false;
        await collecting;
        await collector.close();
        expect(collected).toBeGreaterThan(0);
        expect(uids).toHaveLength(6);
        const read: (Buffer | undefined)[] = [];
        for await (const page of store.messages.fetch(inbox, uids, { body: true }))
          read.push(...page.map((m) => m.body));
        expect(read.every((body, i) => body?.equals(bytes[i % 2] as Buffer))).toBe(true);
      }),
  },
];
