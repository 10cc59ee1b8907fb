import { imap } from '../imap/codec/command.ts';
import { listMailboxes, type MailboxListing } from '../imap/mailbox-list.ts';
import { openByToken } from '../imap/sign-in.ts';
import { type StoreConnection, type StoreEndpoint, StoreUnavailable } from '../imap/store-connection.ts';
import { emailStateOf, mailboxStateOf } from '../mail/states.ts';

/** State strings by type (RFC 8620 §7.1). */
export type TypeStates = Readonly<Record<string, string>>;

/** Many changes of a moment are told together. */
const GATHER_MS = 40;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface WatchEvents {
  readonly changed: (states: TypeStates) => void;
  /** The token is good no longer. */
  readonly ended: () => void;
}

/**
 * Watches one account over one connection with a token that shows counts alone. The store tells when something happens (RFC 5465);
 * what the states are then is asked in one LIST, so that they are the same strings that the API tells.
 */
export class WatchFeed {
  readonly #endpoint: () => StoreEndpoint;
  readonly #user: string;
  readonly #token: string;
  readonly #events: WatchEvents;
  #connection: StoreConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #asking = false;
  #closed = false;
  states: TypeStates | undefined;

  constructor(endpoint: () => StoreEndpoint, user: string, token: string, events: WatchEvents) {
    this.#endpoint = endpoint;
    this.#user = user;
    this.#token = token;
    this.#events = events;
  }

  /** Resolves with the states of now; undefined when the token is not good. Throws when the store is away. */
  async begin(): Promise<TypeStates | undefined> {
    const connection = await openByToken(this.#endpoint(), this.#user, this.#token);
    if (connection === undefined) return undefined;
    if (this.#closed) {
      connection.close();
      return undefined;
    }
    this.#connection = connection;
    connection.onUnasked = () => this.#later(GATHER_MS);
    connection.onClosed = () => this.#again();
    await connection.must(imap`ENABLE UTF8=ACCEPT`);
    await connection.must(
      imap`NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))`,
    );
    this.states = statesOf(await listMailboxes(connection));
    this.#pauseMs = FIRST_PAUSE_MS;
    return this.states;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.onClosed = undefined;
    connection.close();
  }

  #later(ms: number): void {
    if (this.#closed || this.#asking) return;
    this.#asking = true;
    this.#timer = setTimeout(() => void this.#ask().catch(() => this.#connection?.destroy()), ms);
  }

  async #ask(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || connection.closed) {
      this.#asking = false;
      return;
    }
    const states = statesOf(await listMailboxes(connection));
    this.#asking = false;
    if (JSON.stringify(states) === JSON.stringify(this.states)) return;
    this.states = states;
    this.#events.changed(states);
    // What was told while the list was under way is in the next one.
    this.#later(GATHER_MS * 5);
  }

  /** The store went away, or ended the session: tries again, unless the token is good no longer. */
  #again(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#asking = false;
    this.#connection = undefined;
    this.#timer = setTimeout(() => void this.#reconnect(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async #reconnect(): Promise<void> {
    const before = JSON.stringify(this.states);
    try {
      const states = await this.begin();
      if (this.#closed) return;
      if (states === undefined) this.#events.ended();
      else if (JSON.stringify(states) !== before) this.#events.changed(states);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) this.#connection?.destroy();
      if (this.#connection === undefined) this.#again();
    }
  }
}

/** RFC 8620 §7.1: of the types whose state the counters of mailboxes tell. */
function statesOf(listing: MailboxListing): TypeStates {
  const email = emailStateOf(listing);
  const inbox = listing.mailboxes.find(({ name }) => name.toUpperCase() === 'INBOX');
  return {
    Email: email,
    Thread: email,
    Mailbox: mailboxStateOf(listing),
    // RFC 8621 §1.5: changes when mail comes in, and not when it is read.
    EmailDelivery: `${inbox?.uidValidity ?? 0}-${inbox?.uidNext ?? 0}`,
  };
}
