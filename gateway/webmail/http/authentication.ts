import { createHmac, randomBytes } from 'node:crypto';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { WebmailConfig } from '../config.ts';
import { signIn } from '../imap/sign-in.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import type { AccountSession, AccountSessions } from '../mail/account-session.ts';
import type { GuessLimits } from './back-off.ts';
import { cookieOf, type Exchange, HttpError, setCookie } from './exchange.ts';
import { foreignOrigin } from './origin-check.ts';
import type { SealedSession, SessionCookies } from './session-cookie.ts';

/** Ends with the browser. */
export const SESSION_COOKIE = '__Host-postern';
/** Stays: tells of new mail, and shows none. */
export const WATCH_COOKIE = '__Host-postern-watch';

export interface SignedIn {
  /** A session of a browser, or a password with each request. */
  readonly by: 'cookie' | 'password';
  readonly sealed: SealedSession;
  readonly session: AccountSession;
}

interface Parts {
  readonly config: WebmailConfig;
  readonly endpoint: () => StoreEndpoint;
  readonly cookies: SessionCookies;
  readonly sessions: AccountSessions;
  readonly backOff: GuessLimits;
  readonly log: Log;
}

const CLIENT_TOKEN_MS = 900_000;
const CLIENT_REMEMBERED_MS = 600_000;
const MAX_CLIENTS = 2_000;

/** Finds out who asks: by the session in a cookie, or, for JMAP clients that are no browsers, by name and app password. */
export class Authentication {
  readonly #parts: Parts;
  /** Passwords of other clients are known by a keyed hash, and only while they are used. */
  readonly #pepper = randomBytes(32);
  readonly #clients = new Map<string, { sealed: SealedSession; untilMs: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws HttpError 401 or 403 when nobody may ask so */
  async signedIn(exchange: Exchange): Promise<SignedIn> {
    const basic = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(exchange.request.headers.authorization ?? '')?.[1];
    if (basic !== undefined) return this.#byPassword(exchange, basic);
    const sealed = this.#fromCookie(exchange, SESSION_COOKIE);
    if (sealed === undefined) throw new HttpError(401, 'Nobody has signed in.');
    this.#keepAlive(exchange, sealed);
    return { by: 'cookie', sealed, session: this.#parts.sessions.of(sealed) };
  }

  /** The token that may watch; of a session that has ended too, as long as its cookie lives. */
  async watching(exchange: Exchange): Promise<SealedSession> {
    if (exchange.request.headers.authorization !== undefined) return (await this.signedIn(exchange)).sealed;
    const sealed = this.#fromCookie(exchange, WATCH_COOKIE) ?? this.#fromCookie(exchange, SESSION_COOKIE);
    if (sealed === undefined) throw new HttpError(401, 'Nobody has signed in.');
    return sealed;
  }

  /** Follows the account of whoever has signed in, for the requests that will come; nobody waits for it. */
  prepare(exchange: Exchange): void {
    if (foreignOrigin('GET', exchange.request.headers, this.#parts.config.publicUrl) !== undefined) return;
    const sealed = this.#fromCookie(exchange, SESSION_COOKIE);
    // What fails now fails again when it is asked for, and is told then.
    if (sealed !== undefined)
      void this.#parts.sessions
        .of(sealed)
        .index()
        .catch(() => undefined);
  }

  #fromCookie({ request }: Exchange, name: string): SealedSession | undefined {
    const cookie = cookieOf(request, name);
    if (cookie === undefined) return undefined;
    const { cookies, config } = this.#parts;
    const foreign = foreignOrigin(request.method ?? '', request.headers, config.publicUrl);
    if (foreign !== undefined) throw new HttpError(403, `This request does not come from our pages: ${foreign}.`);
    const sealed = cookies.open(cookie, name);
    if (sealed === undefined) return undefined;
    const nowMs = Date.now();
    const { idleMs, absoluteMs, watchMs } = config.sessions;
    if (name === WATCH_COOKIE) return nowMs - sealed.startedAtMs > watchMs ? undefined : sealed;
    const ended = nowMs - sealed.lastSeenMs > idleMs || nowMs - sealed.startedAtMs > absoluteMs;
    return ended ? undefined : sealed;
  }

  /** The cookie says when it was seen last; it is renewed before that matters. */
  #keepAlive(exchange: Exchange, sealed: SealedSession): void {
    const nowMs = Date.now();
    if (nowMs - sealed.lastSeenMs < this.#parts.config.sessions.idleMs / 20) return;
    const renewed = this.#parts.cookies.seal({ ...sealed, lastSeenMs: nowMs }, SESSION_COOKIE);
    setCookie(exchange, SESSION_COOKIE, renewed);
  }

  async #byPassword(exchange: Exchange, basic: string): Promise<SignedIn> {
    const { sessions, endpoint, backOff, log } = this.#parts;
    const key = createHmac('sha256', this.#pepper).update(basic).digest('base64url');
    const nowMs = Date.now();
    const known = this.#clients.get(key);
    if (known !== undefined && known.untilMs > nowMs) {
      return { by: 'password', sealed: known.sealed, session: sessions.of(known.sealed) };
    }
    const text = Buffer.from(basic, 'base64').toString('utf8');
    const user = text.slice(0, Math.max(0, text.indexOf(':')));
    const keys = guessKeys(exchange.client, user);
    const waitMs = await backOff.waitMs(keys);
    if (waitMs > 0) throw tooMany(waitMs);
    const outcome = await signIn(endpoint(), {
      user,
      password: text.slice(user.length + 1),
      code: '',
      by: 'client',
      lifetimeMs: CLIENT_TOKEN_MS,
      watchLifetimeMs: CLIENT_TOKEN_MS,
    });
    if (outcome.kind === 'unavailable') throw new HttpError(503, 'The mail store cannot be reached.');
    if (outcome.kind === 'refused') {
      backOff.failed(keys);
      log.info({ event: 'sign-in-refused', service: 'webmail', client: exchange.client, user, by: 'client' });
      throw new HttpError(401, 'Name or password is wrong.', {
        'www-authenticate': 'Basic realm="mail", charset="UTF-8"',
      });
    }
    backOff.succeeded(accountKey(user));
    const sealed = { ...outcome.tokens, startedAtMs: nowMs, lastSeenMs: nowMs };
    this.#clients.delete(key);
    this.#clients.set(key, { sealed, untilMs: nowMs + CLIENT_REMEMBERED_MS });
    for (const oldest of this.#clients.keys()) {
      if (this.#clients.size <= MAX_CLIENTS) break;
      this.#clients.delete(oldest);
    }
    return { by: 'password', sealed, session: sessions.of(sealed) };
  }
}

export const accountKey = (user: string): string => `account ${user.toLowerCase()}`;
export const guessKeys = (client: string, user: string): string[] => [`address ${client}`, accountKey(user)];

export const tooMany = (waitMs: number): HttpError =>
  new HttpError(429, 'Too many attempts; try again later.', { 'retry-after': String(Math.ceil(waitMs / 1_000)) });
