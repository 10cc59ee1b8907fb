import { imap } from './codec/command.ts';
import { type StoreConnection, StoreUnavailable } from './store-connection.ts';

/** A connection while somebody uses it. */
export class PooledConnection {
  readonly connection: StoreConnection;
  #selected: string | undefined;
  idleSinceMs = 0;

  constructor(connection: StoreConnection) {
    this.connection = connection;
  }

  /** Selects a mailbox, with all changes told; false when there is none of this name. */
  async select(name: string): Promise<boolean> {
    if (this.#selected === name) {
      // What others changed meanwhile is told now, so that no UID is missing in what follows.
      await this.connection.must(imap`NOOP`);
      return true;
    }
    this.#selected = undefined;
    const completion = await this.connection.run(imap`SELECT ${name}`);
    if (completion.status !== 'OK') return false;
    this.#selected = name;
    return true;
  }

  /** A mailbox that is deleted or renamed must not stay selected. */
  async unselect(): Promise<void> {
    if (this.#selected === undefined) return;
    this.#selected = undefined;
    await this.connection.run(imap`UNSELECT`);
  }
}

/** Connections of one session at a time. */
const MAX_CONNECTIONS = 3;

/** The connections of one signed-in session: opened when they are needed, closed when nobody asked for a while. */
export class ConnectionPool {
  readonly #open: () => Promise<StoreConnection>;
  readonly #idle: PooledConnection[] = [];
  readonly #waiting: (() => void)[] = [];
  #count = 0;

  constructor(open: () => Promise<StoreConnection>) {
    this.#open = open;
  }

  get size(): number {
    return this.#count;
  }

  /** Runs `work` with a connection that nobody else uses meanwhile. */
  async use<T>(work: (pooled: PooledConnection) => Promise<T>): Promise<T> {
    const pooled = await this.#take();
    try {
      return await work(pooled);
    } finally {
      this.#give(pooled);
    }
  }

  /** Closes what nobody uses for `idleMs`. Returns whether nothing is open any more. */
  closeIdle(idleMs: number, nowMs = Date.now()): boolean {
    for (let i = this.#idle.length - 1; i >= 0; i -= 1) {
      const pooled = this.#idle[i];
      if (pooled === undefined || nowMs - pooled.idleSinceMs < idleMs) continue;
      this.#idle.splice(i, 1);
      this.#count -= 1;
      pooled.connection.close();
    }
    return this.#count === 0;
  }

  async #take(): Promise<PooledConnection> {
    for (;;) {
      const pooled = this.#idle.pop();
      if (pooled !== undefined) {
        if (!pooled.connection.closed) return pooled;
        this.#count -= 1;
        continue;
      }
      if (this.#count < MAX_CONNECTIONS) break;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#count += 1;
    try {
      return new PooledConnection(await this.#open());
    } catch (error) {
      this.#count -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #give(pooled: PooledConnection): void {
    if (pooled.connection.closed) this.#count -= 1;
    else {
      pooled.idleSinceMs = Date.now();
      this.#idle.push(pooled);
    }
    this.#waiting.shift()?.();
  }
}

/** Once more on a new connection when a kept one turns out dead: for what only reads. */
export async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailable) return work();
    throw error;
  }
}
