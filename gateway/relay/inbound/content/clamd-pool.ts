import { type ClamdAnswer, type ClamdPlace, ClamdSession } from './clamd-session.ts';
import { Turns } from './turns.ts';

/** Shorter than clamd's own IdleTimeout and CommandReadTimeout (30 s). */
const KEEP_MS = 15_000;

interface Kept {
  readonly session: ClamdSession;
  readonly timer: NodeJS.Timeout;
}

/** Connections to clamd, each kept for the next message; so many messages at a time. */
export class ClamdPool {
  readonly #place: ClamdPlace;
  readonly #turns: Turns;
  readonly #kept: Kept[] = [];
  #closed = false;

  constructor(place: ClamdPlace, connections: number) {
    this.#place = place;
    this.#turns = new Turns(connections);
  }

  /** Connections that wait for a message. */
  get idle(): number {
    return this.#kept.length;
  }

  /** clamd's word on one message within the time. Never rejects. */
  async scan(content: Buffer, timeoutMs: number): Promise<ClamdAnswer> {
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(1, deadline - performance.now());
    const answer = await this.#turns.take(left(), async () => {
      const kept = this.#takeKept();
      const first = await this.#scanWith(kept ?? new ClamdSession(this.#place), content, left());
      // clamd was restarted, or ended a connection that it found idle: it has not looked at this message.
      if (kept === undefined || first.kind !== 'lost') return first;
      this.#closeKept();
      return await this.#scanWith(new ClamdSession(this.#place), content, left());
    });
    return answer ?? { kind: 'unavailable', cause: 'busy' };
  }

  close(): void {
    this.#closed = true;
    this.#closeKept();
  }

  #closeKept(): void {
    for (const { session, timer } of this.#kept.splice(0)) {
      clearTimeout(timer);
      session.close();
    }
  }

  async #scanWith(session: ClamdSession, content: Buffer, timeoutMs: number): Promise<ClamdAnswer> {
    const answer = await session.scan(content, timeoutMs);
    if (!session.usable || this.#closed) {
      session.close();
      return answer;
    }
    const timer = setTimeout(() => {
      this.#kept.splice(this.#kept.indexOf(kept), 1);
      session.close();
    }, KEEP_MS);
    timer.unref();
    const kept: Kept = { session, timer };
    this.#kept.push(kept);
    return answer;
  }

  /** The one that was used last is the likeliest to live. */
  #takeKept(): ClamdSession | undefined {
    for (let kept = this.#kept.pop(); kept !== undefined; kept = this.#kept.pop()) {
      clearTimeout(kept.timer);
      if (kept.session.usable) return kept.session;
      kept.session.close();
    }
    return undefined;
  }
}
