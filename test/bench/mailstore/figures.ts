import { randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { DELETED, NO_FLAGS, SEEN } from '../../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type StoredContent } from '../../../store/mailstore/mailstore.ts';
import { startTestDatabase } from '../../support/mariadb.ts';

/** `node test/bench/mailstore/figures.ts [messages]`: milliseconds of the mailstore's own work, no IMAP in between. */

const COUNT = Number(process.argv[2] ?? 20_000);
const NO_QUOTA = { bytes: 0, messages: 0 };
const WORDS = Array.from({ length: 3000 }, () => randomBytes(4).toString('hex'));

function mail(n: number): Buffer {
  const word = (): string => WORDS[Math.floor(Math.random() * WORDS.length)] as string;
  const lines = Array.from({ length: 62 }, () => Array.from({ length: 8 }, word).join(' ')).join('\r\n');
  return Buffer.from(
    `From: Ann Example <ann@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: Message ${n} about ${word()}\r\n` +
      `Message-ID: <${n}.${randomBytes(6).toString('hex')}@a.example>\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n` +
      `MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${lines}\r\n`,
  );
}

async function timed(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`${name.padEnd(44)} ${(performance.now() - start).toFixed(1).padStart(9)} ms`);
}

async function inboxOf(store: Mailstore, name: string): Promise<{ id: number; account: never }> {
  const uuid = `00000000-0000-4000-8000-${randomBytes(6).toString('hex')}`;
  const ensured = await store.accounts.ensure({ uuid, address: `${name}@domain1.example` });
  if (ensured.kind !== 'ready') throw new Error(ensured.kind);
  const found = await store.mailboxes.find(ensured.account.id, 'INBOX');
  return { id: found?.id ?? 0, account: ensured.account as never };
}

const server = await startTestDatabase(['--innodb-buffer-pool-size=1024M']);
const store = await openMailstore({ url: server.url, connections: 8, log: silentLog() });
try {
  const { id, account } = await inboxOf(store, 'bench');
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  await timed(`fill with ${COUNT}`, async () => {
    for (let n = 0; n < COUNT; n += 100) {
      const contents: StoredContent[] = await Promise.all(range(n, n + 99).map((i) => store.contents.put(mail(i))));
      await store.messages.append(
        id,
        contents.map((content) => ({ content, flags: NO_FLAGS, internalDate: new Date() })),
        NO_QUOTA,
      );
    }
  });
  const deliverOne = async (n: number): Promise<void> => {
    const content = await store.contents.put(mail(n));
    const [result] = await store.deliveries.deliver([
      {
        key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: 'bench@domain1.example' },
        account,
        content,
        into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
        internalDate: new Date(),
        quota: NO_QUOTA,
        outcome: 'delivered',
        reply: reply(250, '2.0.0', 'Delivered'),
      },
    ]);
    if (result?.kind !== 'delivered') throw new Error(result?.kind);
  };
  for (let n = 0; n < 100; n++) await deliverOne(n);
  await timed('500 deliveries one after the other', async () => {
    for (let n = 0; n < 500; n++) await deliverOne(n);
  });
  const view = await store.mailboxes.open(id, { claimRecent: false });
  view?.close();
  for (let round = 0; round < 2; round++) {
    await timed('1000 bodies', async () => {
      for await (const _ of store.messages.fetch(id, range(1000 * round + 1, 1000 * round + 1000), { body: true }));
    });
  }
  await timed('envelope and bodystructure of all', async () => {
    for await (const _ of store.messages.fetch(id, range(1, COUNT), { envelope: true, bodyStructure: true }));
  });
  await timed('first SEARCH BODY of 5000', () =>
    store.messages.search(id, range(1, 5000), [{ kind: 'body', value: 'qzqzqz' }]),
  );
  await timed('SEARCH BODY of 5000 again', () =>
    store.messages.search(id, range(1, 5000), [{ kind: 'body', value: 'qzqzqz' }]),
  );
  await timed('SEARCH SUBJECT of 5000', () =>
    store.messages.search(id, range(1, 5000), [{ kind: 'header', field: 'subject', value: 'qzqzqz' }]),
  );
  await timed(`STORE +FLAGS \\Seen on all`, () =>
    store.messages.storeFlags(id, range(1, COUNT), { how: 'add', flags: { system: SEEN, keywords: [] } }),
  );
  await timed(`STORE -FLAGS \\Seen on all`, () =>
    store.messages.storeFlags(id, range(1, COUNT), { how: 'remove', flags: { system: SEEN, keywords: [] } }),
  );
  const target = await store.mailboxes.create((account as { id: number }).id, 'Copies');
  const to = target.kind === 'created' ? target.mailbox.id : 0;
  for (let round = 0; round < 3; round++) {
    await timed('COPY of 5000', () => store.messages.copy(id, range(1, 5000), to, NO_QUOTA));
  }
  await store.messages.storeFlags(to, range(1, 15_000), { how: 'add', flags: { system: DELETED, keywords: [] } });
  for (let round = 0; round < 2; round++) {
    await timed('EXPUNGE of 5000', () => store.messages.expunge(to, range(5000 * round + 1, 5000 * round + 5000)));
  }
} finally {
  await store.close();
  await server.stop();
}
