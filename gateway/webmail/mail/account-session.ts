import { createHash } from 'node:crypto';
import { imap } from '../imap/codec/command.ts';
import { ConnectionPool, onceMore, type PooledConnection } from '../imap/connection-pool.ts';
import { openByToken, type SessionTokens } from '../imap/sign-in.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import { AccountIndex } from './account-index.ts';

/** The store does not know the session's token any more: revoked, expired, or the account is inactive. */
export class SessionEnded extends Error {}

/** JMAP’s id of an account (RFC 8620 §1.2), which says nothing of its address. */
export function accountIdOf(user: string): string {
  return `A${createHash('sha256').update(user).digest('base64url').slice(0, 20)}`;
}

/**
 * What a signed-in session needs while it asks for something: connections to the store, and the index of its account. Both are made anew after a
 * pause, from the tokens in the cookie.
 */
export class AccountSession {
  readonly user: string;
  readonly accountId: string;
  readonly #pool: ConnectionPool;
  #index = new AccountIndex();
  #refreshing: { started: boolean; done: Promise<AccountIndex> } | undefined;
  lastUsedMs = Date.now();
  /** Requests under way. */
  running = 0;
  uploading = 0;

  constructor(endpoint: StoreEndpoint, { user, token }: SessionTokens) {
    this.user = user;
    this.accountId = accountIdOf(user);
    this.#pool = new ConnectionPool(async () => {
      const connection = await openByToken(endpoint, user, token);
      if (connection === undefined) throw new SessionEnded('the session has ended');
      await connection.must(imap`ENABLE CONDSTORE QRESYNC UTF8=ACCEPT`);
      return connection;
    });
  }

  get indexedMessages(): number {
    return this.#index.emails.size;
  }

  get connections(): number {
    return this.#pool.size;
  }

  /** Runs `work` with a connection of its own; once more on a new one when a kept one turns out dead. */
  read<T>(work: (pooled: PooledConnection) => Promise<T>): Promise<T> {
    this.lastUsedMs = Date.now();
    return onceMore(() => this.#pool.use(work));
  }

  /** The same for what must not run twice. */
  write<T>(work: (pooled: PooledConnection) => Promise<T>): Promise<T> {
    this.lastUsedMs = Date.now();
    return this.#pool.use(work);
  }

  /** The index as the store is now. Those who ask before one begins share it. */
  index(): Promise<AccountIndex> {
    const under = this.#refreshing;
    if (under !== undefined && !under.started) return under.done;
    const turn = { started: false, done: Promise.resolve(this.#index) };
    const before = under?.done.then(
      () => undefined,
      () => undefined,
    );
    turn.done = (before ?? Promise.resolve()).then(async () => {
      turn.started = true;
      try {
        await this.read((pooled) => this.#index.refresh(pooled));
        return this.#index;
      } catch (error) {
        // Half of it may have been followed.
        this.#index = new AccountIndex();
        throw error;
      } finally {
        if (this.#refreshing === turn) this.#refreshing = undefined;
      }
    });
    this.#refreshing = turn;
    return turn.done;
  }

  closeIdle(idleMs: number, nowMs = Date.now()): boolean {
    return this.#pool.closeIdle(idleMs, nowMs) && this.running === 0;
  }

  forgetIndex(): void {
    if (this.#refreshing === undefined) this.#index = new AccountIndex();
  }

  close(): void {
    this.#pool.closeIdle(0, Number.POSITIVE_INFINITY);
  }
}

/** Who looks up from a message again finds the account known; its connections were closed long before. */
const INDEX_KEPT_MS = 900_000;

/** The sessions that asked for something lately, by the hash of their token. */
export class AccountSessions {
  readonly #sessions = new Map<string, AccountSession>();
  readonly #endpoint: () => StoreEndpoint;
  readonly #timer: NodeJS.Timeout;

  constructor(endpoint: () => StoreEndpoint, idleMs: number, indexedMessages: number) {
    this.#endpoint = endpoint;
    this.#timer = setInterval(() => this.#tidy(idleMs, indexedMessages), Math.min(idleMs, 5_000));
    this.#timer.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  get connections(): number {
    return [...this.#sessions.values()].reduce((sum, session) => sum + session.connections, 0);
  }

  of(tokens: SessionTokens): AccountSession {
    const key = createHash('sha256').update(tokens.token).digest('base64url');
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = new AccountSession(this.#endpoint(), tokens);
      this.#sessions.set(key, session);
    }
    session.lastUsedMs = Date.now();
    return session;
  }

  end(tokens: SessionTokens): void {
    const key = createHash('sha256').update(tokens.token).digest('base64url');
    this.#sessions.get(key)?.close();
    this.#sessions.delete(key);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  #tidy(idleMs: number, indexedMessages: number): void {
    const nowMs = Date.now();
    let indexed = 0;
    const latestFirst = [...this.#sessions].sort(([, a], [, b]) => b.lastUsedMs - a.lastUsedMs);
    for (const [key, session] of latestFirst) {
      const forgotten = nowMs - session.lastUsedMs > INDEX_KEPT_MS;
      if (session.closeIdle(idleMs, nowMs) && forgotten) {
        this.#sessions.delete(key);
        continue;
      }
      indexed += session.indexedMessages;
      if (indexed > indexedMessages && session.running === 0) session.forgetIndex();
    }
  }
}
