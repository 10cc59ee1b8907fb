import { createECDH, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import type { PushSubscription } from '@postern/shared/settings/push.ts';
import { encryptMessage } from './message-encryption.ts';
import type { Vapid } from './vapid.ts';

/** What became of a message. */
export type PushOutcome =
  | { readonly kind: 'accepted' }
  /** RFC 8030 §7.3: the subscription has ended there. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly afterMs: number; readonly cause: string }
  | { readonly kind: 'refused'; readonly cause: string };

export interface PushMessage {
  readonly content: object;
  /** RFC 8030 §5.4: a later message of the same topic takes the place of one that waits. */
  readonly topic: string;
}

const ANSWER_MS = 10_000;
const RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 3_600_000;
/** RFC 8030 §5.2: who was away for longer looks anyway. */
const TTL_S = 86_400;

/** Sends to the push services of browsers (RFC 8030): to the hosts that are configured, by HTTPS alone, and follows nobody elsewhere. */
export class PushServices {
  readonly #hosts: readonly string[];
  readonly #vapid: Vapid;
  readonly #agent: Agent;

  /** @param hosts `host` or `host:port`; `*.` before it stands for any one name */
  constructor(hosts: readonly string[], vapid: Vapid, ca: string | undefined) {
    this.#hosts = hosts;
    this.#vapid = vapid;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 20,
      minVersion: MIN_TLS_VERSION,
      ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    });
  }

  /** Whether it is one of the services that this host sends to. */
  allows(url: string): boolean {
    if (!URL.canParse(url)) return false;
    const { protocol, host, username, password } = new URL(url);
    if (protocol !== 'https:' || `${username}${password}` !== '') return false;
    return this.#hosts.some((allowed) => {
      if (!allowed.startsWith('*.')) return host === allowed;
      return host.endsWith(allowed.slice(1)) && !host.slice(0, -allowed.length + 1).includes('.');
    });
  }

  /** Sends one message; never throws. */
  async send({ url, keys }: PushSubscription, message: PushMessage): Promise<PushOutcome> {
    if (!this.allows(url)) return { kind: 'refused', cause: 'not a push service that is configured' };
    let body = Buffer.from(JSON.stringify(message.content));
    // RFC 8620 §7.2.
    let type: Record<string, string> = { 'content-type': 'application/json' };
    if (keys !== null) {
      const own = createECDH('prime256v1');
      own.generateKeys();
      const secrets = { privateKey: paddedKey(own.getPrivateKey()), salt: randomBytes(16) };
      const publicKey = Buffer.from(keys.p256dh, 'base64url');
      const authSecret = Buffer.from(keys.auth, 'base64url');
      try {
        body = Buffer.from(encryptMessage(body, { publicKey, authSecret }, secrets));
      } catch (error) {
        return { kind: 'refused', cause: `keys: ${(error as Error).message}` };
      }
      type = { 'content-type': 'application/octet-stream', 'content-encoding': 'aes128gcm' };
    }
    const headers = {
      ...type,
      'content-length': String(body.length),
      authorization: this.#vapid.authorization(new URL(url)),
      ttl: String(TTL_S),
      topic: message.topic,
      urgency: 'normal',
    };
    return this.#post(url, headers, body);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(url: string, headers: Record<string, string>, body: Buffer): Promise<PushOutcome> {
    return new Promise((resolve) => {
      const asked = request(url, { agent: this.#agent, method: 'POST', headers, timeout: ANSWER_MS }, (response) => {
        const { statusCode = 0, headers: answered } = response;
        response.on('error', () => undefined);
        // Nobody reads what a service has to say.
        response.resume();
        resolve(outcomeOf(statusCode, answered['retry-after']));
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.on('error', (error) => resolve({ kind: 'later', afterMs: RETRY_MS, cause: error.message }));
      asked.end(body);
    });
  }
}

function outcomeOf(status: number, retryAfter: string | undefined): PushOutcome {
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  if (status === 404 || status === 410) return { kind: 'gone' };
  const cause = `status ${status}`;
  if (status !== 429 && status < 500) return { kind: 'refused', cause };
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : RETRY_MS / 1_000;
  return { kind: 'later', afterMs: Math.min(Math.max(seconds * 1_000, 1_000), LONGEST_RETRY_MS), cause };
}

/** Leading zeros of a private key are left out by its maker. */
function paddedKey(key: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(32 - key.length), key]);
}
