import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * The Sender Rewriting Scheme: mail that an alias forwards to the outside leaves with a reverse-path of ours, so that SPF
 * (RFC 7208) at the next host asks about us, and a bounce finds its way back. Pure. Forms:
 *
 *     SRS0=HASH=DAY=domain=local@ours            from local@domain
 *     SRS1=HASH=first.example==HASH=DAY=…@ours   from SRS0=HASH=DAY=…@first.example, whose own hash stays as it is
 *
 * HASH is the beginning of an HMAC-SHA-256 in base 32 (case may be lost on the way); DAY counts days modulo 1,024.
 */
export interface SrsKeys {
  /** Domain of the rewritten addresses; its mail comes to this relay. */
  readonly domain: string;
  /** The first signs, all are good for checking: so a secret can be changed. */
  readonly secrets: readonly string[];
}

export type SrsDecoded =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly why: 'no-srs' | 'malformed' | 'forged' | 'expired' };

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const HASH_LENGTH = 8;
const DAY_MS = 86_400_000;
const DAYS = 1_024;
/** Bounces of mail that waited for its five days elsewhere, with much to spare. */
const MAX_AGE_DAYS = 21;

/** The reverse-path under which mail is forwarded. The null reverse-path and our own addresses stay as they are. */
export function srsEncode(reversePath: string, keys: SrsKeys, nowMs: number): string {
  const at = reversePath.lastIndexOf('@');
  if (at <= 0) return reversePath;
  const local = reversePath.slice(0, at);
  const domain = reversePath.slice(at + 1);
  if (domain.toLowerCase() === keys.domain.toLowerCase()) return reversePath;
  // A quoted local part cannot stand inside another one; such senders are rare and keep their address.
  if (local.startsWith('"')) return reversePath;
  const first = /^SRS0[=+-](.+)$/is.exec(local)?.[1];
  const later = /^SRS1[=+-][^=]+=([^=]+)==(.+)$/is.exec(local);
  if (first !== undefined) return signed('SRS1', [domain, `=${first}`].join('='), keys);
  // A third host and all after it bounce straight to the first one.
  if (later !== null) return signed('SRS1', `${later[1]}==${later[2]}`, keys);
  return signed('SRS0', `${encodeDay(nowMs)}=${domain}=${local}`, keys);
}

/** Where a bounce to one of our rewritten addresses goes; `no-srs` for all other addresses. */
export function srsDecode(address: string, keys: SrsKeys, nowMs: number): SrsDecoded {
  const at = address.lastIndexOf('@');
  if (address.slice(at + 1).toLowerCase() !== keys.domain.toLowerCase()) return { ok: false, why: 'no-srs' };
  const match = /^(SRS[01])[=+-]([^=]*)=(.*)$/is.exec(address.slice(0, at));
  if (match === null) return { ok: false, why: 'no-srs' };
  const [, tag = '', hash = '', rest = ''] = match;
  const kind = tag.toUpperCase();
  if (!keys.secrets.some((secret) => sameHash(hash, hashOf(kind, rest, secret)))) return { ok: false, why: 'forged' };
  if (kind === 'SRS1') {
    const parts = /^([^=]+)==(.+)$/s.exec(rest);
    return parts === null ? { ok: false, why: 'malformed' } : { ok: true, address: `SRS0=${parts[2]}@${parts[1]}` };
  }
  const parts = /^([A-Z2-7]{2})=([^=]+)=(.+)$/is.exec(rest);
  if (parts === null) return { ok: false, why: 'malformed' };
  const day = decodeDay(parts[1] ?? '');
  const age = (Math.floor(nowMs / DAY_MS) - day + 2 * DAYS) % DAYS;
  // A clock may be a day behind the one that signed.
  if (age > MAX_AGE_DAYS && age !== DAYS - 1) return { ok: false, why: 'expired' };
  return { ok: true, address: `${parts[3]}@${parts[2]}` };
}

function signed(kind: 'SRS0' | 'SRS1', rest: string, { secrets, domain }: SrsKeys): string {
  return `${kind}=${hashOf(kind, rest, secrets[0] ?? '')}=${rest}@${domain}`;
}

/** Over the lower-cased text: hosts on the way may change the case of a local part. */
function hashOf(kind: string, rest: string, secret: string): string {
  const digest = createHmac('sha256', secret).update(`${kind}=${rest}`.toLowerCase()).digest();
  return Array.from(digest.subarray(0, HASH_LENGTH), (octet) => ALPHABET[octet & 31]).join('');
}

function sameHash(given: string, wanted: string): boolean {
  const left = Buffer.from(given.toUpperCase());
  const right = Buffer.from(wanted);
  return left.length === right.length && timingSafeEqual(left, right);
}

function encodeDay(nowMs: number): string {
  const day = Math.floor(nowMs / DAY_MS) % DAYS;
  return `${ALPHABET[day >> 5]}${ALPHABET[day & 31]}`;
}

function decodeDay(text: string): number {
  return ALPHABET.indexOf(text[0]?.toUpperCase() ?? '') * 32 + ALPHABET.indexOf(text[1]?.toUpperCase() ?? '');
}
