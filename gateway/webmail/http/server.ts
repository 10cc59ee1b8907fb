import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { MIN_TLS_VERSION, readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { StoreUnavailable } from '../imap/store-connection.ts';
import { SessionEnded } from '../mail/account-session.ts';
import { type Exchange, HttpError, sendProblem } from './exchange.ts';
import { getDownload, getEvents, getJmapSession, postJmapApi, postUpload } from './jmap-routes.ts';
import { COMMON_HEADERS } from './security-headers.ts';
import type { WebmailServices } from './services.ts';
import { deleteSession, getSession, listSessions, postSession, revokeSession } from './session-routes.ts';

interface Route {
  readonly method: string;
  readonly path: RegExp;
  answer(exchange: Exchange, services: WebmailServices, parts: readonly string[]): Promise<void>;
}

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/(?:\.well-known\/jmap|jmap\/session)$/, answer: getJmapSession },
  { method: 'POST', path: /^\/jmap\/api$/, answer: postJmapApi },
  { method: 'POST', path: /^\/jmap\/upload\/([^/]+)\/?$/, answer: (e, s, [account = '']) => postUpload(e, s, account) },
  { method: 'GET', path: /^\/jmap\/download\/([^/]+)\/([^/]+)\/([^/]*)$/, answer: getDownload },
  { method: 'GET', path: /^\/jmap\/events$/, answer: getEvents },
  { method: 'POST', path: /^\/session$/, answer: postSession },
  { method: 'GET', path: /^\/session$/, answer: getSession },
  { method: 'DELETE', path: /^\/session$/, answer: deleteSession },
  { method: 'GET', path: /^\/sessions$/, answer: listSessions },
  {
    method: 'DELETE',
    path: /^\/sessions\/([a-z0-9._-]{1,50})$/,
    answer: (e, s, [name = '']) => revokeSession(e, s, name),
  },
];

const HEADERS_MS = 15_000;
/** A large upload on a slow line takes long; silence on it does not count as progress. */
const REQUEST_MS = 600_000;
const IDLE_MS = 120_000;
const MAX_HEADER_BYTES = 16_384;

export interface WebServer {
  readonly ports: readonly number[];
  /** Reads the certificate anew; throws, and keeps the old one, when it does not load. */
  reloadTls(identity: { cert: string; key: string }): void;
  readonly connections: Promise<number>;
  close(): Promise<void>;
}

/** Listens on every address of the public leg. Rejects when one is taken or not ours, or the certificate does not load. */
export async function startWebServer(services: WebmailServices): Promise<WebServer> {
  const { config } = services;
  const servers: Server[] = [];
  const listening: number[] = [];
  for (const { address, port } of config.listen) {
    const server = createServer(
      {
        ...readTlsIdentity(config.tls),
        minVersion: MIN_TLS_VERSION,
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        handshakeTimeout: HEADERS_MS,
        // Thousands of idle sessions: a buffer for each would be most of their memory.
        highWaterMark: 16_384,
      },
      (request, response) => void respond(request, response, services),
    );
    server.maxConnections = config.limits.maxConnections;
    server.keepAliveTimeout = IDLE_MS;
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, resolve);
    });
    servers.push(server);
    listening.push((server.address() as AddressInfo).port);
  }
  return {
    ports: listening,
    reloadTls(identity) {
      const context = { ...readTlsIdentity(identity), minVersion: MIN_TLS_VERSION };
      for (const server of servers) server.setSecureContext(context);
    },
    get connections() {
      const counts = servers.map(
        (server) => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count ?? 0))),
      );
      return Promise.all(counts).then((all) => all.reduce((a, b) => a + b, 0));
    },
    async close() {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeIdleConnections();
              setTimeout(() => server.closeAllConnections(), 3_000).unref();
            }),
        ),
      );
    },
  };
}

/** Answers one request. The one place where a fault becomes an answer. */
async function respond(request: IncomingMessage, response: ServerResponse, services: WebmailServices): Promise<void> {
  const client = (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
  let exchange: Exchange | undefined;
  try {
    exchange = { request, response, client, url: new URL(request.url ?? '/', services.config.publicUrl) };
    await route(exchange, services);
  } catch (error) {
    answerFault(error, exchange ?? { request, response, client, url: new URL('https://host/') }, services);
  }
}

async function route(exchange: Exchange, services: WebmailServices): Promise<void> {
  const { request, url } = exchange;
  const method = request.method ?? '';
  const found = ROUTES.filter(({ path }) => path.test(url.pathname));
  const fits = found.find((each) => each.method === method);
  if (fits !== undefined) {
    const parts = (fits.path.exec(url.pathname) ?? []).slice(1).map(decodePart);
    return fits.answer(exchange, services, parts);
  }
  if (found.length > 0)
    throw new HttpError(405, 'Not this method.', { allow: found.map((each) => each.method).join(', ') });
  if (method !== 'GET' && method !== 'HEAD') throw new HttpError(405, 'Not this method.', { allow: 'GET, HEAD' });
  // While the browser reads the page, what it will ask first is made ready.
  if (services.files.answer(exchange)) services.authentication.prepare(exchange);
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(400, 'Not a path.');
  }
}

function answerFault(error: unknown, exchange: Exchange, { log }: WebmailServices): void {
  const { response } = exchange;
  const told = httpErrorOf(error);
  if (told === undefined)
    log.error({ event: 'fault', method: exchange.request.method, path: exchange.url.pathname, err: error });
  // An answer that has begun can only be broken off: its reader sees that it is not whole.
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const [name, value] of Object.entries(told?.headers ?? {})) response.setHeader(name, value);
  // What was not read of the body is not worth waiting for.
  if (!exchange.request.complete) response.setHeader('connection', 'close');
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  sendProblem(exchange, told?.status ?? 500, told?.message ?? 'A fault of ours; the log has it.');
}

function httpErrorOf(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof SessionEnded) return new HttpError(401, 'The session has ended.');
  if (error instanceof StoreUnavailable) return new HttpError(503, 'The mail store cannot be reached.');
  if (error instanceof TypeError && (error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
    return new HttpError(400, 'Not a URL.');
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
    ? new HttpError(400, 'The request broke off.')
    : undefined;
}
