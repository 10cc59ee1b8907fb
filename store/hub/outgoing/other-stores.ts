import { readFileSync } from 'node:fs';
import type { Account } from '@postern/shared/directory/directory.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import type { ClientOptions } from '@postern/shared/smtp/client.ts';
import { type ClientPool, createClientPool } from '@postern/shared/smtp/client-pool.ts';
import type { StoreConfig } from '../../config.ts';

/** Where an account lives: here, in another store by its name, or in one that nobody configured. */
export type Home =
  | { readonly kind: 'here' }
  | { readonly kind: 'store'; readonly name: string }
  | { readonly kind: 'not-configured'; readonly mailHost: string };

const HERE: Home = { kind: 'here' };

/** The stores of the house beside this one, and the way to each: LMTP over TLS with the hub's certificate, as gateways deliver. */
export class OtherStores {
  readonly #pools = new Map<string, ClientPool>();
  /** Names and hosts, in lower case, with the store that they mean; undefined is this one. */
  readonly #names = new Map<string, string | undefined>();
  readonly #defaultStore: string | undefined;

  /** Throws when the certificate does not load. Opens no connection yet. */
  constructor({ hub, hostname, tls, ca }: Pick<StoreConfig, 'hub' | 'hostname' | 'tls' | 'ca'>) {
    const { stores, storeNames, defaultStore, relay } = hub;
    this.#defaultStore = defaultStore;
    for (const own of [hostname, ...storeNames]) this.#names.set(own.toLowerCase(), undefined);
    for (const [name, { host, port, serverName, connections }] of Object.entries(stores)) {
      for (const known of [name, host]) this.#names.set(known.toLowerCase(), name);
      const identity = readTlsIdentity(relay?.identity ?? tls);
      const client: ClientOptions = {
        host,
        port,
        protocol: 'lmtp',
        heloName: hostname,
        tls: { mode: 'implicit', ...identity, ca: readFileSync(ca, 'utf8'), serverName },
        timeouts: { connectMs: 10_000 },
      };
      this.#pools.set(name, createClientPool({ client, maxConnections: connections, maxWaitMs: 60_000 }));
    }
  }

  /** With one store every account lives in it, whatever its entry says. */
  homeOf({ mailHost = '' }: Account): Home {
    if (this.#pools.size === 0) return HERE;
    const asked = mailHost === '' ? this.#defaultStore : mailHost;
    if (asked === undefined) return HERE;
    const key = asked.toLowerCase();
    if (!this.#names.has(key)) return { kind: 'not-configured', mailHost: asked };
    const name = this.#names.get(key);
    return name === undefined ? HERE : { kind: 'store', name };
  }

  /** Undefined when it is not (or no longer) configured. */
  poolOf(name: string): ClientPool | undefined {
    return this.#pools.get(name);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}
