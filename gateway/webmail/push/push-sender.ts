import type { Log } from '@postern/shared/runtime/log.ts';
import type { WebmailConfig } from '../config.ts';
import { readSessionKeys, SessionCookies } from '../http/session-cookie.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import { PushServices } from './push-service.ts';
import { readVapidKey, Vapid } from './vapid.ts';
import { WatchedSession } from './watched-session.ts';
import { WatchedSessions } from './watched-sessions.ts';

/** Web Push as it is configured: what every process that answers requests needs of it. */
export interface PushParts {
  readonly vapid: Vapid;
  readonly services: PushServices;
  readonly sessions: WatchedSessions;
}

/** Undefined where it is not configured. @throws when the key or the folder cannot be had */
export function openPush({ push, sessionKeyFile }: WebmailConfig): PushParts | undefined {
  if (push === undefined) return undefined;
  const vapid = new Vapid(readVapidKey(push.keyFile), push.subject);
  const sessions = new WatchedSessions(push.path, new SessionCookies(readSessionKeys(sessionKeyFile)));
  return { vapid, services: new PushServices(push.services, vapid, push.ca), sessions };
}

/** How often sessions are looked through for those that have ended, or could not begin because the store was away. */
const ROUND_MS = 30_000;

/**
 * Tells devices of changes while no browser is open (RFC 8620 §7.2), by the watch-only tokens of their sessions. One process of
 * the host does it, whatever the number of workers.
 */
export class PushSender {
  readonly #parts: PushParts;
  readonly #endpoint: () => StoreEndpoint;
  readonly #watchMs: number;
  readonly #log: Log;
  readonly #watched = new Map<string, { readonly session: WatchedSession; mark: string }>();
  readonly #timer: NodeJS.Timeout;
  #round: Promise<void> = Promise.resolve();
  #waiting = false;
  #closed = false;

  /** @param watchMs life of a watch-only token */
  constructor(parts: PushParts, endpoint: () => StoreEndpoint, watchMs: number, log: Log) {
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.#watchMs = watchMs;
    this.#log = log;
    parts.sessions.onChange(() => this.#look());
    this.#timer = setInterval(() => this.#look(), ROUND_MS);
    this.#timer.unref();
    this.#look();
  }

  get size(): number {
    return this.#watched.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#parts.sessions.close();
    this.#parts.services.close();
    await this.#round;
    for (const { session } of this.#watched.values()) session.close();
  }

  /** One round after the other; what happens during one is seen by the next. */
  #look(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#round = this.#round.then(async () => {
      this.#waiting = false;
      try {
        await this.#follow();
      } catch (error) {
        this.#log.error({ event: 'push-round-failed', err: error });
      }
    });
  }

  async #follow(): Promise<void> {
    const kept = this.#parts.sessions.all();
    for (const [name, { session, mark }] of this.#watched) {
      if (kept.has(name) && (session.wanted || kept.get(name)?.mark !== mark)) continue;
      session.close();
      this.#watched.delete(name);
      // Every subscription of it has expired.
      if (kept.delete(name)) this.#parts.sessions.forget(name);
    }
    for (const [name, { sealed, mark }] of kept) {
      if (this.#closed) return;
      const known = this.#watched.get(name);
      if (known?.mark === mark) continue;
      const forget = (): void => {
        this.#watched.get(name)?.session.close();
        this.#watched.delete(name);
        this.#parts.sessions.forget(name);
      };
      const parts = { endpoint: this.#endpoint, services: this.#parts.services, log: this.#log, ended: forget };
      const session = known?.session ?? new WatchedSession(sealed, parts);
      try {
        const old = Date.now() - sealed.startedAtMs > this.#watchMs;
        const good = !old && (known === undefined ? await session.begin() : await session.refresh());
        this.#watched.set(name, { session, mark });
        if (!good) forget();
      } catch (error) {
        // The store is away: the next round tries again.
        this.#log.warn({ event: 'push-not-watched', user: sealed.user, cause: (error as Error).message });
        if (known === undefined) session.close();
      }
    }
  }
}
