/** Counts the sessions of each account, so that one account cannot take the place of all others. */
export class AccountSessions {
  readonly #max: number;
  readonly #counts = new Map<number, number>();

  /** @param max most sessions of one account */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one more; false when the account has too many. */
  admit(accountId: number): boolean {
    const count = this.#counts.get(accountId) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(accountId, count + 1);
    return true;
  }

  dismiss(accountId: number): void {
    const count = (this.#counts.get(accountId) ?? 1) - 1;
    if (count > 0) this.#counts.set(accountId, count);
    else this.#counts.delete(accountId);
  }
}
