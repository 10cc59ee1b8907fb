import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const STEP_MS = 30_000;
const DIGITS = 6;
/** RFC 6238 §5.2: one step of drift to either side. */
const DRIFT_STEPS = 1;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** RFC 4226 §4 R6: 128 bits at least, 160 are recommended. */
const MIN_SECRET_OCTETS = 16;
const MAX_SECRET_OCTETS = 64;

/** A new secret of 160 bits (RFC 4226 §4 R6). */
export function makeTotpSecret(): Buffer {
  return randomBytes(20);
}

/** The code of one time step (RFC 4226 §5.3, with SHA-1 as every authenticator has it). */
export function totpCode(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0x0f;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** The number of the time step at a time (RFC 6238 §4.2). */
export function totpStep(nowMs: number): number {
  return Math.floor(nowMs / STEP_MS);
}

/** The time step whose code this is, if it is later than the last one used (RFC 6238 §5.2: each code once); else undefined. */
export function acceptedTotpStep(secret: Buffer, code: string, nowMs: number, lastStep: number): number | undefined {
  const given = Buffer.from(code.replaceAll(' ', ''));
  let accepted: number | undefined;
  for (let drift = -DRIFT_STEPS; drift <= DRIFT_STEPS; drift += 1) {
    const step = totpStep(nowMs) + drift;
    const right = Buffer.from(totpCode(secret, step));
    if (given.length === right.length && timingSafeEqual(given, right) && step > lastStep) accepted ??= step;
  }
  return accepted;
}

/** RFC 4648 §6, without padding. */
export function encodeBase32(octets: Buffer): string {
  let bits = '';
  for (const octet of octets) bits += octet.toString(2).padStart(8, '0');
  let text = '';
  for (let at = 0; at < bits.length; at += 5) text += BASE32[Number.parseInt(bits.slice(at, at + 5).padEnd(5, '0'), 2)];
  return text;
}

/** A secret from base32, as people type it; undefined when it is none, or too short or too long. */
export function readTotpSecret(text: string): Buffer | undefined {
  const signs = text.replaceAll(/[ -]/g, '').replace(/=+$/, '').toUpperCase();
  if (!/^[A-Z2-7]+$/.test(signs) || signs.length > MAX_SECRET_OCTETS * 2) return undefined;
  let bits = '';
  for (const sign of signs) bits += BASE32.indexOf(sign).toString(2).padStart(5, '0');
  const octets: number[] = [];
  for (let at = 0; at + 8 <= bits.length; at += 8) octets.push(Number.parseInt(bits.slice(at, at + 8), 2));
  const fits = octets.length >= MIN_SECRET_OCTETS && octets.length <= MAX_SECRET_OCTETS;
  return fits ? Buffer.from(octets) : undefined;
}

/** What an authenticator reads from a QR code (the key URI format that all of them know). */
export function totpUri(secret: Buffer, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(issuer)}`;
}
