import { randomBytes } from 'node:crypto';
import { reply } from '@postern/shared/smtp/reply.ts';
import { type FlagSet, NO_FLAGS } from '../../store/mailstore/flags.ts';
import type { Delivery, Mailstore, StoredAccount } from '../../store/mailstore/mailstore.ts';

export const NO_QUOTA = { bytes: 0, messages: 0 };

/** Whole numbers from `from` to `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** An account that nobody else of this database has. */
export async function somebody(store: Mailstore): Promise<StoredAccount> {
  const id = randomBytes(6).toString('hex');
  const given = { uuid: `00000000-0000-4000-8000-${id}`, address: `p${id}@domain1.example` };
  const ensured = await store.accounts.ensure(given);
  if (ensured.kind !== 'ready') throw new Error(ensured.kind);
  return ensured.account;
}

/** Id of a mailbox that exists. */
export async function mailboxOf(store: Mailstore, account: StoredAccount, name = 'INBOX'): Promise<number> {
  const found = await store.mailboxes.find(account.id, name);
  if (found === undefined) throw new Error(`no mailbox ${name}`);
  return found.id;
}

/** A short message with a Message-ID of its own. */
export function letter(subject: string, body = 'Hello.\r\n'): Buffer {
  return Buffer.from(
    `From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: ${subject}\r\n` +
      `Message-ID: <${randomBytes(8).toString('hex')}@a.example>\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n\r\n${body}`,
  );
}

/** Appends `count` messages, all with one body where `same` is set; answers their UIDs. */
export async function appendLetters(
  store: Mailstore,
  mailboxId: number,
  count: number,
  options: { readonly flags?: FlagSet; readonly same?: boolean } = {},
): Promise<number[]> {
  const one = await store.contents.put(letter('Letter 0'));
  const messages = [];
  for (let n = 0; n < count; n++) {
    const content = options.same === true || n === 0 ? one : await store.contents.put(letter(`Letter ${n}`));
    messages.push({ content, flags: options.flags ?? NO_FLAGS, internalDate: new Date('2026-02-02T10:00:00Z') });
  }
  const result = await store.messages.append(mailboxId, messages, NO_QUOTA);
  if (result.kind !== 'appended') throw new Error(result.kind);
  return [...result.uids];
}

/** A delivery to INBOX with an id of its own. */
export async function someDelivery(
  store: Mailstore,
  account: StoredAccount,
  more: Partial<Delivery> = {},
): Promise<Delivery> {
  return {
    key: { peer: 'relay', deliveryId: randomBytes(16).toString('hex'), recipient: account.address },
    account,
    content: more.content ?? (await store.contents.put(letter('Hi'))),
    into: [{ mailbox: 'INBOX', flags: NO_FLAGS }],
    internalDate: new Date('2026-02-02T10:00:00Z'),
    quota: NO_QUOTA,
    outcome: 'delivered',
    reply: reply(250, '2.0.0', 'Delivered'),
    ...more,
  };
}
