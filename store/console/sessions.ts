import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Account } from '@postern/shared/directory/directory.ts';
import { PersonDirectory } from '@postern/shared/directory/person-directory.ts';
import type { DirectorySettings } from '@postern/shared/directory/settings.ts';
import type { StoredAccount } from '../mailstore/mailstore.ts';

/** RFC 6265bis §4.1.3.2: `__Host-` keeps the cookie to this host, to TLS and to the path `/`. */
export const SESSION_COOKIE = '__Host-postern-console';
const MAX_SESSIONS = 5_000;
const SWEEP_MS = 30_000;

export interface ConsoleSession {
  readonly account: StoredAccount;
  readonly entry: Account;
  readonly person: PersonDirectory;
  readonly startedAtMs: number;
}

interface Kept extends ConsoleSession {
  readonly keyHash: Buffer;
  readonly unlock: (key: Buffer) => void;
  lastUsedAtMs: number;
}

/**
 * Sessions of the console, in memory. The password, which new connections to the directory are bound with, is kept as ciphertext
 * whose key lives in the browser's cookie alone: whoever reads this memory between two requests finds no password. Every sign-in
 * makes a session of a new name, so none can be planted beforehand.
 */
export class ConsoleSessions {
  readonly #sessions = new Map<string, Kept>();
  readonly #directory: DirectorySettings;
  readonly #idleMs: number;
  readonly #longestMs: number;
  readonly #sweep: NodeJS.Timeout;

  constructor(directory: DirectorySettings, idleMs: number, longestMs: number) {
    this.#directory = directory;
    this.#idleMs = idleMs;
    this.#longestMs = longestMs;
    this.#sweep = setInterval(() => this.#dropOld(), SWEEP_MS).unref();
  }

  /** @returns the value of the cookie */
  begin(account: StoredAccount, entry: Account, password: string): string {
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size < MAX_SESSIONS) break;
      this.#end(oldest);
    }
    const id = randomBytes(16).toString('base64url');
    const key = randomBytes(32);
    const sealed = seal(key, password);
    // Set for the time of one request; connections are made within it.
    let unlocked: Buffer | undefined;
    const person = new PersonDirectory(this.#directory, entry.dn, () => {
      if (unlocked === undefined) throw new Error('the session is locked');
      return unseal(unlocked, sealed);
    });
    const now = Date.now();
    this.#sessions.set(id, {
      account,
      entry,
      person,
      startedAtMs: now,
      lastUsedAtMs: now,
      keyHash: hashOf(key),
      unlock: (given) => {
        unlocked = given;
      },
    });
    return `${id}.${key.toString('base64url')}`;
  }

  /** The session of a cookie, fit for this request; undefined when it is none, or has ended. */
  use(cookie: string | undefined): ConsoleSession | undefined {
    const [id = '', keyText = ''] = cookie?.split('.') ?? [];
    const kept = this.#sessions.get(id);
    if (kept === undefined) return undefined;
    const key = Buffer.from(keyText, 'base64url');
    if (!timingSafeEqual(hashOf(key), kept.keyHash)) return undefined;
    const now = Date.now();
    if (this.#isOld(kept, now)) {
      this.#end(id);
      return undefined;
    }
    kept.lastUsedAtMs = now;
    kept.unlock(key);
    return kept;
  }

  end(cookie: string | undefined): void {
    if (this.use(cookie) !== undefined) this.#end(cookie?.split('.')[0] ?? '');
  }

  /** Ends all of one account: its password was changed, or it was suspended. */
  endOf(accountId: number): void {
    for (const [id, session] of this.#sessions) if (session.account.id === accountId) this.#end(id);
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const id of [...this.#sessions.keys()]) this.#end(id);
  }

  #end(id: string): void {
    this.#sessions.get(id)?.person.close();
    this.#sessions.delete(id);
  }

  #isOld({ startedAtMs, lastUsedAtMs }: Kept, now: number): boolean {
    return now - lastUsedAtMs > this.#idleMs || now - startedAtMs > this.#longestMs;
  }

  #dropOld(): void {
    const now = Date.now();
    for (const [id, session] of this.#sessions) if (this.#isOld(session, now)) this.#end(id);
  }
}

const hashOf = (key: Buffer): Buffer => createHash('sha256').update(key).digest();

function seal(key: Buffer, text: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('utf8');
}
