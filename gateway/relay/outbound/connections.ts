import { type ClientOptions, connectSmtp, type SmtpConnection } from '@postern/shared/smtp/client.ts';

interface Idle {
  readonly connection: SmtpConnection;
  readonly timer: NodeJS.Timeout;
}

/** Connections to servers outside that wait a moment for the next message of the same destination and protection. */
export class Connections {
  readonly #idle = new Map<string, Idle[]>();
  readonly #idleMs: number;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** A connection that was kept under this key, and is still good. */
  take(key: string): SmtpConnection | undefined {
    const kept = this.#idle.get(key) ?? [];
    for (let one = kept.pop(); one !== undefined; one = kept.pop()) {
      clearTimeout(one.timer);
      if (one.connection.usable) return one.connection;
      one.connection.destroy();
    }
    this.#idle.delete(key);
    return undefined;
  }

  open(options: ClientOptions): Promise<SmtpConnection> {
    return connectSmtp(options);
  }

  /** Keeps it for a moment, or ends it in good order. */
  giveBack(key: string, connection: SmtpConnection): void {
    if (!connection.usable || this.#idleMs === 0) {
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
    void entry.connection.quit();
  }
}
