import type { Outcome } from '../delivery/outcome.ts';
import {
  type ClientOptions,
  ConnectFailure,
  connectSmtp,
  type MessageData,
  type ProbeOptions,
  type SendOptions,
  type SmtpConnection,
} from './client.ts';
import type { Envelope } from './envelope.ts';
import { reply } from './reply.ts';

export interface ClientPoolOptions {
  readonly client: ClientOptions;
  /** Most connections at a time. */
  readonly maxConnections: number;
  /** An unused connection is closed after this time. Default 30 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** Longest wait for a free connection; after it the outcome is deferred. Default 10 s. */
  readonly maxWaitMs?: number | undefined;
  /** Most callers that wait; one more is deferred at once. Default 1,000. */
  readonly maxWaiting?: number | undefined;
}

/** Kept connections to one server. Every outcome is a value: a server that is away defers (451 4.4.1). */
export interface ClientPool {
  probe(reversePath: string, recipients: readonly string[], options?: ProbeOptions): Promise<readonly Outcome[]>;
  send(envelope: Envelope, data: MessageData, options?: SendOptions): Promise<readonly Outcome[]>;
  /** Connections open now, busy or not. */
  readonly connections: number;
  /** Waits for what is in hand, then says QUIT on every connection. */
  close(): Promise<void>;
}

/** Opens no connection yet; the first use does. */
export function createClientPool(options: ClientPoolOptions): ClientPool {
  return new Pool(options);
}

const AWAY = reply(451, '4.4.1', 'The next hop does not answer, try again later');
const BUSY = reply(451, '4.3.2', 'The next hop is busy, try again later');

/** No connection was to be had in time. */
class NoneFree extends Error {
  override readonly name = 'NoneFree';
}

interface Idle {
  readonly connection: SmtpConnection;
  readonly timer: NodeJS.Timeout;
}

interface Waiter {
  /** A free connection, or undefined: there is room to open one. */
  readonly grant: (connection: SmtpConnection | undefined) => void;
  readonly fail: (error: NoneFree) => void;
  readonly timer: NodeJS.Timeout;
}

class Pool implements ClientPool {
  readonly #options: ClientPoolOptions;
  readonly #idle: Idle[] = [];
  readonly #waiters: Waiter[] = [];
  /** Connections open, being opened, or promised to a caller. */
  #taken = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: ClientPoolOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#taken;
  }

  probe(reversePath: string, recipients: readonly string[], options?: ProbeOptions): Promise<readonly Outcome[]> {
    return this.#use(recipients.length, (connection) => connection.probe(reversePath, recipients, options));
  }

  send(envelope: Envelope, data: MessageData, options?: SendOptions): Promise<readonly Outcome[]> {
    return this.#use(envelope.recipients.length, (connection) => connection.send(envelope, data, options));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.fail(new NoneFree('the pool is closed'));
    }
    const idle = this.#idle.splice(0);
    await Promise.all(
      idle.map(async ({ connection, timer }) => {
        clearTimeout(timer);
        await connection.quit();
        this.#taken--;
      }),
    );
    if (this.#taken > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  async #use(
    recipients: number,
    run: (connection: SmtpConnection) => Promise<readonly Outcome[]>,
  ): Promise<readonly Outcome[]> {
    try {
      const kept = await this.#take();
      if (kept !== undefined) {
        const outcomes = await this.#run(kept, run, 'keep-slot-if-dead');
        if (outcomes !== undefined) return outcomes;
      }
      const outcomes = await this.#run(await this.#open(), run, 'final');
      if (outcomes !== undefined) return outcomes;
      throw new Error('a fresh connection gave no outcomes');
    } catch (error) {
      if (!(error instanceof ConnectFailure || error instanceof NoneFree)) throw error;
      const deferral = error instanceof NoneFree ? BUSY : AWAY;
      return Array.from({ length: recipients }, () => ({ kind: 'deferred', reply: deferral, cause: error.message }));
    }
  }

  /**
   * Runs one transaction. A kept connection may have died unseen: if nothing can
   * have been delivered, or the server would know the delivery again, `undefined` asks for one more try on a fresh connection in the same slot.
   */
  async #run(
    connection: SmtpConnection,
    run: (connection: SmtpConnection) => Promise<readonly Outcome[]>,
    mode: 'keep-slot-if-dead' | 'final',
  ): Promise<readonly Outcome[] | undefined> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await run(connection);
    } catch (error) {
      connection.destroy();
      this.#freeSlot();
      throw error;
    }
    if (connection.usable) {
      this.#giveBack(connection);
      return outcomes;
    }
    connection.destroy();
    if (mode === 'keep-slot-if-dead' && connection.mayRepeat && outcomes.some(wasCutOff)) return undefined;
    this.#freeSlot();
    return outcomes;
  }

  /** A kept connection, or undefined with a slot reserved for a new one. */
  async #take(): Promise<SmtpConnection | undefined> {
    if (this.#closed) throw new NoneFree('the pool is closed');
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (idle.connection.usable) return idle.connection;
      idle.connection.destroy();
      this.#taken--;
    }
    if (this.#taken < this.#options.maxConnections) {
      this.#taken++;
      return undefined;
    }
    const { maxWaiting = 1_000, maxWaitMs = 10_000 } = this.#options;
    if (this.#waiters.length >= maxWaiting) throw new NoneFree('too many wait for a connection');
    return new Promise((grant, fail) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        fail(new NoneFree(`no connection came free within ${maxWaitMs} ms`));
      }, maxWaitMs);
      const waiter: Waiter = { grant, fail, timer };
      this.#waiters.push(waiter);
    });
  }

  async #open(): Promise<SmtpConnection> {
    try {
      return await connectSmtp(this.#options.client);
    } catch (error) {
      this.#freeSlot();
      throw error;
    }
  }

  #giveBack(connection: SmtpConnection) {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      clearTimeout(waiter.timer);
      return waiter.grant(connection);
    }
    if (this.#closed) {
      void connection.quit().finally(() => this.#freeSlot());
      return;
    }
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.connection === connection);
      if (at < 0) return;
      this.#idle.splice(at, 1);
      void connection.quit().finally(() => this.#freeSlot());
    }, this.#options.idleTimeoutMs ?? 30_000);
    timer.unref();
    this.#idle.push({ connection, timer });
  }

  #freeSlot() {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      clearTimeout(waiter.timer);
      return waiter.grant(undefined);
    }
    this.#taken--;
    if (this.#closed && this.#taken === 0) this.#drained?.();
  }
}

/** No verdict of the server, but a connection that went away (or a 421, with which it announces that). */
function wasCutOff(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && (outcome.reply.code === 421 || outcome.cause !== undefined);
}
