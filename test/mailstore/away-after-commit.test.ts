import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CommitWire, layCommitWire } from '../support/commit-wire.ts';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';

let backends: ImapBackends;
let wire: CommitWire;
let store: ImapStore;

beforeAll(async () => {
  backends = await startImapBackends();
  wire = await layCommitWire(backends.database.url);
  store = await startImapStore(
    {},
    { ...backends, database: { ...backends.database, createDatabase: async () => wire.url } },
  );
}, 60_000);

afterAll(async () => {
  await store?.stop();
  wire?.close();
  await backends?.stop();
});

it('a command that was committed says OK, also when the database goes away before its responses', async () => {
  const ann = await store.signIn('user1@domain1.example');
  expect(await ann.command('SELECT INBOX')).toContain('TAG OK');
  const text = 'Subject: kept\r\n\r\nKept.\r\n';
  expect(await ann.command(`APPEND INBOX {${text.length}+}\r\n${text}`)).toMatch(/^TAG OK/m);
  wire.cutNext('answered');
  // NO would say that nothing happened, and the client would copy it once more.
  expect(await ann.command('COPY 1 INBOX')).toMatch(/^TAG OK/m);
  expect(wire.cuts).toBe(1);
  expect(await ann.command('NOOP')).toMatch(/^TAG NO \[UNAVAILABLE\]/m);
  wire.mend();
  await expect.poll(() => ann.command('NOOP'), { timeout: 30_000 }).toMatch(/^TAG OK/m);
  expect(await ann.command('STATUS INBOX (MESSAGES)')).toContain('MESSAGES 2');
});
