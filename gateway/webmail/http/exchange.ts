import type { IncomingMessage, ServerResponse } from 'node:http';
import { API_POLICY, COMMON_HEADERS } from './security-headers.ts';

/** One request, its answer, and what is known of who asks. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly client: string;
}

/** Ends a request with a status and a sentence. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, why: string, headers: Readonly<Record<string, string>> = {}) {
    super(why);
    this.status = status;
    this.headers = headers;
  }
}

export function sendJson(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  body: unknown,
  contentType = 'application/json',
): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...COMMON_HEADERS,
    'content-security-policy': API_POLICY,
    'content-type': contentType,
    'content-length': text.length,
    'cache-control': 'no-store',
  });
  response.end(text);
}

export function sendNothing({ response }: Exchange): void {
  response.writeHead(204, { ...COMMON_HEADERS, 'cache-control': 'no-store' });
  response.end();
}

/** RFC 7807. */
export function sendProblem(exchange: Pick<Exchange, 'response'>, status: number, detail: string): void {
  sendJson(exchange, status, { type: 'about:blank', status, detail }, 'application/problem+json');
}

/** The whole body; what is longer is refused before it is read to its end. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large'> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return 'too-large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function isJson(request: IncomingMessage): boolean {
  return /^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '');
}

export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** Adds a cookie to the answer: for HTTPS and this host alone, out of reach of scripts and of other sites. */
export function setCookie({ response }: Exchange, name: string, value: string, maxAgeMs?: number): void {
  const age = maxAgeMs === undefined ? '' : `; Max-Age=${Math.floor(maxAgeMs / 1_000)}`;
  response.appendHeader('set-cookie', `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict${age}`);
}
