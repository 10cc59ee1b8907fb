import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import { openCredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import { LdapFault } from '@postern/shared/directory/ldap-connection.ts';
import { NoLongerBound, PersonDirectory } from '@postern/shared/directory/person-directory.ts';
import { standingBy } from '@postern/shared/directory/standing.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { signedIn } from '@postern/shared/runtime/mail-events.ts';
import { MIN_TLS_VERSION, readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';
import type { Acting } from '../administration/acting.ts';
import { domainOf, readDomain } from '../administration/names.ts';
import { type Refused, refuse } from '../administration/outcome.ts';
import { type Action, openToken } from '../administration/tokens.ts';
import type { StoreConfig } from '../config.ts';
import { isDatabaseAway, type Mailstore } from '../mailstore/mailstore.ts';
import { LoginThrottle } from '../sign-in/login-throttle.ts';
import { signInByPassword } from '../sign-in/password.ts';
import type { SignInThrottle } from '../sign-in/sign-in-limits.ts';
import { send, sendError, sendIssues, sendText } from './answers.ts';
import { findRoute } from './api/routes.ts';
import { setSecurityHeaders } from './headers.ts';
import { openApiDocument } from './openapi.ts';
import { relayAdmin } from './relay-admin.ts';
import { bearerToken, readJson, refusedAsForged, sessionCookie } from './request.ts';
import type { Call, ConsoleServices, Route } from './route.ts';
import { ConsoleSessions, SESSION_COOKIE } from './sessions.ts';
import { StaticFiles } from './static-files.ts';

export interface ConsoleOptions {
  readonly config: StoreConfig;
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly log: Log;
  readonly throttle?: SignInThrottle | undefined;
}

export interface ConsoleServer {
  readonly port: number;
  reloadTls(): void;
  close(): Promise<void>;
}

const HEADERS_MS = 10_000;
const REQUEST_MS = 120_000;
const MAX_CONNECTIONS = 1_000;
const MAX_BODY_BYTES = 256 * 1024;
/** Connections of a token stay open between requests. */
const MAX_TOKEN_PEOPLE = 50;

const signInBody = z.strictObject({
  address: z.string().max(320),
  password: z.string().max(256),
  code: z.string().max(10).default(''),
});

/** HTTPS for administrators and users. Undefined when it is not configured. Rejects when it cannot listen. */
export async function startConsole(options: ConsoleOptions): Promise<ConsoleServer | undefined> {
  const { config, mailstore, directory, log } = options;
  const { console: settings } = config;
  if (settings === undefined) return undefined;
  const identity = settings.tls ?? config.tls;
  const writer: CredentialWriter = openCredentialWriter(config.directory, log);
  const sessions = new ConsoleSessions(config.directory, settings.sessionIdleMs, settings.sessionLongestMs);
  const services: ConsoleServices = {
    settings,
    directory: config.directory,
    signInDirectory: directory,
    lookUp: (address) => directory.lookUp(address),
    mailstore,
    log,
    graceMs: settings.graceMs,
    hostname: config.hostname,
    sessions,
    throttle: options.throttle ?? new LoginThrottle(),
    writer,
    logFile: config.log.file,
    relay: settings.relay && relayAdmin(settings.relay, settings.relay.tls ?? config.tls, config.ca),
    certificates: [...new Set([config.tls.cert, identity.cert, config.ca])],
  };
  const handler = new RequestHandler(services);
  const secure = () => ({ ...readTlsIdentity(identity), minVersion: MIN_TLS_VERSION });
  const server = createServer(
    { ...secure(), headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      handler.handle(request, response).catch((error: unknown) => {
        log.error({ event: 'fault', service: 'console', err: error });
        response.destroy();
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.listen.port, settings.listen.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    reloadTls: () => server.setSecureContext(secure()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        handler.close();
        sessions.close();
        writer.close();
      }),
  };
}

class RequestHandler {
  readonly #services: ConsoleServices;
  readonly #files = new StaticFiles();
  readonly #openApi = JSON.stringify(openApiDocument(), null, 2);
  /** By token id: the directory as its entry sees it. */
  readonly #tokenPeople = new Map<string, PersonDirectory>();

  constructor(services: ConsoleServices) {
    this.#services = services;
  }

  close(): void {
    for (const person of this.#tokenPeople.values()) person.close();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    setSecurityHeaders(response);
    const url = new URL(request.url ?? '/', 'https://console.invalid');
    try {
      if (!url.pathname.startsWith('/api/')) return this.#files.send(request, response, url.pathname);
      if (url.pathname === '/api/openapi.json') return sendText(response, 200, 'application/json', this.#openApi);
      if (url.pathname === '/api/session' && request.method === 'POST') return await this.#signIn(request, response);
      if (url.pathname === '/api/session' && request.method === 'DELETE') return this.#signOut(request, response);
      return await this.#answer(request, response, url);
    } catch (error) {
      return this.#fail(response, error);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const found = findRoute(request.method ?? '', url.pathname);
    if (found === undefined) return sendError(response, 404, 'not-found', 'There is no such thing');
    if (found === 'other-method') return sendError(response, 405, 'invalid', 'Not by this method');
    const { route, params } = found;
    const caller = await this.#caller(request, route);
    if ('status' in caller) return sendError(response, caller.status, 'forbidden', caller.why);
    if (request.method !== 'GET' && caller.session !== undefined) {
      const forged = refusedAsForged(request, this.#services.settings.origin);
      if (forged !== undefined) return sendError(response, forged.status, 'forbidden', forged.why);
    }
    const query = route.query?.safeParse(Object.fromEntries(url.searchParams));
    if (query?.success === false) return sendIssues(response, query.error);
    const json =
      request.method === 'GET' ? { value: {} } : await readJson(request, route.maxBodyBytes ?? MAX_BODY_BYTES);
    if ('status' in json) return sendError(response, json.status, 'invalid', json.why);
    const body = route.body?.safeParse(json.value);
    if (body?.success === false) return sendIssues(response, body.error);
    const call: Call = { services: this.#services, ...caller, params, query: query?.data, body: body?.data };
    const outside = outsideOfToken(call, json.value);
    send(response, outside ?? (await route.run(call)), route);
  }

  /** Who asks: by a session's cookie, or by a token. */
  async #caller(
    request: IncomingMessage,
    route: Route,
  ): Promise<Pick<Call, 'acting' | 'session' | 'domains'> | { readonly status: 401 | 403; readonly why: string }> {
    const client = request.socket.remoteAddress ?? '';
    const token = bearerToken(request);
    if (token !== undefined) return this.#byToken(token, route, client);
    const session = this.#services.sessions.use(sessionCookie(request));
    if (session === undefined) return { status: 401, why: 'Sign in first' };
    const account = await this.#services.lookUp(session.account.address);
    if (standingBy({ service: 'console', entry: session.entry }, { account }).kind === 'ended') {
      this.#services.sessions.endOf(session.account.id);
      return { status: 401, why: 'Sign in again' };
    }
    const acting: Acting = { name: session.account.address, via: 'console', client, person: session.person };
    return { acting, session, domains: undefined };
  }

  async #byToken(token: string, route: Route, client: string) {
    const key = [`address ${client}`];
    const delayMs = await this.#services.throttle.delayMs(key);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const opened = await openToken(this.#services, token);
    if (opened === undefined) {
      this.#services.throttle.failed(key);
      return { status: 401, why: 'This is no token that opens anything' } as const;
    }
    const { record, password } = opened;
    if (route.action === 'session' || !record.actions.includes(route.action satisfies Action)) {
      return { status: 403, why: 'The token is not for this' } as const;
    }
    let person = this.#tokenPeople.get(record.id);
    if (person === undefined) {
      for (const [id, oldest] of this.#tokenPeople) {
        if (this.#tokenPeople.size < MAX_TOKEN_PEOPLE) break;
        oldest.close();
        this.#tokenPeople.delete(id);
      }
      person = new PersonDirectory(this.#services.directory, record.dn, () => password);
      this.#tokenPeople.set(record.id, person);
    }
    await this.#services.mailstore.administration.tokenUsed(record.id);
    const acting: Acting = { name: `token ${record.label}`, via: 'api', client, person };
    return { acting, session: undefined, domains: record.domains };
  }

  async #signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { settings, signInDirectory, mailstore, throttle, log, sessions } = this.#services;
    const forged = refusedAsForged(request, settings.origin);
    if (forged !== undefined) return sendError(response, forged.status, 'forbidden', forged.why);
    const json = await readJson(request, MAX_BODY_BYTES);
    if ('status' in json) return sendError(response, json.status, 'invalid', json.why);
    const body = signInBody.safeParse(json.value);
    if (!body.success) return sendIssues(response, body.error);
    const client = request.socket.remoteAddress ?? '';
    const { address, password, code } = body.data;
    const answer = await signInByPassword(
      { directory: signInDirectory, mailstore, throttle, log },
      {
        session: '',
        service: 'console',
        client,
        trustedHost: false,
        user: address,
        password,
        code,
        gone: () => request.socket.destroyed,
      },
    );
    if (answer.kind === 'unavailable')
      return sendError(response, 503, 'state', 'Sign-in is not possible at the moment');
    if (answer.kind !== 'granted') return sendError(response, 401, 'forbidden', 'Address, password or code is wrong');
    // Whatever cookie came with the request is left behind: the session has a new name.
    sessions.end(sessionCookie(request));
    const cookie = sessions.begin(answer.account, answer.entry, password);
    response.setHeader('Set-Cookie', `${SESSION_COOKIE}=${cookie}; Path=/; Secure; HttpOnly; SameSite=Strict`);
    signedIn(log, { service: 'console', client, user: address });
    sendText(response, 200, 'application/json', 'null');
  }

  #signOut(request: IncomingMessage, response: ServerResponse): unknown {
    const forged = refusedAsForged(request, this.#services.settings.origin);
    if (forged !== undefined) return sendError(response, forged.status, 'forbidden', forged.why);
    this.#services.sessions.end(sessionCookie(request));
    response.setHeader('Set-Cookie', `${SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`);
    return sendText(response, 200, 'application/json', 'null');
  }

  #fail(response: ServerResponse, error: unknown): unknown {
    if (error instanceof NoLongerBound) return sendError(response, 401, 'forbidden', 'Sign in again');
    if (error instanceof LdapFault || isDatabaseAway(error)) {
      this.#services.log.warn({ event: 'console-unavailable', err: error });
      return sendError(response, 503, 'state', 'The directory or the database does not answer now');
    }
    this.#services.log.error({ event: 'fault', service: 'console', err: error });
    return sendError(response, 500, 'state', 'A fault of ours; the log has it');
  }
}

/**
 * A token's limits, besides those that the directory keeps to its entry: what names a domain, or an address of one, has to be one of
 * its own. Lists hold what the entry may see, which is those domains.
 */
function outsideOfToken({ domains, params, query }: Call, body: unknown): Refused | undefined {
  if (domains === undefined) return undefined;
  const { address: bodyAddress, name } = (body ?? {}) as { address?: unknown; name?: unknown };
  const named = [
    params.domain,
    params.address && domainOf(params.address),
    (query as { domain?: string } | undefined)?.domain,
  ];
  if (typeof bodyAddress === 'string') named.push(domainOf(bodyAddress));
  if (
    typeof name === 'string' &&
    params.domain === undefined &&
    params.address === undefined &&
    bodyAddress === undefined
  )
    named.push(name);
  const outside = named.some((each) => each !== undefined && !domains.includes(readDomain(each) ?? ''));
  return outside ? refuse('forbidden', 'The token is not for this domain') : undefined;
}
