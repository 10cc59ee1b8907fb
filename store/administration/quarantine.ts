import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { decodeEncodedWords } from '@postern/shared/message/encoded-word.ts';
import { type FieldRange, fieldValue, hasName, headerValue, readHeader } from '@postern/shared/message/header.ts';
import type { FetchedMessage, Mailstore, StoredAccount } from '../mailstore/mailstore.ts';
import { done, type Outcome, refuse } from './outcome.ts';

/**
 * The quarantine is the INBOX of an account, into which gateways deliver what an administrator shall look at (docs/gateway.md). A message says
 * in fields of its own why it is there and for whom it was.
 */
export interface Quarantined {
  readonly uid: number;
  readonly atMs: number;
  readonly sizeBytes: number;
  /** Reverse-path; empty is the null one. */
  readonly sender: string;
  readonly from: string;
  readonly subject: string;
  readonly why: string;
  readonly recipients: readonly string[];
}

const WHY = 'x-postern-quarantine';
const FOR = 'x-postern-quarantine-for';
const RETURN_PATH = 'return-path';
const HEADER_BYTES = 65_536;
const NO_LIMITS = { messagesPerDay: 0, recipientsPerDay: 0, messagesPerMinute: 0 };

/** The newest first; `beforeUid` is the last one of the page before. */
export async function listQuarantine(
  mailstore: Mailstore,
  address: string,
  { beforeUid = Number.MAX_SAFE_INTEGER, size }: { readonly beforeUid?: number | undefined; readonly size: number },
): Promise<Outcome<{ readonly items: Quarantined[]; readonly more: boolean }>> {
  const inbox = await inboxOf(mailstore, address);
  if (inbox === undefined) return done({ items: [], more: false });
  const older = (await uidsOf(mailstore, inbox.id)).filter((uid) => uid < beforeUid);
  const items: Quarantined[] = [];
  for await (const page of mailstore.messages.fetch(inbox.id, older.slice(-size), {})) {
    for (const message of page) items.push(await read(mailstore, message));
  }
  return done({ items: items.sort((a, b) => b.uid - a.uid), more: older.length > size });
}

/** Sends it on to those for whom it was, and takes it out of the quarantine. The hub has it first, so that a fault between loses nothing. */
export async function releaseQuarantined(
  mailstore: Mailstore,
  address: string,
  uid: number,
): Promise<Outcome<{ readonly recipients: readonly string[] }>> {
  const found = await find(mailstore, address, uid);
  if (found.kind !== 'done') return found;
  const { account, mailboxId, contentId } = found.value;
  const whole = await mailstore.messages.readBody(contentId);
  const { fields } = readHeader(whole, 0, whole.length);
  const recipients = addressesOf(whole, fields);
  if (recipients.length === 0) return refuse('state', 'The message does not say for whom it was');
  const content = await mailstore.contents.put(withoutNotes(whole, fields));
  await mailstore.outgoing.submit({
    id: newDeliveryId(),
    account,
    message: {
      cause: 'redirect',
      reversePath: unbracketed(headerValue(whole, fields, RETURN_PATH) ?? ''),
      recipients: recipients.map((each) => ({ address: each })),
      content,
    },
    countedAs: 'quarantine',
    limits: NO_LIMITS,
  });
  await mailstore.messages.remove(mailboxId, [uid]);
  return done({ recipients });
}

/** It can be brought back as any deleted mail of the account can. */
export async function removeQuarantined(mailstore: Mailstore, address: string, uid: number): Promise<Outcome<null>> {
  const found = await find(mailstore, address, uid);
  if (found.kind !== 'done') return found;
  await mailstore.messages.remove(found.value.mailboxId, [uid]);
  return done(null);
}

async function inboxOf(mailstore: Mailstore, address: string) {
  const account = await mailstore.accounts.find(address.toLowerCase());
  const inbox = account && (await mailstore.mailboxes.find(account.id, 'INBOX'));
  return account !== undefined && inbox !== undefined ? { account, id: inbox.id } : undefined;
}

async function uidsOf(mailstore: Mailstore, mailboxId: number): Promise<number[]> {
  const view = await mailstore.mailboxes.open(mailboxId, { claimRecent: false });
  if (view === undefined) return [];
  try {
    return [...view.columns.uids.slice(0, view.columns.count)];
  } finally {
    view.close();
  }
}

async function find(
  mailstore: Mailstore,
  address: string,
  uid: number,
): Promise<Outcome<{ account: StoredAccount; mailboxId: number; contentId: Buffer }>> {
  const inbox = await inboxOf(mailstore, address);
  if (inbox !== undefined) {
    for await (const [message] of mailstore.messages.fetch(inbox.id, [uid], {})) {
      if (message !== undefined)
        return done({ account: inbox.account, mailboxId: inbox.id, contentId: message.contentId });
    }
  }
  return refuse('not-found', 'There is no such message');
}

async function read(mailstore: Mailstore, message: FetchedMessage): Promise<Quarantined> {
  const { uid, internalDateMs: atMs, sizeBytes, contentId } = message;
  const bytes = await mailstore.messages.readBody(contentId, 0, HEADER_BYTES);
  const { fields } = readHeader(bytes, 0, bytes.length);
  const text = (name: string): string => decodeEncodedWords(headerValue(bytes, fields, name, 500) ?? '');
  return {
    uid,
    atMs,
    sizeBytes,
    sender: unbracketed(text(RETURN_PATH)),
    from: text('from'),
    subject: text('subject'),
    why: text(WHY),
    recipients: addressesOf(bytes, fields),
  };
}

const unbracketed = (text: string): string => text.trim().replace(/^<(.*)>$/, '$1');

function addressesOf(bytes: Buffer, fields: readonly FieldRange[]): string[] {
  return fields.filter((field) => hasName(bytes, field, FOR)).map((field) => unbracketed(fieldValue(bytes, field)));
}

/** As it would have come to its recipients: the gateway's notes and the Return-Path of this delivery are not theirs. */
function withoutNotes(bytes: Buffer, fields: readonly FieldRange[]): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const field of fields) {
    if (![WHY, FOR, RETURN_PATH].some((name) => hasName(bytes, field, name))) continue;
    pieces.push(bytes.subarray(from, field.start));
    from = field.end;
  }
  pieces.push(bytes.subarray(from));
  return Buffer.concat(pieces);
}
