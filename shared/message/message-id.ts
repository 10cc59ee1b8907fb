import { createHash } from 'node:crypto';
import { type FieldRange, headerValue } from './header.ts';

const MAX_REFERENCES = 1_000;

/** The message ids of a References, In-Reply-To or Message-ID field (RFC 5322 §3.6.4), without their brackets and blanks. */
export function parseMessageIds(value: string): string[] {
  const ids: string[] = [];
  let open = value.indexOf('<');
  while (open >= 0 && ids.length < MAX_REFERENCES) {
    const close = value.indexOf('>', open);
    if (close < 0) break;
    const id = value.slice(open + 1, close).replace(/\s+/g, '');
    if (id !== '') ids.push(id);
    open = value.indexOf('<', close);
  }
  return ids;
}

/** The message's own id, or undefined; one without brackets is taken as it is. */
export function messageIdOf(bytes: Buffer, fields: readonly FieldRange[]): string | undefined {
  const value = headerValue(bytes, fields, 'message-id');
  if (value === undefined || value === '') return undefined;
  return parseMessageIds(value)[0] ?? value;
}

/** Ancestors, the oldest first: References, or else the first id of In-Reply-To (RFC 5256, REFERENCES, step 1). */
export function referencesOf(bytes: Buffer, fields: readonly FieldRange[]): string[] {
  const references = parseMessageIds(headerValue(bytes, fields, 'references') ?? '');
  if (references.length > 0) return references;
  return parseMessageIds(headerValue(bytes, fields, 'in-reply-to') ?? '').slice(0, 1);
}

/** 64 bits that stand for a message id where threads are joined (SHA-256, its first eight octets, unsigned). */
export function messageIdHash(id: string): bigint {
  return createHash('sha256').update(id, 'latin1').digest().readBigUInt64BE(0);
}
