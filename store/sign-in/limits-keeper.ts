import { AccountSessions } from './account-sessions.ts';
import type { LimitNote, LimitQuestion } from './asked-limits.ts';
import { LoginThrottle } from './login-throttle.ts';

/** Keeps the limits of all workers of a host, in the process that starts them. */
export class LimitsKeeper {
  readonly #throttle = new LoginThrottle();
  readonly #services = new Map<string, AccountSessions>();
  /** Sessions that each worker has, by service: they end with it. */
  readonly #held = new Map<number, Map<string, Map<number, number>>>();

  answer(worker: number, question: LimitQuestion): number | boolean {
    if (question.what === 'delay') return this.#throttle.delayMs(question.keys);
    const { service, accountId, max } = question;
    const counts = this.#services.get(service) ?? new AccountSessions(max);
    this.#services.set(service, counts);
    if (!counts.admit(accountId)) return false;
    const held = this.#heldBy(worker, service);
    held.set(accountId, (held.get(accountId) ?? 0) + 1);
    return true;
  }

  takeNote(worker: number, note: LimitNote): void {
    if (note.what === 'failed') this.#throttle.failed(note.keys);
    else if (note.what === 'succeeded') this.#throttle.succeeded(note.key);
    else {
      const held = this.#heldBy(worker, note.service);
      const count = held.get(note.accountId) ?? 0;
      // One that was let in because this process was late is not counted here.
      if (count === 0) return;
      if (count === 1) held.delete(note.accountId);
      else held.set(note.accountId, count - 1);
      this.#services.get(note.service)?.dismiss(note.accountId);
    }
  }

  /** The worker has ended, and its sessions with it. */
  forget(worker: number): void {
    for (const [service, accounts] of this.#held.get(worker) ?? []) {
      for (const [accountId, count] of accounts) {
        for (let n = 0; n < count; n++) this.#services.get(service)?.dismiss(accountId);
      }
    }
    this.#held.delete(worker);
  }

  #heldBy(worker: number, service: string): Map<number, number> {
    const services = this.#held.get(worker) ?? new Map<string, Map<number, number>>();
    this.#held.set(worker, services);
    const accounts = services.get(service) ?? new Map<number, number>();
    services.set(service, accounts);
    return accounts;
  }
}
