import { type ClientOptions, connectSmtp, type SmtpConnection } from '@postern/shared/smtp/client.ts';

interface Idle {
  readonly connection: SmtpConnection;
  readonly timer: NodeJS.Timeout;
}

/** Connections to servers outside that wait a moment for the next message of the same destination and protection. */
export class Connections {
  readonly #idle = new Map<string, Idle[]>();
  readonly #connecting = new Set<AbortController>();
  readonly #open = new Set<SmtpConnection>();
  readonly #idleMs: number;
  #ending = false;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** A connection that was kept under this key, and is still good. */
  take(key: string): SmtpConnection | undefined {
    const kept = this.#idle.get(key) ?? [];
    for (let one = kept.pop(); one !== undefined; one = kept.pop()) {
      clearTimeout(one.timer);
      if (one.connection.usable) return one.connection;
      this.#open.delete(one.connection);
      one.connection.destroy();
    }
    this.#idle.delete(key);
    return undefined;
  }

  async open(options: ClientOptions): Promise<SmtpConnection> {
    const controller = new AbortController();
    if (this.#ending) controller.abort();
    this.#connecting.add(controller);
    try {
      const connection = await connectSmtp({ ...options, signal: controller.signal });
      this.#open.add(connection);
      return connection;
    } finally {
      this.#connecting.delete(controller);
    }
  }

  /** Gives up what is being opened, and after a grace what is in hand: the relay stops. */
  endSoon(graceMs: number): void {
    this.#ending = true;
    for (const controller of this.#connecting) controller.abort();
    setTimeout(() => {
      for (const connection of this.#open) connection.destroy();
    }, graceMs).unref();
  }

  /** Keeps it for a moment, or ends it in good order. */
  giveBack(key: string, connection: SmtpConnection): void {
    if (!connection.usable || this.#idleMs === 0 || this.#ending) {
      this.#open.delete(connection);
      void connection.quit();
      return;
    }
    const kept = this.#idle.get(key) ?? [];
    this.#idle.set(key, kept);
    const entry: Idle = { connection, timer: setTimeout(() => this.#end(key, entry), this.#idleMs) };
    entry.timer.unref();
    kept.push(entry);
  }

  async close(): Promise<void> {
    const all = [...this.#idle.values()].flat();
    this.#idle.clear();
    for (const { timer } of all) clearTimeout(timer);
    await Promise.all(all.map(({ connection }) => connection.quit()));
  }

  #end(key: string, entry: Idle): void {
    const kept = this.#idle.get(key) ?? [];
    kept.splice(kept.indexOf(entry), 1);
    if (kept.length === 0) this.#idle.delete(key);
    this.#open.delete(entry.connection);
    void entry.connection.quit();
  }
}
