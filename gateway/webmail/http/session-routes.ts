import { signedIn as logSignedIn, signInRefused } from '@postern/shared/runtime/mail-events.ts';
import { z } from 'zod';
import { imap } from '../imap/codec/command.ts';
import { listOf, octetsOf, pairsOf, readValues } from '../imap/codec/response-values.ts';
import { signIn } from '../imap/sign-in.ts';
import type { StoreConnection } from '../imap/store-connection.ts';
import { removeSubscriptions } from '../push/subscriptions.ts';
import { accountKey, guessKeys, SESSION_COOKIE, tooMany, WATCH_COOKIE } from './authentication.ts';
import { type Exchange, HttpError, isJson, readBody, sendJson, sendNothing, setCookie } from './exchange.ts';
import { foreignOrigin } from './origin-check.ts';
import type { WebmailServices } from './services.ts';

const MAX_SIGN_IN_BYTES = 8_192;
const signInSchema = z.strictObject({
  user: z.string().min(1).max(320),
  password: z.string().min(1).max(1_024),
  code: z.string().max(32).default(''),
});

/** `POST /session`: password and code for a session in a cookie. The password is gone when this returns. */
export async function postSession(exchange: Exchange, services: WebmailServices): Promise<void> {
  const { request, client } = exchange;
  const { config, backOff, log } = services;
  const foreign = foreignOrigin('POST', request.headers, config.publicUrl);
  if (foreign !== undefined) throw new HttpError(403, `This request does not come from our pages: ${foreign}.`);
  if (!isJson(request)) throw new HttpError(415, 'JSON is wanted.');
  const body = await readBody(request, MAX_SIGN_IN_BYTES);
  if (body === 'too-large') throw new HttpError(413, 'Too large.');
  const read = signInSchema.safeParse(parseJson(body));
  body.fill(0);
  if (!read.success) throw new HttpError(400, 'user, password and code are wanted.');
  const { user } = read.data;
  const keys = guessKeys(client, user);
  const waitMs = await backOff.waitMs(keys);
  if (waitMs > 0) throw tooMany(waitMs);
  const { absoluteMs, watchMs } = config.sessions;
  const outcome = await signIn(services.endpoint(), {
    ...read.data,
    by: 'form',
    lifetimeMs: absoluteMs,
    watchLifetimeMs: watchMs,
  });
  const event = { service: 'webmail', client, user };
  if (outcome.kind === 'unavailable') {
    signInRefused(log, { ...event, why: `unavailable: ${outcome.cause}` });
    throw new HttpError(503, 'The mail store cannot be reached.');
  }
  if (outcome.kind === 'refused') {
    backOff.failed(keys);
    signInRefused(log, { ...event, why: 'the store refused' });
    throw new HttpError(401, 'Name, password or code is wrong.');
  }
  backOff.succeeded(accountKey(user));
  logSignedIn(log, event);
  const nowMs = Date.now();
  const sealed = { ...outcome.tokens, startedAtMs: nowMs, lastSeenMs: nowMs };
  setCookie(exchange, SESSION_COOKIE, services.cookies.seal(sealed, SESSION_COOKIE));
  // The cookie that outlives the browser holds no token that could read anything.
  const watch = { ...sealed, token: '' };
  setCookie(exchange, WATCH_COOKIE, services.cookies.seal(watch, WATCH_COOKIE), watchMs);
  sendJson(exchange, 200, { user: sealed.user, session: sealed.name, expiresAt: isoOf(nowMs + absoluteMs) });
}

/** `GET /session`: who has signed in, and how long it lasts. */
export async function getSession(exchange: Exchange, services: WebmailServices): Promise<void> {
  const { sealed } = await services.authentication.signedIn(exchange);
  const { absoluteMs, idleMs } = services.config.sessions;
  const expiresAt = isoOf(sealed.startedAtMs + absoluteMs);
  sendJson(exchange, 200, { user: sealed.user, session: sealed.name, expiresAt, idleMs });
}

/** `DELETE /session`: revokes this session's tokens, and clears the cookies. */
export async function deleteSession(exchange: Exchange, services: WebmailServices): Promise<void> {
  const { sealed, session } = await services.authentication.signedIn(exchange);
  await session.write(({ connection }) => revoke(connection, sealed.name, services));
  services.sessions.end(sealed);
  setCookie(exchange, SESSION_COOKIE, '', 0);
  setCookie(exchange, WATCH_COOKIE, '', 0);
  sendNothing(exchange);
}

/** `GET /sessions`: every session of the account, on every host. */
export async function listSessions(exchange: Exchange, services: WebmailServices): Promise<void> {
  const { sealed, session } = await services.authentication.signedIn(exchange);
  const list: object[] = [];
  await session.read(async ({ connection }) => {
    await connection.must(imap`GETMETADATA (DEPTH infinity) "" (${PREFIX})`, (response) => {
      const values = readValues(response, 0);
      for (const [name, value] of pairsOf(listOf(values[3]))) {
        const told = parseJson(Buffer.from(octetsOf(value) ?? '', 'latin1')) as Record<string, unknown>;
        const id = name.toLowerCase().slice(PREFIX.length + 1);
        if (told.scope !== 'all') continue;
        const { createdAtMs, expiresAtMs, certificateName } = told;
        list.push({
          id,
          host: certificateName,
          current: id === sealed.name,
          createdAt: isoOf(Number(createdAtMs)),
          expiresAt: isoOf(Number(expiresAtMs)),
        });
      }
    });
  });
  sendJson(exchange, 200, { sessions: list });
}

/** `DELETE /sessions/ID`: ends a session wherever it is; the store cuts it off within its next round of checks. */
export async function revokeSession(exchange: Exchange, services: WebmailServices, name: string): Promise<void> {
  const { session } = await services.authentication.signedIn(exchange);
  await session.write(({ connection }) => revoke(connection, name, services));
  sendNothing(exchange);
}

const PREFIX = '/private/vendor/postern/token';

async function revoke(connection: StoreConnection, name: string, { push }: WebmailServices): Promise<void> {
  if (push !== undefined) {
    await removeSubscriptions(connection, name);
    push.sessions.forget(name);
  }
  await connection.must(imap`SETMETADATA "" (${`${PREFIX}/${name}`} NIL ${`${PREFIX}/${name}-watch`} NIL)`);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const isoOf = (ms: number): string => new Date(ms).toISOString();
