import { createHash, randomBytes } from 'node:crypto';
import { OUTBOX, type SubmissionRequest, type SubmissionState } from '@postern/shared/settings/submission.ts';
import { z } from 'zod';
import { imap } from '../imap/codec/command.ts';
import { objectOf, readSettings, writeSetting } from '../imap/metadata.ts';
import { CommandRefused, type Completion } from '../imap/store-connection.ts';
import type { IndexedEmail } from '../mail/account-index.ts';
import { addressesForm, fieldsNamed, type HeaderField } from '../mail/header-forms.ts';
import { byMailbox, readStored } from '../mail/stored-messages.ts';
import { MAX_DELAYED_SEND_S, SUBMISSION } from './capabilities.ts';
import { expunge, setEmails, uidOf } from './email-set.ts';
import { idOrReference, idSchema, MethodError, readArguments, SetFault, utcDate } from './errors.ts';
import { readIdentities } from './identity.ts';
import type { Method, RequestContext } from './method.ts';
import { answerChanges, answerGet, answerSet, readChanges, setShape, windowOf, windowShape } from './standard.ts';

/** RFC 8621 §7. */
interface SubmissionRecord {
  readonly id: string;
  readonly identityId: string;
  readonly emailId: string;
  readonly threadId: string | null;
  readonly envelope: object;
  readonly sendAt: string;
  readonly undoStatus: 'pending' | 'final' | 'canceled';
  readonly deliveryStatus: Record<string, object>;
  readonly dsnBlobIds: readonly string[];
  readonly mdnBlobIds: readonly string[];
}

const PROPERTIES = [
  ...[
    'id',
    'identityId',
    'emailId',
    'threadId',
    'envelope',
    'sendAt',
    'undoStatus',
    'deliveryStatus',
    'dsnBlobIds',
    'mdnBlobIds',
  ],
];
const PREFIX = 'submission/';
/** What is sent at once is sent after this. */
const FILING_MS = 1_000;

/** Everything about a submission that the store does not keep is in its id: whose email, by which identity. */
function newId(emailId: string, identityId: string): string {
  return `j_${emailId.toLowerCase()}_${identityId}_${randomBytes(6).toString('hex')}`;
}

async function readSubmissions(context: RequestContext): Promise<{ state: string; records: SubmissionRecord[] }> {
  const index = await context.index();
  const settings = await context.session.read(({ connection }) => readSettings(connection, ['submission']));
  const records = [...settings].flatMap(([name, value]) => {
    const id = name.slice(PREFIX.length);
    const match = /^j_(e[a-z0-9]+)_([a-z0-9-]+)_[0-9a-f]+$/.exec(id);
    if (match === null) return [];
    const told = objectOf(value) as unknown as SubmissionState;
    const emailId = (match[1] ?? '').toUpperCase();
    return [recordOf(id, emailId, match[2] ?? '', index.emails.get(emailId)?.threadId ?? null, told)];
  });
  const state = createHash('sha256').update(
    JSON.stringify([...settings].map(([name, value]) => [name, value.toString('latin1')])),
  );
  return { state: state.digest('base64url').slice(0, 16), records };
}

