import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SHA1_BYTES = 20;

/** Whether `password` is the one that a stored value (RFC 3112 style: `{SSHA}`, `{SHA}`, or in clear) was made of. */
export function passwordMatches(stored: string, password: string): boolean {
  const scheme = /^\{([A-Za-z0-9-]+)\}(.*)$/s.exec(stored);
  if (scheme === null) return sameBytes(digest(stored), digest(password));
  const name = scheme[1]?.toUpperCase();
  if (name !== 'SSHA' && name !== 'SHA') return false;
  const bytes = Buffer.from(scheme[2] ?? '', 'base64');
  const salt = bytes.subarray(SHA1_BYTES);
  return sameBytes(bytes.subarray(0, SHA1_BYTES), createHash('sha1').update(password).update(salt).digest());
}

/** A salted hash that slapd verifies too; values that already carry a scheme stay as they are. */
export function hashPassword(password: string): string {
  if (/^\{[A-Za-z0-9-]+\}/.test(password)) return password;
  const salt = randomBytes(8);
  const hash = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([hash, salt]).toString('base64')}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
