import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { type HeldToken, judgeTokens } from '../sign-in/tokens.ts';

/** Tokens judged in one question to the database. */
const BATCH = 200;

/** A session that a token has opened. */
export interface TokenSession {
  readonly held: HeldToken;
  /** The token is good no longer. */
  end(why: string): void;
}

/**
 * Judges the tokens of open sessions again and again: one that was revoked or has expired, or whose account was made
 * inactive or got another password, ends its sessions within one round. What the directory does not know now, it is asked next time.
 */
export class TokenSessions {
  readonly #sessions = new Set<TokenSession>();
  readonly #timer: NodeJS.Timeout;
  #round: Promise<void> = Promise.resolve();

  constructor(mailstore: Mailstore, directory: Directory, log: Log, intervalMs: number) {
    this.#timer = setInterval(() => {
      this.#round = this.#round
        .then(() => this.#judge(mailstore, directory))
        .catch((error: unknown) => log.warn({ event: 'tokens-not-judged', err: error }));
    }, intervalMs);
    this.#timer.unref();
  }

  /** Returns the way to take the session out again. */
  add(session: TokenSession): () => void {
    this.#sessions.add(session);
    return () => this.#sessions.delete(session);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async #judge(mailstore: Mailstore, directory: Directory): Promise<void> {
    const sessions = [...this.#sessions];
    for (let i = 0; i < sessions.length; i += BATCH) {
      const batch = sessions.slice(i, i + BATCH);
      const answers = await judgeTokens(
        mailstore,
        directory,
        batch.map(({ held }) => held),
      );
      for (const [n, answer] of answers.entries()) if (answer.kind === 'refused') batch[n]?.end(answer.why);
    }
  }
}
