import type { IncomingMessage } from 'node:http';
import { SESSION_COOKIE } from './sessions.ts';

/** Why a request is refused before anybody looks at what it asks. */
export interface RequestRefusal {
  readonly status: 400 | 403 | 413 | 415;
  readonly why: string;
}

export function sessionCookie(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}

export function bearerToken(request: IncomingMessage): string | undefined {
  return /^Bearer ([A-Za-z0-9_-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1];
}

/**
 * A page of another site cannot make our reader's browser change anything: what changes has to come from our own origin (Fetch
 * Metadata; Origin, RFC 6454 §7), and as JSON, which a form cannot send. Requests without either header are no browser's.
 */
export function refusedAsForged(request: IncomingMessage, origin: string | undefined): RequestRefusal | undefined {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return { status: 403, why: 'from another site' };
  const own = origin ?? `https://${request.headers.host ?? ''}`;
  const given = request.headers.origin;
  if (given !== undefined && given !== own) return { status: 403, why: 'from another origin' };
  if (site === undefined && given === undefined && request.headers['x-requested-with'] !== 'postern') {
    return { status: 403, why: 'no Origin: send X-Requested-With: postern' };
  }
  return undefined;
}

/** The body as JSON; an empty one is `{}`. */
export async function readJson(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ readonly value: unknown } | RequestRefusal> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return { status: 413, why: `more than ${maxBytes} octets` };
    chunks.push(chunk);
  }
  if (size === 0) return { value: {} };
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    return { status: 415, why: 'send application/json' };
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { status: 400, why: 'this is no JSON' };
  }
}
