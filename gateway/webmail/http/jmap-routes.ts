import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { answerRequest, readRequest } from '../jmap/api.ts';
import { accountCapabilities, CORE, serverCapabilities } from '../jmap/capabilities.ts';
import { RequestError } from '../jmap/errors.ts';
import { RequestContext } from '../jmap/method.ts';
import { METHODS } from '../jmap/methods.ts';
import { findBlob } from '../mail/blobs.ts';
import type { SignedIn } from './authentication.ts';
import { type Exchange, HttpError, isJson, readBody, sendJson } from './exchange.ts';
import { COMMON_HEADERS, USER_CONTENT_POLICY } from './security-headers.ts';
import type { WebmailServices } from './services.ts';

/** `GET /jmap/session` and `/.well-known/jmap` (RFC 8620 §2). */
export async function getJmapSession(exchange: Exchange, services: WebmailServices): Promise<void> {
  const signedIn = await services.authentication.signedIn(exchange);
  sendJson(exchange, 200, sessionObject(signedIn, services));
}

function sessionObject({ session }: SignedIn, { config, push }: WebmailServices): Record<string, unknown> {
  const { user, accountId } = session;
  const accounts = {
    [accountId]: {
      name: user,
      isPersonal: true,
      isReadOnly: false,
      accountCapabilities: accountCapabilities(config),
    },
  };
  const primary = Object.keys(accountCapabilities(config)).filter((capability) => capability !== CORE);
  const base = config.publicUrl;
  const object = {
    capabilities: serverCapabilities(config, push?.vapid.publicKey),
    accounts,
    primaryAccounts: Object.fromEntries(primary.map((capability) => [capability, accountId])),
    username: user,
    apiUrl: `${base}/jmap/api`,
    downloadUrl: `${base}/jmap/download/{accountId}/{blobId}/{name}?type={type}`,
    uploadUrl: `${base}/jmap/upload/{accountId}`,
    eventSourceUrl: `${base}/jmap/events?types={types}&closeafter={closeafter}&ping={ping}`,
  };
  const state = createHash('sha256').update(JSON.stringify(object)).digest('base64url').slice(0, 16);
  return { ...object, state };
}

/** `POST /jmap/api` (RFC 8620 §3). */
export async function postJmapApi(exchange: Exchange, services: WebmailServices): Promise<void> {
  const signedIn = await services.authentication.signedIn(exchange);
  const { session } = signedIn;
  const { config, uploads, log, push } = services;
  const { limits } = config;
  try {
    if (session.running >= limits.maxConcurrentRequests) {
      throw new RequestError('limit', 'Too many requests at a time.', { limit: 'maxConcurrentRequests' });
    }
    session.running += 1;
    try {
      if (!isJson(exchange.request)) throw new RequestError('notJSON', 'The content type must be application/json.');
      const body = await readBody(exchange.request, limits.maxRequestBytes);
      if (body === 'too-large') throw new RequestError('limit', 'Too large.', { limit: 'maxSizeRequest' });
      const object = sessionObject(signedIn, services);
      const request = readRequest(body, new Set(Object.keys(object.capabilities as object)));
      const context = new RequestContext(
        { session, config, uploads, log, push, cookie: signedIn.by === 'cookie' ? signedIn.sealed : undefined },
        new Map(Object.entries(request.createdIds ?? {})),
      );
      sendJson(exchange, 200, await answerRequest(request, METHODS, context, String(object.state)));
    } finally {
      session.running -= 1;
    }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    sendJson(exchange, 400, error.problem, 'application/problem+json');
  }
}

/** `POST /jmap/upload/ACCOUNT` (RFC 8620 §6.1). */
export async function postUpload(exchange: Exchange, services: WebmailServices, accountId: string): Promise<void> {
  const { session } = await services.authentication.signedIn(exchange);
  const { config, uploads } = services;
  const { request } = exchange;
  if (accountId !== session.accountId) throw new HttpError(404, 'No such account.');
  if (session.uploading >= config.limits.maxConcurrentUploads) {
    return sendLimit(exchange, 'maxConcurrentUpload', 'Too many uploads at a time.');
  }
  if (Number(request.headers['content-length'] ?? 0) > config.uploads.maxBytes) {
    return sendLimit(exchange, 'maxSizeUpload', 'Too large.', 413);
  }
  session.uploading += 1;
  try {
    const outcome = await uploads.store(accountId, request);
    if (outcome.kind === 'too-large') return sendLimit(exchange, 'maxSizeUpload', 'Too large.', 413);
    if (outcome.kind === 'full') throw new HttpError(507, 'There is no room for uploads now.');
    const type = safeType(request.headers['content-type'] ?? '');
    sendJson(exchange, 201, { accountId, blobId: outcome.blobId, type, size: outcome.size });
  } finally {
    session.uploading -= 1;
  }
}

