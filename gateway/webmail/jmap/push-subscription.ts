import { randomBytes } from 'node:crypto';
import { arePushKeys, type PushSubscription } from '@postern/shared/settings/push.ts';
import { z } from 'zod';
import type { SealedSession } from '../http/session-cookie.ts';
import { writeSetting } from '../imap/metadata.ts';
import { CommandRefused } from '../imap/store-connection.ts';
import type { PushParts } from '../push/push-sender.ts';
import { entryOf, readSubscriptions, removeSubscriptions } from '../push/subscriptions.ts';
import { CORE } from './capabilities.ts';
import { idOrReference, MethodError, readArguments, SetFault, utcDate } from './errors.ts';
import type { Method, RequestContext } from './method.ts';
import { findAll, pick, setAll, setShape } from './standard.ts';

/** Devices of one session: a browser has one, and a few that it forgot. */
const MAX_SUBSCRIPTIONS = 10;
const PROPERTIES = ['id', 'deviceClientId', 'verificationCode', 'expires', 'types'];
const getSchema = z.strictObject({
  ids: z.array(idOrReference).nullish(),
  properties: z.array(z.string()).nullish(),
});

/** RFC 8620 §7.2.1. */
const get: Method = {
  name: 'PushSubscription/get',
  capability: CORE,
  async call(args, context) {
    const { ids, properties } = readArguments(getSchema, args);
    if (properties?.some((name) => name === 'url' || name === 'keys')) throw new MethodError('forbidden');
    const wrong = properties?.find((name) => !PROPERTIES.includes(name));
    if (wrong !== undefined) throw new MethodError('invalidArguments', `no property ${JSON.stringify(wrong)}`);
    const there = await subscriptionsOf(context);
    const { found, notFound } = findAll(ids ?? [...there.keys()], context, (id) => {
      const subscription = there.get(id);
      return subscription && objectOf(id, subscription);
    });
    const list = found.map((object) => (properties == null ? object : pick(object, ['id', ...properties])));
    return { list, notFound };
  },
};

function objectOf(id: string, { deviceClientId, code, verified, expiresAtMs, types }: PushSubscription): object {
  return { id, deviceClientId, verificationCode: verified ? code : null, expires: dateOf(expiresAtMs), types };
}

const typesSchema = z.array(z.string().max(100)).max(50).nullish();
const createSchema = z.strictObject({
  deviceClientId: z.string().min(1).max(255),
  url: z.string().max(2_000),
  keys: z
    .unknown()
    .refine((keys) => keys == null || arePushKeys(keys), 'not keys of RFC 8291')
    .optional(),
  verificationCode: z.null().optional(),
  expires: utcDate.nullish(),
  types: typesSchema,
});
const updateSchema = z.strictObject({
  verificationCode: z.string().max(255).optional(),
  expires: utcDate.nullish(),
  types: typesSchema,
});
const { create: creating, update: updating, destroy: destroying } = setShape;
const setSchema = z.strictObject({ create: creating, update: updating, destroy: destroying });

/** RFC 8620 §7.2.2. */
const set: Method = {
  name: 'PushSubscription/set',
  capability: CORE,
  async call(args, context) {
    return setAll(readArguments(setSchema, args), context, {
      create: (value) => create(value, context),
      update: (id, patch) => update(id, patch, context),
      destroy: (id) => destroy(id, context),
    });
  },
};

