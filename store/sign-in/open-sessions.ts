import type { Account, AddressAnswer, Directory, Service } from '@postern/shared/directory/directory.ts';
import { ASKS_FOR_FACTOR } from '@postern/shared/directory/sign-in.ts';
import type { Log } from '@postern/shared/runtime/log.ts';

/** How a session that a password opened began. */
export interface OpenedBy {
  readonly service: Service;
  readonly entry: Account;
  /** Name of the app password that opened it; undefined: the main password. */
  readonly appPassword?: string | undefined;
}

/** A session that lasts beyond its sign-in. */
export interface OpenSession {
  readonly openedBy: OpenedBy;
  /** The directory would not let it in any more. */
  end(why: string): void;
}

/** Questions to the directory that are under way at a time. */
const TOGETHER = 16;

/**
 * Why a session may not go on; undefined: it may. A directory that does not answer ends nothing (invariant 4). An app password outlives
 * a change of the main one.
 */
export function endedBy({ service, entry, appPassword }: OpenedBy, answer: AddressAnswer): string | undefined {
  if (answer.kind === 'unknown') return undefined;
  if (answer.kind !== 'account' || answer.account.uuid !== entry.uuid) return 'the account is gone or inactive';
  const { services, passwordVersion, secondFactor } = answer.account;
  if (services?.some((allowed) => allowed.toLowerCase() === service) === false) return 'the service was taken away';
  if (appPassword !== undefined) return undefined;
  const wantsAppPassword = secondFactor === true && entry.secondFactor !== true && !ASKS_FOR_FACTOR.has(service);
  if (wantsAppPassword) return 'a second factor was turned on';
  const changed = passwordVersion !== undefined && passwordVersion !== entry.passwordVersion;
  return changed ? 'the password was changed' : undefined;
}

/**
 * Asks the directory again and again about the accounts of open sessions: one that was suspended, deleted, or lost the service ends its
 * sessions within one round, as a token's are ended (imap/token-sessions.ts). Each account is asked about once, however many sessions it has.
 */
export class OpenSessions {
  readonly #sessions = new Set<OpenSession>();
  readonly #directory: Pick<Directory, 'lookUp'>;
  readonly #timer: NodeJS.Timeout;
  #round: Promise<void> = Promise.resolve();

  /**
   * @param longestMs longest time that a session outlives what ended it
   * @param answersAreKeptMs how old answers of `directory` may be
   */
  constructor(directory: Pick<Directory, 'lookUp'>, log: Log, longestMs: number, answersAreKeptMs: number) {
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
    const byAddress = Map.groupBy(this.#sessions, ({ openedBy }) => openedBy.entry.address);
    const waiting = [...byAddress];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [address, sessions] = next;
        const answer = await this.#directory.lookUp(address);
        for (const session of sessions) {
          const why = endedBy(session.openedBy, answer);
          if (why !== undefined) session.end(why);
        }
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, work));
  }
}
