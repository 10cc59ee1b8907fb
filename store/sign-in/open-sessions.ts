import {
  type OpenedBy,
  type StandingQuestions,
  standingBy,
  standingFacts,
} from '@postern/shared/directory/standing.ts';
import type { Log } from '@postern/shared/runtime/log.ts';

/** A session that lasts beyond its sign-in. */
export interface OpenSession {
  readonly openedBy: OpenedBy;
  /** The directory would not let it in any more. */
  end(why: string): void;
}

/** Questions to the directory that are under way at a time. */
const TOGETHER = 16;

/**
 * Asks the directory again and again about the accounts of open sessions: one that was suspended, deleted, or lost the service ends its
 * sessions within one round, as a token's are ended (imap/token-sessions.ts), and an app password that was taken away those that it opened. Each
 * account and each app password is asked about once, however many sessions it has.
 */
export class OpenSessions {
  readonly #sessions = new Set<OpenSession>();
  readonly #directory: StandingQuestions;
  readonly #timer: NodeJS.Timeout;
  #round: Promise<void> = Promise.resolve();

  /**
   * @param longestMs longest time that a session outlives what ended it
   * @param answersAreKeptMs how old answers of `directory` may be
   */
  constructor(directory: StandingQuestions, log: Log, longestMs: number, answersAreKeptMs: number) {
    this.#directory = directory;
    this.#timer = setInterval(
      () => {
        this.#round = this.#round
          .then(() => this.#judge())
          .catch((error: unknown) => log.warn({ event: 'sessions-not-judged', err: error }));
      },
      Math.max(longestMs / 2, longestMs - answersAreKeptMs),
    ).unref();
  }

  /** Returns the way to take the session out again. */
  add(session: OpenSession): () => void {
    this.#sessions.add(session);
    return () => this.#sessions.delete(session);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async #judge(): Promise<void> {
    const alike = Map.groupBy(
      this.#sessions,
      ({ openedBy: { entry, appPassword } }) => `${entry.address} ${entry.uuid} ${appPassword ?? ''}`,
    );
    const waiting = [...alike.values()];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [first] = next;
        if (first === undefined) continue;
        const facts = await standingFacts(this.#directory, first.openedBy);
        for (const session of next) {
          const standing = standingBy(session.openedBy, facts);
          if (standing.kind === 'ended') session.end(standing.why);
        }
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, work));
  }
}
