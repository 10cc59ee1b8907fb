import { plainAddress } from './address-part.ts';

/** A mailto URI as a notification uses it (RFC 5436 §2.3; RFC 6068). */
export interface Mailto {
  /** At least one. */
  readonly recipients: readonly string[];
  /** Header fields to put in, names in lower case; those that are not safe are left out. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly subject: string | undefined;
  readonly body: string | undefined;
}

const MAX_RECIPIENTS = 5;
const MAX_URI = 2_000;
/** RFC 5436 §2.7: generated, or decided elsewhere; a URI does not set them. */
const SAFE_FIELDS = new Set(['keywords', 'comments', 'organization', 'reply-to', 'x-priority']);

/** Undefined: it is no mailto URI with an address. */
export function readMailto(uri: string): Mailto | undefined {
  const match = /^mailto:([^?#]*)(?:\?([^#]*))?$/i.exec(uri);
  if (match === null || uri.length > MAX_URI) return undefined;
  const to = (match[1] as string).split(',').filter((address) => address !== '');
  const fields: [string, string][] = [];
  let subject: string | undefined;
  let body: string | undefined;
  for (const pair of (match[2] ?? '').split('&')) {
    if (pair === '') continue;
    const [name, value] = [pair.split('=')[0] as string, pair.slice(pair.indexOf('=') + 1)].map(decoded);
    if (name === undefined || value === undefined || !pair.includes('=')) return undefined;
    const lower = name.toLowerCase();
    if (lower === 'to' || lower === 'cc') to.push(...value.split(','));
    else if (lower === 'subject') subject = oneLine(value);
    else if (lower === 'body') body = value;
    else if (SAFE_FIELDS.has(lower)) fields.push([lower, oneLine(value)]);
  }
  const recipients = to.map((address) => plainAddress(decoded(address) ?? ''));
  const known = recipients.filter((address) => address !== undefined);
  if (known.length === 0 || known.length < recipients.length || known.length > MAX_RECIPIENTS) return undefined;
  return { recipients: [...new Set(known)], fields, subject, body };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return undefined;
  }
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ');
