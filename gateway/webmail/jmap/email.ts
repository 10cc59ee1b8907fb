import { z } from 'zod';
import type { IndexedEmail } from '../mail/account-index.ts';
import { readStored } from '../mail/stored-messages.ts';
import { MAIL } from './capabilities.ts';
import { emailPortionSince, numberOf, threadsOf } from './email-changes.ts';
import { emailObject } from './email-object.ts';
import { planOf } from './email-properties.ts';
import { idOrReference, idSchema, MethodError, readArguments, unsignedInt } from './errors.ts';
import type { Method } from './method.ts';
import { findAll, readChanges } from './standard.ts';

/** What Email/get and Email/parse have in common. */
export const bodyShape = {
  properties: z.array(z.string()).max(200).nullish(),
  bodyProperties: z.array(z.string()).max(100).nullish(),
  fetchTextBodyValues: z.boolean().optional(),
  fetchHTMLBodyValues: z.boolean().optional(),
  fetchAllBodyValues: z.boolean().optional(),
  maxBodyValueBytes: unsignedInt.optional(),
};
const getSchema = z.strictObject({ accountId: idSchema, ids: z.array(idOrReference).nullish(), ...bodyShape });

/** RFC 8621 §4.2. */
const get: Method = {
  name: 'Email/get',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(getSchema, args);
    context.checkAccount(read.accountId);
    const plan = planOf(read);
    if (read.ids == null) throw new MethodError('requestTooLarge', 'ids must be given');
    const index = await context.index();
    const { found, notFound } = findAll<IndexedEmail>(read.ids, context, (id) => index.emails.get(id));
    // What was learnt once needs no structure again.
    const onlyFlag =
      plan.structure && plan.properties.every((name) => name === 'hasAttachment' || !STRUCTURES.has(name));
    const structure = plan.structure && !(onlyFlag && found.every(({ hasAttachment }) => hasAttachment !== undefined));
    const sources = await readStored(context.session, found, { ...plan, structure });
    const list: Record<string, unknown>[] = [];
    for (const email of found) {
      const source = sources.get(email.id);
      if (source === undefined) {
        notFound.push(email.id);
        continue;
      }
      const object = await emailObject(email, source, plan);
      if ('hasAttachment' in object) object.hasAttachment = email.hasAttachment ?? false;
      list.push(object);
    }
    return { accountId: read.accountId, state: index.emailState, list, notFound };
  },
};

const STRUCTURES = new Set(['bodyStructure', 'textBody', 'htmlBody', 'attachments', 'bodyValues']);

/** RFC 8621 §4.3. */
const changes: Method = {
  name: 'Email/changes',
  capability: MAIL,
  async call(args, context) {
    const { accountId, sinceState, maxChanges } = readChanges(args, context);
    const index = await context.index();
    const { changes, newState, hasMoreChanges } = await emailPortionSince(index, sinceState, maxChanges, context);
    const ids = {
      created: [...changes.created],
      updated: [...changes.updated],
      destroyed: [...changes.destroyed.keys()],
    };
    return { accountId, oldState: sinceState, newState, hasMoreChanges, ...ids };
  },
};

const threadGetSchema = z.strictObject({
  accountId: idSchema,
  ids: z.array(idOrReference).nullish(),
  properties: z.array(z.enum(['id', 'emailIds'])).nullish(),
});

/** RFC 8621 §3.1: oldest first. */
const threadGet: Method = {
  name: 'Thread/get',
  capability: MAIL,
  async call(args, context) {
    const { accountId, ids } = readArguments(threadGetSchema, args);
    context.checkAccount(accountId);
    if (ids == null) throw new MethodError('requestTooLarge', 'ids must be given');
    const index = await context.index();
    const { found, notFound } = findAll(ids, context, (id) => {
      const emails = index.threads.get(id);
      if (emails === undefined) return undefined;
      const sorted = [...emails].sort((a, b) => a.receivedAtMs - b.receivedAtMs || compareIds(a.id, b.id));
      return { id, emailIds: sorted.map((email) => email.id) };
    });
    return { accountId, state: index.emailState, list: found, notFound };
  },
};

/** EMAILIDs count upwards: the longer is the younger. */
export const compareIds = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** RFC 8621 §3.2: threads of the emails of a portion, which are no more than these. */
const threadChanges: Method = {
  name: 'Thread/changes',
  capability: MAIL,
  async call(args, context) {
    const { accountId, sinceState, maxChanges } = readChanges(args, context);
    const index = await context.index();
    const portion = await emailPortionSince(index, sinceState, maxChanges, context);
    const { changes, whole, afterUid, newState, hasMoreChanges } = portion;
    // The store forgets the threads of what is gone.
    const touched = threadsOf(changes, index);
    if (touched === undefined) throw new MethodError('cannotCalculateChanges');
    const threads = [...touched];
    const isThere = (id: string): boolean => index.threads.has(id);
    const isNew = (id: string): boolean =>
      index.threads.get(id)?.every((email) => whole.created.has(email.id) && numberOf(email.id) > afterUid) === true;
    return {
      accountId,
      oldState: sinceState,
      newState,
      hasMoreChanges,
      created: threads.filter((id) => isThere(id) && isNew(id)),
      updated: threads.filter((id) => isThere(id) && !isNew(id)),
      destroyed: threads.filter((id) => !isThere(id)),
    };
  },
};

export const EMAIL_METHODS: readonly Method[] = [get, changes, threadGet, threadChanges];
