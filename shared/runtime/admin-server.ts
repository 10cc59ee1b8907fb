import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Log } from './log.ts';
import { MIN_TLS_VERSION, readTlsIdentity, type TlsIdentity } from './tls.ts';

/** What a route answers; objects are sent as JSON. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Of a body that is text. */
  readonly contentType?: string | undefined;
}

export interface AdminRequest {
  /** Parts of the path that the pattern left open. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  /** Name of the client certificate; undefined without TLS. */
  readonly client: string | undefined;
}

/** One thing that can be asked. A route that throws is logged and answered 500. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: RegExp;
  answer(request: AdminRequest): Promise<AdminAnswer> | AdminAnswer;
}

/** TLS with client certificates. The CA may sign for others too, so who may come in is named. */
export interface AdminTls {
  readonly identity: TlsIdentity;
  /** PEM file. */
  readonly clientCa: string;
  /** Common names or DNS names of the certificates that may come in. */
  readonly clients: readonly string[];
}

export interface AdminServerOptions {
  readonly name: string;
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly tls?: AdminTls | undefined;
  readonly routes: readonly AdminRoute[];
  readonly log: Log;
}

export interface AdminServer {
  readonly port: number;
  /** Reads the certificates anew; throws, and keeps the old ones, when they do not load. */
  reloadTls(tls: AdminTls): void;
  close(): Promise<void>;
}

const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_CONNECTIONS = 64;
const NOT_FOUND: AdminAnswer = { status: 404, body: { error: 'no such thing' } };

/**
 * A small HTTP(S) service for metrics and administration: no bodies are read, requests are bounded in size and time. Rejects
 * when the address is taken or not ours, or a certificate does not load.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  let clients = options.tls?.clients ?? [];
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, maxHeaderSize: MAX_HEADER_BYTES };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    respond(request, options, clients).then(
      (answer) => send(response, answer),
      (error: unknown) => {
        options.log.error({ event: 'fault', service: options.name, err: error });
        send(response, { status: 500, body: { error: 'a fault of ours; the log has it' } });
      },
    );
  };
  const https =
    options.tls === undefined ? undefined : createHttpsServer({ ...limits, ...secure(options.tls) }, listener);
  const server: Server = https ?? createHttpServer(limits, listener);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    reloadTls(tls) {
      https?.setSecureContext(secure(tls));
      clients = tls.clients;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function secure(tls: AdminTls) {
  const ca = readFileSync(tls.clientCa, 'utf8');
  return {
    ...readTlsIdentity(tls.identity),
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: MIN_TLS_VERSION,
  };
}

async function respond(
  request: IncomingMessage,
  options: AdminServerOptions,
  clients: readonly string[],
): Promise<AdminAnswer> {
  let client: string | undefined;
  if (options.tls !== undefined) {
    const names = namesOf(request.socket as TLSSocket);
    client = names.find((name) => clients.includes(name));
    if (client === undefined) {
      options.log.warn({ event: 'admin-refused', service: options.name, names, address: request.socket.remoteAddress });
      return { status: 403, body: { error: 'this certificate may not administer' } };
    }
  }
  const url = new URL(request.url ?? '/', 'http://service');
  const found = options.routes.filter((route) => route.path.test(url.pathname));
  const route = found.find(({ method }) => method === request.method);
  if (route === undefined) return found.length === 0 ? NOT_FOUND : { status: 405, body: { error: 'not this method' } };
  const parts = route.path.exec(url.pathname)?.slice(1) ?? [];
  const answer = await route.answer({ parts, query: url.searchParams, client });
  if (request.method !== 'GET') {
    const { method, url: path } = request;
    options.log.info({ event: 'administered', service: options.name, client, method, path, status: answer.status });
  }
  return answer;
}

function namesOf(socket: TLSSocket): string[] {
  const certificate = socket.getPeerCertificate();
  const commonName: string | string[] | undefined = certificate.subject?.CN;
  const dnsNames = [...(certificate.subjectaltname ?? '').matchAll(/DNS:([^,\s"]+)/g)].map((match) => match[1] ?? '');
  return [...[commonName ?? []].flat(), ...dnsNames];
}

function send(response: ServerResponse, { status, body, contentType }: AdminAnswer): void {
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'content-type': contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
    'cache-control': 'no-store',
  });
  response.end(isText ? body : `${JSON.stringify(body, null, 2)}\n`);
}