function recordOf(
  id: string,
  emailId: string,
  identityId: string,
  threadId: string | null,
  told: SubmissionState,
): SubmissionRecord {
  const undoStatus = told.state === 'pending' ? 'pending' : told.state === 'cancelled' ? 'canceled' : 'final';
  const recipients = told.recipients ?? [];
  return {
    id,
    identityId,
    emailId,
    threadId,
    envelope: {
      mailFrom: { email: told.mailFrom, parameters: null },
      rcptTo: recipients.map(({ address }) => ({ email: address, parameters: null })),
    },
    sendAt: new Date(told.releaseAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    undoStatus,
    deliveryStatus: Object.fromEntries(
      recipients.map(({ address, state, reply }) => [
        address,
        { smtpReply: reply ?? '250 2.0.0 queued', delivered: DELIVERED[state] ?? 'unknown', displayed: 'unknown' },
      ]),
    ),
    dsnBlobIds: [],
    mdnBlobIds: [],
  };
}

const DELIVERED: Record<string, string> = { pending: 'queued', delivered: 'yes', failed: 'no' };

const get: Method = {
  name: 'EmailSubmission/get',
  capability: SUBMISSION,
  async call(args, context) {
    const { state, records } = await readSubmissions(context);
    return answerGet<SubmissionRecord>(args, context, {
      state,
      allIds: records.map(({ id }) => id),
      properties: PROPERTIES,
      find: (id) => records.find((each) => each.id === id),
    });
  },
};

const changes: Method = {
  name: 'EmailSubmission/changes',
  capability: SUBMISSION,
  async call(args, context) {
    const { sinceState } = readChanges(args, context);
    const { state } = await readSubmissions(context);
    return answerChanges(
      args,
      context,
      state,
      sinceState === state ? { created: [], updated: [], destroyed: [] } : undefined,
    );
  },
};

const querySchema = z.strictObject({
  accountId: idSchema,
  filter: z
    .strictObject({
      identityIds: z.array(idSchema).optional(),
      emailIds: z.array(idSchema).optional(),
      threadIds: z.array(idSchema).optional(),
      undoStatus: z.string().optional(),
      before: utcDate.optional(),
      after: utcDate.optional(),
    })
    .nullish(),
  sort: z.array(z.strictObject({ property: z.string(), isAscending: z.boolean().optional() })).nullish(),
  ...windowShape,
});

const query: Method = {
  name: 'EmailSubmission/query',
  capability: SUBMISSION,
  async call(args, context) {
    const read = readArguments(querySchema, args);
    context.checkAccount(read.accountId);
    const { state, records } = await readSubmissions(context);
    const { identityIds, emailIds, threadIds, undoStatus, before, after } = read.filter ?? {};
    const matching = records.filter(
      (each) =>
        identityIds?.includes(each.identityId) !== false &&
        emailIds?.includes(each.emailId) !== false &&
        (threadIds === undefined || threadIds.includes(each.threadId ?? '')) &&
        (undoStatus === undefined || each.undoStatus === undoStatus) &&
        (before === undefined || each.sendAt < before) &&
        (after === undefined || each.sendAt >= after),
    );
    const { property = 'sentAt', isAscending = true } = read.sort?.[0] ?? {};
    if (!['emailId', 'threadId', 'sentAt', 'sendAt'].includes(property))
      throw new MethodError('unsupportedSort', property);
    const key = property === 'sentAt' ? 'sendAt' : (property as 'emailId' | 'threadId' | 'sendAt');
    const order = (a: SubmissionRecord, b: SubmissionRecord): number => String(a[key]).localeCompare(String(b[key]));
    matching.sort((a, b) => (isAscending ? order(a, b) : order(b, a)) || (a.id < b.id ? -1 : 1));
    const ids = matching.map(({ id }) => id);
    return { accountId: read.accountId, queryState: state, canCalculateChanges: false, ...windowOf(ids, read) };
  },
};

const queryChanges: Method = {
  name: 'EmailSubmission/queryChanges',
  capability: SUBMISSION,
  async call() {
    throw new MethodError('cannotCalculateChanges');
  },
};

const addressSchema = z.strictObject({
  email: z.string().max(320),
  parameters: z.record(z.string(), z.string().nullable()).nullish(),
});
const createSchema = z.strictObject({
  identityId: idOrReference,
  emailId: idOrReference,
  envelope: z.strictObject({ mailFrom: addressSchema, rcptTo: z.array(addressSchema).max(1_000) }).nullish(),
});
type Created = z.infer<typeof createSchema>;
const setSchema = z.strictObject({
  ...setShape,
  onSuccessUpdateEmail: z.record(idOrReference, z.record(z.string(), z.unknown())).nullish(),
  onSuccessDestroyEmail: z.array(idOrReference).nullish(),
});

/** RFC 8621 §7.5. */
const set: Method = {
  name: 'EmailSubmission/set',
  capability: SUBMISSION,
  async call(args, context) {
    const read = readArguments(setSchema, args);
    const emailOf = new Map<string, string>();
    const answer = await answerSet(read, context, {
      state: async () => (await readSubmissions(context)).state,
      async create(value, creationId) {
        const made = await submit(value, context);
        emailOf.set(`#${creationId}`, made.emailId);
        return made.record;
      },
      async update(id, patch) {
        const record = await find(id, context);
        if (Object.keys(patch).some((name) => name !== 'undoStatus') || patch.undoStatus !== 'canceled') {
          throw new SetFault('invalidProperties', 'only undoStatus, and only to canceled', {
            properties: Object.keys(patch),
          });
        }
        if (record.undoStatus !== 'pending') throw new SetFault('cannotUnsend');
        const completion = await context.session.write(({ connection }) =>
          writeSetting(connection, PREFIX + id, undefined),
        );
        if (completion.status !== 'OK') throw new SetFault('cannotUnsend', completion.text);
        emailOf.set(id, record.emailId);
        return null;
      },
      async destroy(id) {
        // RFC 8621 §7.5 allows it: the store keeps the record as long as its queue does.
        await find(id, context);
        throw new SetFault('forbidden', 'submissions are forgotten by themselves');
      },
    });
    const implied = impliedEmailChanges(read, answer, emailOf);
    if (implied === undefined) return answer;
    return [
      ['EmailSubmission/set', answer],
      ['Email/set', await setEmails({ accountId: read.accountId, ...implied }, context)],
    ];
  },
};

function impliedEmailChanges(
  { onSuccessUpdateEmail, onSuccessDestroyEmail }: z.infer<typeof setSchema>,
  answer: Record<string, unknown>,
  emailOf: ReadonlyMap<string, string>,
): { update: Record<string, Record<string, unknown>>; destroy: string[] } | undefined {
  const created = (answer.created ?? {}) as Record<string, { id: string }>;
  const emailIdOf = (reference: string): string | undefined =>
    emailOf.get(reference) ?? emailOf.get(Object.entries(created).find(([, { id }]) => id === reference)?.[0] ?? '');
  const update: Record<string, Record<string, unknown>> = {};
  for (const [reference, patch] of Object.entries(onSuccessUpdateEmail ?? {})) {
    const emailId = emailIdOf(reference);
    if (emailId !== undefined) update[emailId] = patch;
  }
  const destroy = (onSuccessDestroyEmail ?? []).map(emailIdOf).filter((id) => id !== undefined);
  return Object.keys(update).length + destroy.length === 0 ? undefined : { update, destroy };
}

async function find(id: string, context: RequestContext): Promise<SubmissionRecord> {
  const record = (await readSubmissions(context)).records.find((each) => each.id === id);
  if (record === undefined) throw new SetFault('notFound');
  return record;
}

/**
 * Sends by way of the Outbox: a copy of the email is put there inside the store, METADATA starts its sending, and the copy
 * goes; the one that stays is the client's to file. The store judges sender and recipients.
 */
async function submit(value: Record<string, unknown>, context: RequestContext) {
  const read = createSchema.safeParse(value);
  if (!read.success)
    throw new SetFault('invalidProperties', read.error.issues[0]?.message, {
      properties: [String(read.error.issues[0]?.path[0] ?? '')],
    });
  const index = await context.index();
  const emailId = context.resolve(read.data.emailId) ?? '';
  const email = index.emails.get(emailId);
  if (email === undefined) throw new SetFault('invalidProperties', 'no such email', { properties: ['emailId'] });
  const identityId = context.resolve(read.data.identityId) ?? '';
  const identity = (await readIdentities(context)).find(({ id }) => id === identityId);
  if (identity === undefined)
    throw new SetFault('invalidProperties', 'no such identity', { properties: ['identityId'] });
  const envelope = await envelopeOf(read.data, email, identity.email, context);
  const id = newId(emailId, identityId);
  await throughOutbox(id, email, envelope, context);
  context.changed();
  const record = await find(id, context);
  return { emailId, record: { id, threadId: record.threadId, sendAt: record.sendAt, undoStatus: record.undoStatus } };
}

type Envelope = Omit<SubmissionRequest, 'uid' | 'uidValidity'>;

async function envelopeOf(
  { envelope }: Created,
  email: IndexedEmail,
  identityAddress: string,
  context: RequestContext,
): Promise<Envelope> {
  if (envelope != null) {
    const { mailFrom, rcptTo } = envelope;
    checkRecipients(rcptTo.map((each) => each.email));
    return {
      envelope: { mailFrom: mailFrom.email, rcptTo: rcptTo.map((each) => ({ address: each.email })) },
      releaseAtMs: releaseAtMs(mailFrom.parameters ?? {}),
    };
  }
  const source = (
    await readStored(context.session, [email], { fields: ['To', 'Cc', 'Bcc'], structure: false, preview: false })
  ).get(email.id);
  const recipients = [...new Set(['to', 'cc', 'bcc'].flatMap((name) => addressesIn(source?.fields ?? [], name)))];
  checkRecipients(recipients);
  return { envelope: { mailFrom: identityAddress, rcptTo: recipients.map((address) => ({ address })) } };
}

const addressesIn = (fields: readonly HeaderField[], name: string): string[] =>
  fieldsNamed(fields, name).flatMap(({ value }) => addressesForm(value).map((each) => each.email));

function checkRecipients(addresses: readonly string[]): void {
  if (addresses.length === 0) throw new SetFault('noRecipients');
  const wrong = addresses.filter(
    (address) => !/^[^\s<>\x00-\x1f\x7f]{1,64}@[^\s<>\x00-\x1f\x7f@]{1,255}$/.test(address),
  );
  if (wrong.length > 0) throw new SetFault('invalidRecipients', undefined, { invalidRecipients: wrong });
}

/** RFC 4865 §4.3: HOLDFOR in seconds, or HOLDUNTIL a moment. */
function releaseAtMs(parameters: Record<string, string | null>): number | undefined {
  const given = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name.toUpperCase(), value]));
  const unknown = Object.keys(given).filter((name) => name !== 'HOLDFOR' && name !== 'HOLDUNTIL');
  if (unknown.length > 0)
    throw new SetFault('invalidProperties', `no parameter ${unknown[0]}`, { properties: ['envelope'] });
  const { HOLDFOR: holdFor, HOLDUNTIL: holdUntil } = given;
  if (holdFor == null && holdUntil == null) return undefined;
  const ms = holdFor != null ? Date.now() + Number(holdFor) * 1_000 : Date.parse(holdUntil ?? '');
  const valid =
    Number.isFinite(ms) &&
    ms <= Date.now() + MAX_DELAYED_SEND_S * 1_000 &&
    !(holdFor != null && !/^\d{1,9}$/.test(holdFor));
  if (!valid)
    throw new SetFault('invalidProperties', 'not a time within what is allowed', { properties: ['envelope'] });
  return Math.round(ms);
}

