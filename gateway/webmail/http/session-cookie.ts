import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { SessionTokens } from '../imap/sign-in.ts';

/** What a cookie holds. Nothing of a session is kept on this host, so that a restart, or another worker, loses none. */
export interface SealedSession extends SessionTokens {
  readonly startedAtMs: number;
  readonly lastSeenMs: number;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 1;

/** AES-256-GCM under this host's key. The host keeps the key and no ciphertext, the browser the ciphertext and no key. */
export class SessionCookies {
  readonly #keys: readonly Buffer[];

  /** @param keys the first seals; the others still open what was sealed before */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  seal(session: SealedSession, purpose: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#keys[0] as Buffer, nonce);
    cipher.setAAD(Buffer.from(purpose));
    const text = cipher.update(JSON.stringify(session), 'utf8');
    cipher.final();
    return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), text]).toString('base64url');
  }

  /** Undefined for what was not sealed here, or for another purpose. */
  open(cookie: string, purpose: string): SealedSession | undefined {
    if (!/^[A-Za-z0-9_-]{50,2000}$/.test(cookie)) return undefined;
    const bytes = Buffer.from(cookie, 'base64url');
    if (bytes[0] !== VERSION) return undefined;
    for (const key of this.#keys) {
      try {
        const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE_BYTES));
        cipher.setAAD(Buffer.from(purpose));
        cipher.setAuthTag(bytes.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES));
        const text = cipher.update(bytes.subarray(1 + NONCE_BYTES + TAG_BYTES));
        return JSON.parse(Buffer.concat([text, cipher.final()]).toString('utf8')) as SealedSession;
      } catch {
        // Another key, or a forgery: both are no session.
      }
    }
    return undefined;
  }
}

/**
 * Keys of a file, one a line in base64, the newest first; made when there is none. To renew it, put a line before the old one,
 * and remove that when the longest session has ended.
 *
 * @throws when a line is no key of 32 octets
 */
export function readSessionKeys(path: string): Buffer[] {
  try {
    writeFileSync(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const keys = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => Buffer.from(line.trim(), 'base64'));
  if (keys.length === 0 || keys.some((key) => key.length !== KEY_BYTES)) {
    throw new Error(`${path}: each line must be a key of ${KEY_BYTES} octets in base64`);
  }
  return keys;
}
