import type { Log } from '../runtime/log.ts';
import { LdapConnection, type LdapEndpoint, LdapFault } from './ldap-connection.ts';

export interface LdapPoolOptions {
  /** Tried in order whenever a connection is made. */
  readonly endpoints: readonly LdapEndpoint[];
  /** Bound once for each connection; undefined leaves it anonymous. */
  readonly bindAs?: { readonly dn: string; readonly password: string } | undefined;
  readonly maxConnections: number;
  /** Questions on one connection at a time; 1 for connections that are bound as users (RFC 4511 §4.2.1). */
  readonly maxInFlight: number;
  /** Deadline of one question, waiting included. */
  readonly timeoutMs: number;
  readonly log: Log;
}

interface Slot {
  readonly connection: LdapConnection;
  inFlight: number;
}

interface Waiter {
  readonly give: (slot: Slot) => void;
  readonly refuse: (fault: LdapFault) => void;
}

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 2_000;
/** A question waits for the end of a back-off that is nearly over, and is answered at once during a longer one. */
const WORTH_WAITING_MS = 400;
const MAX_WAITERS = 10_000;
/** Share of the deadline for the first try, so that a second one on a new connection has time. */
const FIRST_TRY_SHARE = 0.6;

/**
 * Connections to the directory, made when questions need them, thrown away on any failure. After a failed attempt comes
 * a pause that grows; a question that comes in it is refused with the last cause rather than kept waiting.
 */
export class LdapPool {
  readonly #options: LdapPoolOptions;
  readonly #slots = new Set<Slot>();
  readonly #waiters = new Set<Waiter>();
  #connecting = false;
  #closed = false;
  #backoffMs = FIRST_BACKOFF_MS;
  #notBefore = 0;
  #lastFault = new LdapFault('lost', 'no connection yet');

  constructor(options: LdapPoolOptions) {
    this.#options = options;
  }

  /** Open connections: for tests and metrics. */
  get size(): number {
    return this.#slots.size;
  }

  /**
   * Runs one operation within the deadline. When its connection is lost, it runs once more on another: every operation
   * given here must be harmless when repeated. Throws {@link LdapFault}.
   */
  async use<T>(work: (connection: LdapConnection, timeoutMs: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#options.timeoutMs;
    for (let tries = 0; ; tries += 1) {
      const slot = await this.#acquire(deadline);
      const leftMs = Math.max(1, deadline - performance.now());
      try {
        return await work(slot.connection, tries === 0 ? leftMs * FIRST_TRY_SHARE : leftMs);
      } catch (error) {
        if (!(error instanceof LdapFault) || error.kind === 'answered' || tries > 0) throw error;
        // What a firewall or a crash did to one connection it did to the idle ones too.
        if (error.kind === 'late') this.#dropIdle();
        if (performance.now() >= deadline) throw error;
      } finally {
        this.#release(slot);
      }
    }
  }

  close(): void {
    this.#closed = true;
    const fault = new LdapFault('lost', 'the directory was closed');
    for (const waiter of [...this.#waiters]) waiter.refuse(fault);
    for (const slot of [...this.#slots]) slot.connection.close();
  }

  #acquire(deadline: number): Promise<Slot> {
    if (this.#closed) return Promise.reject(new LdapFault('lost', 'the directory was closed'));
    const slot = this.#leastBusy();
    if ((slot === undefined || slot.inFlight > 0) && this.#slots.size < this.#options.maxConnections) this.#grow();
    if (slot !== undefined) {
      slot.inFlight += 1;
      return Promise.resolve(slot);
    }
    const pauseMs = this.#notBefore - performance.now();
    if (this.#slots.size === 0 && !this.#connecting && pauseMs > WORTH_WAITING_MS) {
      return Promise.reject(this.#lastFault);
    }
    if (this.#waiters.size >= MAX_WAITERS)
      return Promise.reject(new LdapFault('late', 'too many questions are waiting'));
    if (this.#slots.size === 0 && !this.#connecting) setTimeout(() => this.#grow(), Math.max(0, pauseMs) + 1).unref();
    return new Promise<Slot>((resolve, reject) => {
      const waiter: Waiter = {
        give: (given) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          given.inFlight += 1;
          resolve(given);
        },
        refuse: (fault) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          reject(fault);
        },
      };
      const late = () => waiter.refuse(new LdapFault('late', `no connection in time; ${this.#lastFault.message}`));
      const timer = setTimeout(late, Math.max(1, deadline - performance.now()));
      this.#waiters.add(waiter);
    });
  }

  #leastBusy(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot.inFlight < this.#options.maxInFlight && (best === undefined || slot.inFlight < best.inFlight))
        best = slot;
    }
    return best;
  }

  #release(slot: Slot): void {
    slot.inFlight -= 1;
    this.#serveWaiters();
  }

  #serveWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      const slot = this.#leastBusy();
      if (slot === undefined) return;
      waiter.give(slot);
    }
  }

  #dropIdle(): void {
    for (const slot of [...this.#slots]) if (slot.inFlight === 0) slot.connection.close();
  }

  /** Makes one connection, unless one is being made or the pause after a failure lasts. Never throws. */
  #grow(): void {
    if (this.#connecting || this.#closed || performance.now() < this.#notBefore) return;
    this.#connecting = true;
    this.#connect()
      .then(
        (connection) => this.#opened(connection),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#connecting = false;
        if (this.#waiters.size > 0 && this.#slots.size < this.#options.maxConnections) this.#grow();
      });
  }

  #opened(connection: LdapConnection): void {
    if (this.#closed || !connection.isOpen) {
      connection.close();
      return;
    }
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#notBefore = 0;
    const slot: Slot = { connection, inFlight: 0 };
    this.#slots.add(slot);
    connection.onClose = () => {
      this.#slots.delete(slot);
      // Those that waited for a free connection must not wait for one that is gone.
      if (this.#waiters.size > 0) this.#grow();
    };
    this.#serveWaiters();
  }

  #failed(error: unknown): void {
    const fault = error instanceof LdapFault ? error : new LdapFault('lost', String(error));
    this.#lastFault = fault;
    this.#options.log.warn({ event: 'directory-connection-failed', cause: fault.message, pauseMs: this.#backoffMs });
    this.#notBefore = performance.now() + this.#backoffMs;
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
    if (this.#slots.size > 0) return;
    for (const waiter of [...this.#waiters]) waiter.refuse(fault);
  }

  async #connect(): Promise<LdapConnection> {
    const { endpoints, timeoutMs, bindAs } = this.#options;
    const shareMs = timeoutMs / endpoints.length;
    const causes: string[] = [];
    for (const endpoint of endpoints) {
      let connection: LdapConnection | undefined;
      try {
        connection = await LdapConnection.open(endpoint, shareMs);
        const code = bindAs === undefined ? 0 : await connection.bind(bindAs.dn, bindAs.password, shareMs);
        if (code === 0) return connection;
        causes.push(`${endpoint.url}: bind as ${bindAs?.dn} refused with result code ${code}`);
      } catch (error) {
        causes.push(error instanceof Error ? error.message : String(error));
      }
      connection?.close();
    }
    throw new LdapFault('lost', causes.join('; '));
  }
}
