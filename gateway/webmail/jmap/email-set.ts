import { formatInternalDate } from '@postern/shared/message/date.ts';
import { z } from 'zod';
import { flagName, imap, joined, piece, type StreamedLiteral, type Syntax, uidSet } from '../imap/codec/command.ts';
import type { Completion } from '../imap/store-connection.ts';
import { CommandRefused } from '../imap/store-connection.ts';
import type { AccountIndex, IndexedEmail, IndexedMailbox } from '../mail/account-index.ts';
import { findBlob } from '../mail/blobs.ts';
import { composeMessage } from '../mail/compose.ts';
import { emailKeywords, emailMailboxIds } from '../mail/email-facts.ts';
import { flagOf, isKeyword } from '../mail/keywords.ts';
import { MAIL } from './capabilities.ts';
import { blobIdsOf, type FoundBlob, readDraft } from './email-draft.ts';
import { idSchema, MethodError, readArguments, SetFault, utcDate } from './errors.ts';
import type { Method, RequestContext } from './method.ts';
import { answerSet, applyPatch, setShape } from './standard.ts';

const setSchema = z.strictObject(setShape);
const MAX_KEYWORDS = 100;

/** RFC 8621 §4.6. */
const set: Method = {
  name: 'Email/set',
  capability: MAIL,
  call: (args, context) => setEmails(args, context),
};

export async function setEmails(
  args: Record<string, unknown>,
  context: RequestContext,
): Promise<Record<string, unknown>> {
  const read = readArguments(setSchema, args);
  return answerSet(read, context, {
    state: async () => (await context.index()).emailState,
    create: (value) => createEmail(value, context),
    update: (id, patch) => updateEmail(id, patch, context),
    destroy: (id) => destroyEmail(id, context),
  });
}

async function createEmail(value: Record<string, unknown>, context: RequestContext) {
  const index = await context.index();
  const blobs = await findBlobs(blobIdsOf(value), context);
  const draft = readDraft(value, blobs, Date.now());
  const mailboxes = mailboxesOf(draft.mailboxIds, index, context);
  const message = composeMessage(draft.fields, draft.body);
  return appendEmail(message, mailboxes, checkedKeywords(draft.keywords), draft.receivedAtMs, context);
}

/** Blobs with their sizes; of parts of other messages, which have to be decoded, the whole. */
async function findBlobs(ids: readonly string[], context: RequestContext): Promise<Map<string, FoundBlob>> {
  const found = new Map<string, FoundBlob>();
  const missing: string[] = [];
  let left = context.config.limits.maxMessageBytes;
  for (const id of ids) {
    const blob = await findBlob(id, context.session, () => context.index(), context.uploads);
    if (blob === undefined) {
      missing.push(id);
      continue;
    }
    if (blob.size !== undefined) {
      found.set(id, { size: blob.size, chunks: () => blob.chunks() });
      continue;
    }
    // Its octets are counted now and read again when they are written, so that none is held meanwhile.
    let size = 0;
    for await (const chunk of blob.chunks()) {
      size += chunk.length;
      if (size > left) throw tooLarge(context);
    }
    left -= size;
    found.set(id, { size, chunks: () => blob.chunks() });
  }
  if (missing.length > 0) throw new SetFault('blobNotFound', undefined, { notFound: missing });
  return found;
}

const tooLarge = ({ config }: RequestContext): SetFault =>
  new SetFault('tooLarge', 'the message would be too large', { maxSize: config.limits.maxMessageBytes });

function mailboxesOf(ids: readonly string[], index: AccountIndex, context: RequestContext): IndexedMailbox[] {
  const mailboxes = ids.map((id) => index.mailboxes.get(context.resolve(id) ?? ''));
  if (mailboxes.length === 0 || mailboxes.includes(undefined)) {
    throw new SetFault('invalidProperties', 'at least one mailbox, and all of them must be there', {
      properties: ['mailboxIds'],
    });
  }
  return mailboxes as IndexedMailbox[];
}

function checkedKeywords(keywords: readonly string[]): string[] {
  if (keywords.length > MAX_KEYWORDS) throw new SetFault('tooManyKeywords');
  if (!keywords.every(isKeyword))
    throw new SetFault('invalidProperties', 'not a keyword', { properties: ['keywords'] });
  return keywords.map((keyword) => keyword.toLowerCase());
}

const flagsOf = (keywords: readonly string[]): Syntax =>
  piece`(${joined(keywords.map((each) => flagName(flagOf(each))))})`;