async function throughOutbox(
  id: string,
  email: IndexedEmail,
  request: Envelope,
  context: RequestContext,
): Promise<void> {
  const [copy] = byMailbox([email]);
  const [mailbox, [[uid] = [0]]] = copy ?? [undefined, []];
  if (mailbox === undefined) throw new SetFault('invalidProperties', 'the email is gone', { properties: ['emailId'] });
  await context.session.write(async (pooled) => {
    const { connection } = pooled;
    // RFC 4469: the message goes from one mailbox to the other inside the store.
    const append = imap`APPEND ${OUTBOX} (\\Seen) CATENATE (URL ${urlOf(mailbox, uid)})`;
    let appended = await connection.run(append);
    if (appended.status === 'NO' && /^TRYCREATE/i.test(appended.code)) {
      await connection.must(imap`CREATE ${OUTBOX}`);
      appended = await connection.run(append);
    }
    if (appended.status !== 'OK') throw new CommandRefused(appended);
    const [, uidValidity = '0'] = appended.code.split(' ');
    const outboxUid = uidOf(appended);
    // The copy in the Outbox is gone when the hub begins, which would file it in Sent beside the client's own.
    const releaseAtMs = request.releaseAtMs ?? Date.now() + FILING_MS;
    const wanted: SubmissionRequest = { ...request, releaseAtMs, uidValidity: Number(uidValidity), uid: outboxUid };
    const started = await connection.run(
      imap`SETMETADATA "" (${`/private/vendor/postern/${PREFIX}${id}`} ${JSON.stringify(wanted)})`,
    );
    if (await pooled.select(OUTBOX)) await expunge(connection, [outboxUid]);
    if (started.status !== 'OK') throw refusalOf(started);
  });
}

/** RFC 5092, relative: the mailbox by its name, percent-encoded. */
function urlOf({ listed }: { listed: { name: string; uidValidity: number } }, uid: number): string {
  return `/${encodeURIComponent(listed.name)};UIDVALIDITY=${listed.uidValidity}/;UID=${uid}`;
}

function refusalOf({ code, text }: Completion): SetFault {
  if (/^NOPERM/i.test(code)) return new SetFault('forbiddenMailFrom', text);
  if (/^LIMIT/i.test(code)) return new SetFault('forbiddenToSend', text);
  if (/^UNAVAILABLE/i.test(code)) return new SetFault('serverUnavailable', text);
  const address = /^<([^>]+)>/.exec(text)?.[1];
  return address === undefined
    ? new SetFault('forbiddenToSend', text)
    : new SetFault('invalidRecipients', text, { invalidRecipients: [address] });
}

export const SUBMISSION_METHODS: readonly Method[] = [get, changes, query, queryChanges, set];
