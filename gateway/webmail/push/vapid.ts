import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

/** RFC 8292 §2: a day at most. */
const LIFETIME_S = 43_200;

/** Says to push services who it is that sends (VAPID, RFC 8292), by a key of this host. */
export class Vapid {
  readonly #key: KeyObject;
  readonly #subject: string;
  /** The public key, as browsers want it when they subscribe: an uncompressed point in base64url. */
  readonly publicKey: string;

  /** @param subject `mailto:` or `https:` of who answers for this host */
  constructor(key: KeyObject, subject: string) {
    this.#key = key;
    this.#subject = subject;
    const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
    const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
    this.publicKey = Buffer.concat(point).toString('base64url');
  }

  /** The value of Authorization for a push service (RFC 8292 §3). */
  authorization(url: URL, nowMs = Date.now()): string {
    const claims = { aud: url.origin, exp: Math.floor(nowMs / 1_000) + LIFETIME_S, sub: this.#subject };
    const signed = `${encode({ typ: 'JWT', alg: 'ES256' })}.${encode(claims)}`;
    // RFC 7515 §3.4: a signature by ECDSA is two numbers one after the other.
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `vapid t=${signed}.${signature.toString('base64url')}, k=${this.publicKey}`;
  }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * The key in a PEM file, made when there is none. Browsers subscribe for this key alone: another one ends all subscriptions.
 *
 * @throws when the file holds no key on P-256
 */
export function readVapidKey(path: string): KeyObject {
  try {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = createPrivateKey(readFileSync(path));
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`${path}: not a key on P-256`);
  return key;
}