/** Puts a message into mailboxes: stored once, copied from there, so that all are one Email. */
export async function appendEmail(
  message: StreamedLiteral,
  [first, ...others]: readonly IndexedMailbox[],
  keywords: readonly string[],
  receivedAtMs: number | undefined,
  context: RequestContext,
): Promise<{ id: string; blobId: string; threadId: string; size: number }> {
  if (message.size > context.config.limits.maxMessageBytes) throw tooLarge(context);
  if (first === undefined) throw new SetFault('invalidProperties', 'no mailbox', { properties: ['mailboxIds'] });
  const date = receivedAtMs === undefined ? piece`` : piece`${formatInternalDate(receivedAtMs)} `;
  const uid = await context.session.write(async (pooled) => {
    const appended = await pooled.connection.must(
      imap`APPEND ${first.listed.name} ${flagsOf(keywords)} ${date}${message}`,
    );
    const appendedUid = uidOf(appended);
    if (others.length > 0 && (await pooled.select(first.listed.name))) {
      for (const other of others) await pooled.connection.must(imap`UID COPY ${appendedUid} ${other.listed.name}`);
    }
    return appendedUid;
  });
  context.changed();
  const index = await context.index();
  const email = index.mailboxes.get(first.listed.id)?.byUid.get(uid);
  if (email === undefined) throw new MethodError('serverFail', 'the message is gone again');
  return { id: email.id, blobId: email.id, threadId: email.threadId, size: email.sizeBytes };
}

/** RFC 4315 §3: `APPENDUID <uidvalidity> <uid>`. */
export function uidOf({ code }: Completion): number {
  const uid = /^APPENDUID \d+ (\d+)$/i.exec(code)?.[1];
  if (uid === undefined) throw new Error('the store told no UID');
  return Number(uid);
}

export async function updateEmail(id: string, patch: Record<string, unknown>, context: RequestContext): Promise<null> {
  const index = await context.index();
  const email = index.emails.get(id);
  if (email === undefined) throw new SetFault('notFound');
  const before = { keywords: emailKeywords(email), mailboxIds: emailMailboxIds(email) };
  const wrong = Object.keys(patch).filter((path) => !/^(?:keywords|mailboxIds)(?:\/|$)/.test(path));
  if (wrong.length > 0)
    throw new SetFault('invalidProperties', 'only keywords and mailboxIds can be changed', { properties: wrong });
  const after = applyPatch(before, patch) as { keywords: Record<string, unknown>; mailboxIds: Record<string, unknown> };
  const keywords = new Set(checkedKeywords(trueKeys(after.keywords, 'keywords')));
  const mailboxes = mailboxesOf(trueKeys(after.mailboxIds, 'mailboxIds'), index, context);
  const added = [...keywords].filter((each) => !(each in before.keywords));
  const removed = Object.keys(before.keywords).filter((each) => !keywords.has(each));
  // Flags first, so that copies have them.
  if (added.length > 0 || removed.length > 0) {
    await eachCopy(email, context, async (connection, uid) => {
      if (added.length > 0) await connection.must(imap`UID STORE ${uid} +FLAGS.SILENT ${flagsOf(added)}`);
      if (removed.length > 0) await connection.must(imap`UID STORE ${uid} -FLAGS.SILENT ${flagsOf(removed)}`);
    });
    context.changed();
  }
  await moveTo(email, mailboxes, context);
  return null;
}

function trueKeys(value: unknown, property: string): string[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
  if (entries === undefined || entries.some(([, each]) => each !== true)) {
    throw new SetFault('invalidProperties', 'a map of true is wanted', { properties: [property] });
  }
  return entries.map(([key]) => key);
}

type Connection = Parameters<Parameters<RequestContext['session']['write']>[0]>[0]['connection'];

async function eachCopy(
  email: IndexedEmail,
  { session }: RequestContext,
  work: (connection: Connection, uid: number) => Promise<void>,
): Promise<void> {
  await session.write(async (pooled) => {
    for (const [mailbox, { uid }] of email.copies) {
      if (await pooled.select(mailbox.listed.name)) await work(pooled.connection, uid);
    }
  });
}

