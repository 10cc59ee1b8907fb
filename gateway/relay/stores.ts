import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { MessageData, ProbeOptions, SendOptions } from '@postern/shared/smtp/client.ts';
import type { ClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { Envelope, EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { type StoreHealth, StoreLink } from './store-link.ts';

/** An account's address, and the store that it lives in; undefined is the default store. */
export interface StoredRecipient extends EnvelopeRecipient {
  readonly store?: string | undefined;
}

/** An envelope whose recipients know their store. */
export interface StoredEnvelope extends Envelope {
  readonly recipients: readonly StoredRecipient[];
}

/** One store: its pool of connections, and the host by which entries may name it (`mailHost`). */
export interface StoreRoute {
  /** '' is the default store. */
  readonly name: string;
  readonly host: string;
  readonly pool: ClientPool;
}

const STORE_AWAY = reply(451, '4.4.1', 'The store is away');
const STORE_LATE = reply(451, '4.4.1', 'The store did not answer in time');
const NO_SUCH_STORE = reply(451, '4.3.5', 'The mail system is not set up well, please try again later');

/**
 * The stores that accounts live in, each with a link of its own. A message for accounts of several stores is one LMTP
 * transaction for each of them, all under the same delivery id (a recipient lives in one store alone).
 */
export class Stores {
  readonly #links = new Map<string, StoreLink>();
  readonly #testMs: number;
  #names = new Map<string, string>();
  #onUp: ((store: string) => void) | undefined;

  /** @param testMs how often a spooled message tests a store that is away */
  constructor(routes: readonly StoreRoute[], testMs: number) {
    this.#testMs = testMs;
    for (const route of routes) this.#open(route);
  }

  /** Called when a store answers again after it was away or ailing. */
  set onUp(listener: (store: string) => void) {
    this.#onUp = listener;
  }

  /**
   * The store that a directory entry names by the store's name or host; '' when it names none. Undefined when there is
   * no such store: its mail must not go into another one.
   */
  nameOf(mailHost: string | undefined): string | undefined {
    return mailHost === undefined || mailHost === '' ? '' : this.#names.get(mailHost.toLowerCase());
  }

  /** Undefined when it is not (or no longer) configured. */
  linkOf(store: string | undefined): StoreLink | undefined {
    return this.#links.get(store ?? '');
  }

  /** The worst of all, for readiness. */
  get health(): StoreHealth {
    const all = [...this.#links.values()].map((link) => link.health);
    return all.includes('away') ? 'away' : all.includes('ailing') ? 'ailing' : 'up';
  }

  /** The store's word on one account; undefined when the store is away. */
  async probe(store: string, address: string, options: ProbeOptions): Promise<Outcome | undefined> {
    const link = this.linkOf(store);
    if (link === undefined || !link.worthTrying) return undefined;
    const [outcome] = await link.probe('', [address], options);
    return outcome;
  }

  /**
   * Sends to every store that recipients live in, at the same time. Outcomes in the order of the recipients; a store
   * that is away, or does not answer within `budgetMs`, defers its own.
   */
  async send(
    envelope: StoredEnvelope,
    data: MessageData,
    options: SendOptions & { readonly budgetMs?: number },
  ): Promise<readonly Outcome[]> {
    const groups = new Map<string, number[]>();
    for (const [index, { store = '' }] of envelope.recipients.entries()) {
      groups.set(store, [...(groups.get(store) ?? []), index]);
    }
    const outcomes: Outcome[] = [];
    await Promise.all(
      [...groups].map(async ([store, indexes]) => {
        const recipients = indexes.map((index) => envelope.recipients[index]!);
        const answers = await this.#sendTo(this.linkOf(store), { ...envelope, recipients }, data, options);
        for (const [position, index] of indexes.entries()) outcomes[index] = answers[position]!;
      }),
    );
    return outcomes;
  }

  /** Takes new pools (new certificates, stores that came or went); the old ones end what they have in hand. */
  async replace(routes: readonly StoreRoute[]): Promise<void> {
    const wanted = new Set(routes.map(({ name }) => name));
    const closing: Promise<void>[] = [];
    for (const [name, link] of this.#links) {
      if (wanted.has(name)) continue;
      this.#links.delete(name);
      closing.push(link.close());
    }
    this.#names = new Map();
    for (const route of routes) {
      const link = this.#links.get(route.name);
      if (link === undefined) this.#open(route);
      else {
        this.#name(route);
        closing.push(link.replacePool(route.pool));
      }
    }
    await Promise.all(closing);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #open(route: StoreRoute): void {
    const link = new StoreLink(route.pool, this.#testMs);
    link.onUp = () => this.#onUp?.(route.name);
    this.#links.set(route.name, link);
    this.#name(route);
  }

  #name({ name, host }: StoreRoute): void {
    for (const known of [name, host]) if (known !== '') this.#names.set(known.toLowerCase(), name);
  }

  async #sendTo(
    link: StoreLink | undefined,
    envelope: Envelope,
    data: MessageData,
    options: SendOptions & { readonly budgetMs?: number },
  ): Promise<readonly Outcome[]> {
    const { budgetMs, ...sendOptions } = options;
    const allDeferred = (why: Reply): Outcome[] => envelope.recipients.map(() => ({ kind: 'deferred', reply: why }));
    if (link === undefined) return allDeferred(NO_SUCH_STORE);
    if (budgetMs === undefined) return await link.send(envelope, data, sendOptions);
    if (!link.worthTrying) return allDeferred(STORE_AWAY);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome[]>((resolve) => {
      timer = setTimeout(() => {
        link.noteLate();
        resolve(allDeferred(STORE_LATE));
      }, budgetMs);
    });
    try {
      return await Promise.race([link.send(envelope, data, sendOptions), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
