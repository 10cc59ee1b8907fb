import { readJsonObject, type SettingEntry } from './entry.ts';

/** Keys of a browser, as in RFC 8291 §2: base64url of an uncompressed point on P-256, and of a secret of 16 octets. */
export interface PushKeys {
  readonly p256dh: string;
  readonly auth: string;
}

/** Where a session of webmail wants to be told of changes (RFC 8620 §7.2). */
export interface PushSubscription {
  readonly deviceClientId: string;
  readonly url: string;
  /** Null: what is sent is not encrypted for the device. */
  readonly keys: PushKeys | null;
  /** Types of which changes are told; null for all. */
  readonly types: readonly string[] | null;
  readonly expiresAtMs: number;
  /** What was sent to the URL, and must come back before anything else is sent there. */
  readonly code: string;
  readonly verified: boolean;
}

/** Undefined when the value is none. */
export function readPushSubscription(value: Buffer): PushSubscription | undefined {
  const object = readJsonObject(value) ?? {};
  const { deviceClientId, url, keys, types, expiresAtMs, code, verified } = object;
  if (typeof deviceClientId !== 'string' || typeof code !== 'string' || code.length < 20) return undefined;
  if (typeof url !== 'string' || !/^https:\/\/[!-~]+$/.test(url)) return undefined;
  if (typeof expiresAtMs !== 'number' || typeof verified !== 'boolean') return undefined;
  const areTypes = types === null || (Array.isArray(types) && types.every((type) => typeof type === 'string'));
  if (!areTypes || (keys !== null && !arePushKeys(keys))) return undefined;
  return { deviceClientId, url, keys, types: types as string[] | null, expiresAtMs, code, verified };
}

export function arePushKeys(keys: unknown): keys is PushKeys {
  if (typeof keys !== 'object' || keys === null) return false;
  const { p256dh, auth } = keys as Record<string, unknown>;
  const isBase64Url = (value: unknown, octets: number): boolean =>
    typeof value === 'string' &&
    /^[A-Za-z0-9_-]+={0,2}$/.test(value) &&
    Buffer.from(value, 'base64url').length === octets;
  return isBase64Url(p256dh, 65) && isBase64Url(auth, 16);
}

/**
 * Push subscriptions of the account, under `<name of the session's token>.<id>`. The watch-only token may read them: with it the webmail
 * host tells of new mail when no browser is open.
 */
export const push: SettingEntry = {
  name: '/private/vendor/postern/push/*',
  of: 'server',
  writable: true,
  scope: 'watch',
  maxBytes: 4_096,
  maxEntries: 100,
  check: (value) => (readPushSubscription(value) === undefined ? 'not a push subscription' : undefined),
};
