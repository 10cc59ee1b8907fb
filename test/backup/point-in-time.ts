import { readdirSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { expect } from 'vitest';
import { type ImapBackends, type ImapStore, startImapStore } from '../support/imap-store.ts';
import { openStoreTool } from '../support/store-tool.ts';
import { readByImap } from './account-seen-by-imap.ts';

const ANN = 'user1@domain1.example';

/** A server with a binary log, an empty one beside it, and the tools of their make. */
export interface LoggedServers {
  readonly first: { readonly url: string };
  readonly second: { readonly url: string };
  /** Where the first one's log lies: `binlog.000001`, … */
  readonly logFolder: string;
  /** A base backup of the first, with the place in the log at which it was taken. */
  dump(): { readonly base: Buffer; readonly log: string; readonly position: string };
  /** Brings the base into the second. */
  load(base: Buffer): void;
  /** Repeats in the second what the logs say, up to a second of the server's time. */
  replay(logs: readonly string[], position: string, stop: string): void;
}

/** Base, more mail, a disaster; and IMAP tells no difference from the instant before it. */
export async function expectAnyInstantBack(servers: LoggedServers, backends: ImapBackends): Promise<void> {
  const stores: ImapStore[] = [];
  const storeOn = async ({ url }: { readonly url: string }): Promise<ImapStore> => {
    const database = { ...backends.database, url, createDatabase: async () => url };
    const store = await startImapStore({}, { ...backends, database });
    stores.push(store);
    return store;
  };
  try {
    await comeBack(servers, storeOn, backends);
  } finally {
    for (const store of stores) await store.stop();
  }
}

/** The server's clock, which stamps the events of its log. */
async function serverTime({ url }: { readonly url: string }): Promise<string> {
  const connection = await createConnection({ uri: url, dateStrings: true });
  const [rows] = await connection.query('SELECT SYSDATE() AS now');
  await connection.end();
  return String((rows as { now: string }[])[0]?.now);
}

async function comeBack(
  servers: LoggedServers,
  storeOn: (server: { readonly url: string }) => Promise<ImapStore>,
  backends: ImapBackends,
): Promise<void> {
  const { first, second, logFolder } = servers;
  const store = await storeOn(first);
  const ann = await store.signIn(ANN);
  const append = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n++) {
      const text = `Subject: letter ${n}\r\n\r\nLetter ${n}.\r\n`;
      expect(await ann.command(`APPEND INBOX (\\Seen) {${text.length}+}\r\n${text}`)).toMatch(/^TAG OK/m);
    }
  };
  await append(1, 20);
  const { base, log, position } = servers.dump();
  expect(position).toMatch(/^\d+$/);

  await append(21, 40);
  await ann.command('SELECT INBOX');
  await ann.command('UID STORE 5:9 +FLAGS (\\Flagged own-word)');
  await ann.command('UID STORE 1:3 +FLAGS (\\Deleted)');
  await ann.command('EXPUNGE');
  await ann.command('UNSELECT');
  const wanted = await readByImap(await store.signIn(ANN));
  const instant = await serverTime(first);
  // Times in the log are seconds: what comes after is of a later one.
  while ((await serverTime(first)) === instant) await new Promise((next) => setTimeout(next, 50));

  // The disaster: a program that marks everything and takes it away.
  await ann.command('SELECT INBOX');
  await ann.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await ann.command('EXPUNGE');

  servers.load(base);
  const logs = readdirSync(logFolder)
    .filter((name) => /^binlog\.\d+$/.test(name) && name >= log)
    .sort();
  // The first second that is no longer wanted.
  const next = new Date(Date.parse(`${instant.replace(' ', 'T')}Z`) + 1000)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
  servers.replay(logs, position, next);

  const back = await storeOn(second);
  const seen = await readByImap(await back.signIn(ANN));
  expect(seen.list).toBe(wanted.list);
  for (const [name, mailbox] of wanted.mailboxes) expect(seen.mailboxes.get(name), name).toEqual(mailbox);
  expect(seen.mailboxes.get('INBOX')?.status).toContain('MESSAGES 37');
  const tool = openStoreTool(second.url, backends.slapd);
  try {
    expect((await tool.run(['check', '--bodies'])).output).toBe('ok: 1 accounts\n');
  } finally {
    tool.remove();
  }
}
