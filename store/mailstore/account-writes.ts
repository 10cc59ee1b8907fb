import { randomInt } from 'node:crypto';

/** Who must hear of the writes of this process, account by account. */
export interface WriteWatcher {
  /** A transaction has locked the account's row: from now on it may change what was read. */
  writeBegins(accountId: number): void;
  /** @param known false when nobody knows whether its COMMIT has happened, or may still happen */
  writeEnds(accountId: number, known: boolean): void;
}

/** Ids fit a signed BIGINT and a number of JavaScript, with a sign to spare. */
const HOLDERS = 2 ** 47;

/** Which accounts this process is writing at the moment, and the id by which rows name the process. */
export class AccountWrites {
  /** Random: an id is never met again, whatever other processes there are or were. */
  readonly holder = randomInt(1, HOLDERS);
  readonly #underWay = new Map<number, number>();
  watcher: WriteWatcher | undefined;

  isUnderWay(accountId: number): boolean {
    return this.#underWay.has(accountId);
  }

  begin(accountId: number): void {
    this.#underWay.set(accountId, (this.#underWay.get(accountId) ?? 0) + 1);
    this.watcher?.writeBegins(accountId);
  }

  end(accountId: number, known: boolean): void {
    const others = (this.#underWay.get(accountId) ?? 1) - 1;
    if (others > 0) this.#underWay.set(accountId, others);
    else this.#underWay.delete(accountId);
    this.watcher?.writeEnds(accountId, known);
  }
}