async function create(value: Record<string, unknown>, context: RequestContext) {
  const { push, cookie } = pushOf(context);
  const read = createSchema.safeParse(value);
  if (!read.success) throw invalid(read.error);
  const { deviceClientId, url, keys, expires, types } = read.data;
  if (!push.services.allows(url)) {
    throw new SetFault('invalidProperties', 'not a push service that this host sends to', { properties: ['url'] });
  }
  await context.session.write(({ connection }) => removeSubscriptions(connection));
  if ((await subscriptionsOf(context)).size >= MAX_SUBSCRIPTIONS) throw new SetFault('overQuota', 'too many devices');
  const id = `p${randomBytes(8).toString('hex')}`;
  const subscription: PushSubscription = {
    deviceClientId,
    url,
    keys: arePushKeys(keys) ? { p256dh: keys.p256dh, auth: keys.auth } : null,
    types: types ?? null,
    expiresAtMs: expiryOf(expires, context),
    code: randomBytes(24).toString('base64url'),
    verified: false,
  };
  await write(id, subscription, context);
  push.sessions.keep(cookie);
  // RFC 8620 §7.2.2: at once, and nothing else before the code comes back.
  const content = { '@type': 'PushVerification', pushSubscriptionId: id, verificationCode: subscription.code };
  void push.services.send(subscription, { content, topic: `v${id}` }).then((outcome) => {
    if (outcome.kind === 'accepted') return;
    context.log.warn({ event: 'push-not-sent', user: cookie.user, pushService: new URL(url).host, ...outcome });
  });
  return { id, expires: dateOf(subscription.expiresAtMs), ...(keys === undefined ? { keys: null } : {}) };
}

async function update(id: string, patch: Record<string, unknown>, context: RequestContext) {
  const { push, cookie } = pushOf(context);
  const known = (await subscriptionsOf(context)).get(id);
  if (known === undefined) throw new SetFault('notFound');
  const read = updateSchema.safeParse(patch);
  if (!read.success) throw invalid(read.error);
  const { verificationCode, expires, types } = read.data;
  if (verificationCode !== undefined && verificationCode !== known.code) {
    throw new SetFault('invalidProperties', 'not the code that was sent', { properties: ['verificationCode'] });
  }
  const expiresAtMs = expires === undefined ? known.expiresAtMs : expiryOf(expires, context);
  const verified = known.verified || verificationCode !== undefined;
  await write(id, { ...known, verified, expiresAtMs, types: types === undefined ? known.types : types }, context);
  push.sessions.keep(cookie);
  const given = expires == null ? Number.NaN : Date.parse(expires);
  return expires === undefined || given === expiresAtMs ? null : { expires: dateOf(expiresAtMs) };
}

async function destroy(id: string, context: RequestContext): Promise<void> {
  const { push, cookie } = pushOf(context);
  const there = await subscriptionsOf(context);
  if (!there.has(id)) throw new SetFault('notFound');
  await write(id, undefined, context);
  if (there.size > 1) push.sessions.keep(cookie);
  else push.sessions.forget(cookie.name);
}

/** RFC 8620 §7.2: of the same credentials, here the session, and none after its end. */
async function subscriptionsOf({ session, cookie }: RequestContext): Promise<Map<string, PushSubscription>> {
  if (cookie === undefined) return new Map();
  return session.read(({ connection }) => readSubscriptions(connection, cookie.name));
}

async function write(id: string, subscription: PushSubscription | undefined, context: RequestContext): Promise<void> {
  const entry = entryOf(pushOf(context).cookie.name, id);
  const value = subscription && JSON.stringify(subscription);
  const completion = await context.session.write(({ connection }) => writeSetting(connection, entry, value));
  if (completion.status !== 'OK') throw new CommandRefused(completion);
}

function pushOf({ push, cookie }: RequestContext): { push: PushParts; cookie: SealedSession } {
  if (push === undefined) throw new SetFault('forbidden', 'this host sends to no push service');
  if (cookie === undefined) throw new SetFault('forbidden', 'only sessions of browsers are told');
  return { push, cookie };
}

function expiryOf(expires: string | null | undefined, { cookie, config }: RequestContext): number {
  const end = (cookie?.startedAtMs ?? 0) + config.sessions.watchMs;
  return expires == null ? end : Math.min(end, Date.parse(expires));
}

/** RFC 8620 §1.4: without fractions that are zero. */
const dateOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

function invalid(error: z.ZodError): SetFault {
  const properties = [...new Set(error.issues.map(({ path, code }) => String(path[0] ?? code)))];
  return new SetFault('invalidProperties', error.issues[0]?.message, { properties });
}

export const PUSH_SUBSCRIPTION_METHODS: readonly Method[] = [get, set];
