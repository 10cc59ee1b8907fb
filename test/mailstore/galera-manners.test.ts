import { randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_FLAGS } from '../../store/mailstore/flags.ts';
import { openMailstore } from '../../store/mailstore/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';
import { layStatementWire } from '../support/statement-wire.ts';

/**
 * What the store does otherwise on a node of a Galera cluster, seen on the wire to a single MariaDB that says it is one
 * (`wsrep_on`, without a provider). Why it must: ARCHITECTURE.md; that it helps: `npm run test:clusters`.
 */
describe('what is sent to a server', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await startTestDatabase(['--wsrep-on=ON', '--binlog-format=ROW']);
  }, 60_000);

  afterAll(() => database?.stop());

  /** All texts that a few deliveries and a look at the mailbox send. */
  async function textsOf(url: string): Promise<readonly string[]> {
    const wire = await layStatementWire(url);
    const store = await openMailstore({ url: wire.url, connections: 2, log: silentLog() });
    try {
      const ensured = await store.accounts.ensure({
        uuid: '33333333-0000-4000-8000-000000000001',
        address: 'user1@domain1.example',
      });
      if (ensured.kind !== 'ready') throw new Error(ensured.kind);
      const { account } = ensured;
      for (let n = 0; n < 3; n++) {
        // Two at a time: one alone goes by a procedure.
        const both = [1, 2].map(async (copy) => ({
          key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: account.address },
          account,
          content: await store.contents.arrived(Buffer.from(`Subject: ${n}\r\n\r\nHello ${n} ${copy}\r\n`)),
          into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
          internalDate: new Date(),
          quota: { bytes: 0, messages: 0 },
          outcome: 'delivered' as const,
          reply: reply(250, '2.0.0', 'Delivered'),
        }));
        const results = await store.deliveries.deliver(await Promise.all(both));
        expect(results.map(({ kind }) => kind)).toEqual(['delivered', 'delivered']);
      }
      expect(await store.mailboxes.find(account.id, 'INBOX')).toBeDefined();
      return [...wire.texts];
    } finally {
      await store.close();
      wire.close();
    }
  }

  const bundled = (texts: readonly string[]): string[] => texts.filter((text) => /;\s*COMMIT$/.test(text));
  const waiting = (texts: readonly string[]): string[] =>
    texts.filter((text) => text.startsWith('SET STATEMENT wsrep_sync_wait = 1 FOR SELECT'));

  it('of Galera: no two statements share a packet, and a mailbox is found by a read that waits for the cluster', async () => {
    const texts = await textsOf(database.url);
    expect(texts).toContain('COMMIT');
    expect(bundled(texts)).toEqual([]);
    expect(waiting(texts).length).toBeGreaterThan(0);
  });

  it('of its own: the last statements of a delivery travel with COMMIT, and nothing waits', async () => {
    const plain = await startTestDatabase(WITHOUT_POWER_CUTS);
    try {
      const texts = await textsOf(plain.url);
      expect(bundled(texts).length).toBeGreaterThan(0);
      expect(waiting(texts)).toEqual([]);
    } finally {
      await plain.stop();
    }
  });
});
