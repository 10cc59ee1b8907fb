import type { Outcome } from '../delivery/outcome.ts';
import type { ClientOptions, MessageData, ProbeOptions, SendOptions } from './client.ts';
import type { Envelope } from './envelope.ts';

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
  throw new Error(`the pool for ${options.client.host} is not built yet`);
}
