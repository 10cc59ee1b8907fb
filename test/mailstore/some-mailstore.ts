import { randomBytes } from 'node:crypto';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll } from 'vitest';
import { NO_FLAGS } from '../../store/mailstore/flags.ts';
import {
  type Delivery,
  type FetchedMessage,
  type FetchWants,
  type Mailstore,
  openMailstore,
  type StoredAccount,
} from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

/** Mailstores of one test file, all on one database of its own; they are closed behind the last test. */
export interface TestMailstores {
  open(options?: { readonly connections?: number }): Promise<Mailstore>;
  /** Of the database. */
  readonly url: string;
}

export function useMailstores(): TestMailstores {
  let server: TestDatabase | undefined;
  let url = '';
  const opened: Mailstore[] = [];
  beforeAll(async () => {
    server = await startTestDatabase(WITHOUT_POWER_CUTS);
    url = await server.createDatabase();
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await server?.stop();
  });
  return {
    get url() {
      return url;
    },
    async open(options = {}) {
      const store = await openMailstore({
        url,
        connections: options.connections ?? 8,
        log: silentLog(),
        feedIntervalMs: 20,
      });
      opened.push(store);
      return store;
    },
  };
}

let people = 0;
export async function newAccount(store: Mailstore): Promise<StoredAccount> {
  const uuid = `00000000-0000-4000-8000-${String(++people).padStart(12, '0')}`;
  const result = await store.accounts.ensure({ uuid, address: `person${people}@domain1.example` });
  if (result.kind !== 'ready') throw new Error(result.kind);
  return result.account;
}

export function mail(subject: string, body = 'Hello.\r\n', more = ''): Buffer {
  return Buffer.from(
    `From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: ${subject}\r\n` +
      `Message-ID: <${randomBytes(8).toString('hex')}@a.example>\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n${more}\r\n${body}`,
  );
}

export async function delivery(
  store: Mailstore,
  account: StoredAccount,
  message = mail('Hi'),
  more: Partial<Delivery> = {},
): Promise<Delivery> {
  return {
    key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: account.address },
    account,
    content: await store.contents.put(message),
    into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
    internalDate: new Date('2026-02-02T10:00:00Z'),
    quota: NO_QUOTA,
    outcome: 'delivered',
    reply: reply(250, '2.0.0', 'Delivered'),
    ...more,
  };
}

export async function mailboxId(store: Mailstore, account: StoredAccount, name: string): Promise<number> {
  const found = await store.mailboxes.find(account.id, name);
  if (found === undefined) throw new Error(`no mailbox ${name}`);
  return found.id;
}

export async function select(store: Mailstore, id: number) {
  const view = await store.mailboxes.open(id, { claimRecent: false });
  if (view === undefined) throw new Error('gone');
  return view;
}

export async function append(store: Mailstore, id: number, count: number, flags = NO_FLAGS): Promise<number[]> {
  const messages = [];
  for (let i = 0; i < count; i++) {
    messages.push({ content: await store.contents.put(mail(`No ${i}`)), flags, internalDate: new Date() });
  }
  const result = await store.messages.append(id, messages, NO_QUOTA);
  if (result.kind !== 'appended') throw new Error(result.kind);
  return [...result.uids];
}

export async function fetchAll(
  store: Mailstore,
  id: number,
  uids: number[],
  want: FetchWants,
): Promise<FetchedMessage[]> {
  const all: FetchedMessage[] = [];
  for await (const page of store.messages.fetch(id, uids, want)) all.push(...page);
  return all;
}
