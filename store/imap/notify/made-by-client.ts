import { createHash } from 'node:crypto';
import { ancestors } from '../codec/mailbox-pattern.ts';
import type { EntryChange } from '../metadata-writing.ts';

/**
 * What the commands of a session did since it was told of changes last. RFC 5465 §5: a client SHOULD NOT be notified of what it
 * caused. What others did to the same at the same time is told, unless it comes to the same.
 */
export class MadeByClient {
  readonly #names = new Map<string, 'there' | 'gone'>();
  readonly #subscriptions = new Map<string, boolean>();
  readonly #settings = new Map<string, string | undefined>();
  readonly #messages = new Map<number, Set<number>>();

  /** A mailbox was made, or got this name; those above it may have come with it. */
  created(name: string): void {
    for (const above of ancestors(name)) this.#names.set(above, 'there');
    this.#names.set(name, 'there');
  }

  removed(name: string): void {
    this.#names.set(name, 'gone');
  }

  subscribed(name: string, is: boolean): void {
    this.#subscriptions.set(name, is);
  }

  /** @param mailboxId 0 is the account */
  settings(mailboxId: number, changes: readonly EntryChange[]): void {
    for (const { name, value } of changes) this.#settings.set(`${mailboxId} ${name}`, value && markOf(value));
  }

  messages(mailboxId: number, uids: readonly number[]): void {
    const known = this.#messages.get(mailboxId) ?? new Set();
    for (const uid of uids) known.add(uid);
    this.#messages.set(mailboxId, known);
  }

  madeName(name: string, state: 'there' | 'gone'): boolean {
    return this.#names.get(name) === state;
  }

  madeSubscription(name: string, is: boolean): boolean {
    return this.#subscriptions.get(name) === is;
  }

  /** @param mark of the value that the entry has now; undefined when it has none */
  madeSetting(mailboxId: number, entry: string, mark: string | undefined): boolean {
    const key = `${mailboxId} ${entry}`;
    return this.#settings.has(key) && this.#settings.get(key) === mark;
  }

  madeMessage(mailboxId: number, uid: number): boolean {
    return this.#messages.get(mailboxId)?.has(uid) === true;
  }

  /** The client knows of names and settings up to now. */
  forgetNamesAndSettings(): void {
    this.#names.clear();
    this.#subscriptions.clear();
    this.#settings.clear();
  }

  forgetMessages(mailboxId: number): void {
    this.#messages.delete(mailboxId);
  }
}

/** What tells one value of an entry from another: its SHA-256 in hexadecimal. */
export function markOf(value: Buffer): string {
  return createHash('sha256').update(value).digest('hex');
}
