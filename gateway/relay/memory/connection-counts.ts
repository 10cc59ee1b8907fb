/** Whether one more session may be had. */
export type ConnectionVerdict = 'free' | 'all-taken' | 'taken-by-address';

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Sessions of all processes and legs: in total, and by address of the client. */
export class ConnectionCounts {
  /** May be changed. */
  limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits) {
    this.limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Counts a session in, also one that will be told to go; {@link leave} undoes it. */
  enter(client: string): ConnectionVerdict {
    const fromThere = (this.#byAddress.get(client) ?? 0) + 1;
    this.#byAddress.set(client, fromThere);
    this.#total++;
    if (this.#total > this.limits.maxConnections) return 'all-taken';
    return fromThere > this.limits.maxConnectionsPerAddress ? 'taken-by-address' : 'free';
  }

  leave(client: string): void {
    const left = (this.#byAddress.get(client) ?? 0) - 1;
    if (left < 0) return;
    this.#total--;
    if (left > 0) this.#byAddress.set(client, left);
    else this.#byAddress.delete(client);
  }
}
