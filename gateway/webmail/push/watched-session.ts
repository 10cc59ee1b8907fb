import type { Log } from '@postern/shared/runtime/log.ts';
import type { PushSubscription } from '@postern/shared/settings/push.ts';
import type { SealedSession } from '../http/session-cookie.ts';
import { type TypeStates, WatchFeed } from '../http/watch-feed.ts';
import { openByToken } from '../imap/sign-in.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import { accountIdOf } from '../mail/account-session.ts';
import type { PushOutcome, PushServices } from './push-service.ts';
import { readSubscriptions } from './subscriptions.ts';

interface Told {
  subscription: PushSubscription;
  states: TypeStates;
  /** A message is under way, or waits for its next try. */
  busy: boolean;
  /** The service does not want it any more. */
  over: boolean;
  retry: NodeJS.Timeout | undefined;
}

/** Tells the subscriptions of one session of what changes: one message at a time to each, always of the newest states. */
export class WatchedSession {
  readonly #sealed: SealedSession;
  readonly #endpoint: () => StoreEndpoint;
  readonly #services: PushServices;
  readonly #log: Log;
  readonly #feed: WatchFeed;
  #told = new Map<string, Told>();

  /** @param ended the store does not know the token any more */
  constructor(
    sealed: SealedSession,
    parts: { endpoint: () => StoreEndpoint; services: PushServices; log: Log; ended: () => void },
  ) {
    this.#sealed = sealed;
    this.#endpoint = parts.endpoint;
    this.#services = parts.services;
    this.#log = parts.log;
    this.#feed = new WatchFeed(parts.endpoint, sealed.user, sealed.watchToken, {
      changed: () => {
        for (const id of this.#told.keys()) void this.#tell(id);
      },
      ended: parts.ended,
    });
  }

  /** Whether there is anybody to tell. */
  get wanted(): boolean {
    const nowMs = Date.now();
    return [...this.#told.values()].some(({ subscription }) => subscription.expiresAtMs > nowMs);
  }

  /** Throws when the store is away; false when the token is good no longer. */
  async begin(): Promise<boolean> {
    return (await this.#feed.begin()) !== undefined && (await this.refresh());
  }

  /** Reads the subscriptions anew, over a connection of its own. */
  async refresh(): Promise<boolean> {
    const { user, watchToken, name } = this.#sealed;
    const connection = await openByToken(this.#endpoint(), user, watchToken);
    if (connection === undefined) return false;
    try {
      const subscriptions = await readSubscriptions(connection, name);
      const before = this.#told;
      this.#told = new Map();
      for (const [id, subscription] of subscriptions) {
        const known = before.get(id);
        const same = known !== undefined && known.subscription.verified === subscription.verified;
        // What changed before it was verified is no news for it.
        const states = this.#feed.states ?? {};
        const told = same ? known : { states, busy: false, over: false, retry: undefined, subscription };
        told.subscription = subscription;
        this.#told.set(id, told);
      }
      for (const [id, { retry }] of before) if (!this.#told.has(id)) clearTimeout(retry);
      for (const id of this.#told.keys()) void this.#tell(id);
      return true;
    } finally {
      connection.close();
    }
  }

  close(): void {
    this.#feed.close();
    for (const { retry } of this.#told.values()) clearTimeout(retry);
    this.#told.clear();
  }

  async #tell(id: string): Promise<void> {
    const told = this.#told.get(id);
    if (told === undefined || told.busy || told.over) return;
    const { subscription } = told;
    const states = this.#feed.states ?? {};
    const { types, verified, expiresAtMs } = subscription;
    if (!verified || expiresAtMs <= Date.now()) return;
    const changed = Object.entries(states).filter(
      ([type, state]) => (types === null || types.includes(type)) && told.states[type] !== state,
    );
    if (changed.length === 0) {
      told.states = states;
      return;
    }
    told.busy = true;
    const content = {
      '@type': 'StateChange',
      changed: { [accountIdOf(this.#sealed.user)]: Object.fromEntries(changed) },
    };
    const outcome = await this.#services.send(subscription, { content, topic: id.slice(0, 32) });
    this.#report(outcome, subscription);
    if (outcome.kind === 'accepted') told.states = states;
    if (outcome.kind === 'gone' || outcome.kind === 'refused') told.over = true;
    // A newer list of subscriptions may have taken its place.
    if (this.#told.get(id) !== told) return;
    const again = (): void => {
      told.busy = false;
      void this.#tell(id);
    };
    if (outcome.kind === 'later') told.retry = setTimeout(again, outcome.afterMs).unref();
    else again();
  }

  /** The path of a subscription is a secret of its device; the log has the service’s name alone. */
  #report(outcome: PushOutcome, { url }: PushSubscription): void {
    const about = { user: this.#sealed.user, pushService: new URL(url).host };
    if (outcome.kind === 'accepted') this.#log.debug({ event: 'push-sent', ...about });
    else this.#log.warn({ event: 'push-not-sent', ...about, ...outcome });
  }
}