/** Moves what has to go to where it is wanted; what is only wanted further is copied (RFC 6851). */
async function moveTo(email: IndexedEmail, wanted: readonly IndexedMailbox[], context: RequestContext): Promise<void> {
  const missing = wanted.filter((mailbox) => !email.copies.has(mailbox));
  const leaving = [...email.copies].filter(([mailbox]) => !wanted.includes(mailbox));
  if (missing.length === 0 && leaving.length === 0) return;
  await context.session.write(async (pooled) => {
    const { connection } = pooled;
    const staying = [...email.copies].find(([mailbox]) => wanted.includes(mailbox));
    const [first] = leaving;
    // One that goes is the first that comes; the others are copied from there, or from one that stays.
    const moves = first !== undefined && missing.length > 0;
    const copies = moves ? missing.slice(1) : missing;
    const source = first ?? staying;
    if (source !== undefined && copies.length > 0) {
      await selectOrFail(pooled, source[0]);
      for (const target of copies) await connection.must(imap`UID COPY ${source[1].uid} ${target.listed.name}`);
    }
    for (const [mailbox, { uid }] of leaving) {
      await selectOrFail(pooled, mailbox);
      const target = moves && mailbox === first[0] ? missing[0] : undefined;
      if (target === undefined) await expunge(connection, [uid]);
      else await connection.must(imap`UID MOVE ${uid} ${target.listed.name}`);
    }
  });
  context.changed();
}

async function selectOrFail(
  pooled: Parameters<Parameters<RequestContext['session']['write']>[0]>[0],
  mailbox: IndexedMailbox,
): Promise<void> {
  if (!(await pooled.select(mailbox.listed.name))) throw new SetFault('notFound', 'a mailbox is gone');
}

/** RFC 4315 §2.1: these alone, whatever else is marked. */
export async function expunge(connection: Connection, uids: readonly number[]): Promise<void> {
  await connection.must(imap`UID STORE ${uidSet(uids)} +FLAGS.SILENT (\\Deleted)`);
  await connection.must(imap`UID EXPUNGE ${uidSet(uids)}`);
}

async function destroyEmail(id: string, context: RequestContext): Promise<void> {
  const email = (await context.index()).emails.get(id);
  if (email === undefined) throw new SetFault('notFound');
  await eachCopy(email, context, (connection, uid) => expunge(connection, [uid]));
  context.changed();
}

const importSchema = z.strictObject({
  accountId: idSchema,
  ifInState: z.string().nullish(),
  emails: z.record(z.string().max(255), z.unknown()),
});
const importedSchema = z.strictObject({
  blobId: idSchema,
  mailboxIds: z.record(z.string(), z.literal(true)),
  keywords: z.record(z.string(), z.literal(true)).default({}),
  receivedAt: utcDate.optional(),
});

/** RFC 8621 §4.8: what was uploaded becomes an Email, octet for octet. */
const importEmails: Method = {
  name: 'Email/import',
  capability: MAIL,
  async call(args, context) {
    const { accountId, ifInState, emails } = readArguments(importSchema, args);
    const create = Object.fromEntries(Object.entries(emails).map(([id, value]) => [id, { value }]));
    const answer = await answerSet({ accountId, ifInState, create }, context, {
      state: async () => (await context.index()).emailState,
      create: ({ value }) => importEmail(value, context),
      update: async () => null,
      destroy: async () => undefined,
    });
    const { oldState, newState, created, notCreated } = answer;
    return { accountId, oldState, newState, created, notCreated };
  },
};

async function importEmail(value: unknown, context: RequestContext) {
  const read = importedSchema.safeParse(value);
  if (!read.success) {
    const properties = [...new Set(read.error.issues.map(({ path }) => String(path[0] ?? '')))];
    throw new SetFault('invalidProperties', read.error.issues[0]?.message, { properties });
  }
  const { blobId, mailboxIds, keywords, receivedAt } = read.data;
  const index = await context.index();
  const mailboxes = mailboxesOf(Object.keys(mailboxIds), index, context);
  const blob = (await findBlobs([blobId], context).catch(() => new Map())).get(blobId) as FoundBlob | undefined;
  if (blob === undefined) throw new SetFault('invalidProperties', 'no such blob', { properties: ['blobId'] });
  const receivedAtMs = receivedAt === undefined ? undefined : Date.parse(receivedAt);
  try {
    return await appendEmail(blob, mailboxes, checkedKeywords(Object.keys(keywords)), receivedAtMs, context);
  } catch (error) {
    // What is no message is refused by the store, which alone knows what it can keep.
    if (error instanceof CommandRefused && error.completion.status === 'BAD') throw new SetFault('invalidEmail');
    throw error;
  }
}

export const EMAIL_SET_METHODS: readonly Method[] = [set, importEmails];
