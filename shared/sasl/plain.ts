/** What a client sends for SASL PLAIN. */
export interface PlainCredentials {
  /** Whom to act as; the empty string is the same as `user`. */
  readonly authorizationId: string;
  readonly user: string;
  readonly password: string;
}

/**
 * RFC 4616 §2: `[authzid] NUL authcid NUL passwd` in base64. Undefined when it is anything else: not base64, not UTF-8,
 * not two NULs, parts above 255 octets. An empty password is kept, for the directory to refuse.
 */
export function parsePlain(base64: string): PlainCredentials | undefined {
  const parts = readPlainParts(base64);
  const [authorizationId, user, password] = parts ?? [];
  if (parts?.length !== 3 || authorizationId === undefined || user === undefined || user === '') return undefined;
  return password === undefined ? undefined : { authorizationId, user, password };
}

/** What stands between the NULs, each part of 255 octets at most; undefined for what is not base64 of UTF-8. */
export function readPlainParts(base64: string): string[] | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
  const parts = text.split('\0');
  return parts.some((part) => Buffer.byteLength(part) > 255) ? undefined : parts;
}