function sendLimit(exchange: Exchange, limit: string, detail: string, status = 400): void {
  const problem = { type: 'urn:ietf:params:jmap:error:limit', status, limit, detail };
  if (!exchange.request.complete) exchange.response.setHeader('connection', 'close');
  sendJson(exchange, status, problem, 'application/problem+json');
}

/**
 * `GET /jmap/download/ACCOUNT/BLOB/NAME?type=…` (RFC 8620 §6.2). Always a file to be saved, never a page of this origin: the browser is told the
 * type that was asked for, and neither to guess another one nor to give the document an origin, scripts or network.
 */
export async function getDownload(
  exchange: Exchange,
  services: WebmailServices,
  [accountId = '', blobId = '', name = '']: readonly string[],
): Promise<void> {
  const { session } = await services.authentication.signedIn(exchange);
  const { response, url } = exchange;
  if (accountId !== session.accountId) throw new HttpError(404, 'No such account.');
  const blob = await findBlob(blobId, session, () => session.index(), services.uploads);
  if (blob === undefined) throw new HttpError(404, 'There is no such blob.');
  const length = blob.size === undefined ? {} : { 'content-length': blob.size };
  response.writeHead(200, {
    ...COMMON_HEADERS,
    ...length,
    'content-security-policy': USER_CONTENT_POLICY,
    'content-type': safeType(url.searchParams.get('type') ?? ''),
    'content-disposition': `attachment; filename*=UTF-8''${encodeFileName(name)}`,
    // What a blob id stands for never changes.
    'cache-control': 'private, max-age=86400, immutable',
  });
  session.running += 1;
  try {
    for await (const chunk of blob.chunks()) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  } finally {
    session.running -= 1;
  }
}

/** A media type, or none in particular: what a browser would run or show as a page is told as octets. */
export function safeType(type: string): string {
  const plain = /^\s*([a-z0-9][a-z0-9!#$&^_.+-]{0,100}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,100})\s*(?:;|$)/i
    .exec(type)?.[1]
    ?.toLowerCase();
  if (plain === undefined || /(?:html|xml|xsl|svg|script|wasm)/.test(plain)) return 'application/octet-stream';
  return plain.startsWith('text/') ? `${plain}; charset=utf-8` : plain;
}

/** RFC 8187 §3.2.1 attr-char; no separators of paths, no controls. */
function encodeFileName(name: string): string {
  const safe = name.replace(/[\x00-\x1f\x7f/\\:]/g, '_').slice(0, 200) || 'file';
  return encodeURIComponent(safe.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const MIN_PING_S = 5;
const MAX_PING_S = 900;

/** `GET /jmap/events?types=…&closeafter=…&ping=…` (RFC 8620 §7.3). */
export async function getEvents(exchange: Exchange, services: WebmailServices): Promise<void> {
  const tokens = await services.authentication.watching(exchange);
  const { searchParams } = exchange.url;
  const types = searchParams.get('types') ?? '*';
  const ping = Number(searchParams.get('ping') ?? 0);
  if (!Number.isFinite(ping) || ping < 0) throw new HttpError(400, 'ping is not a number of seconds.');
  await services.streams.open(tokens, exchange.response, {
    types: types === '*' ? undefined : new Set(types.split(',').slice(0, 50)),
    closeAfterState: searchParams.get('closeafter') === 'state',
    pingMs: ping === 0 ? 0 : Math.min(Math.max(ping, MIN_PING_S), MAX_PING_S) * 1_000,
    lastEventId: exchange.request.headers['last-event-id'] as string | undefined,
  });
}
