import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { TestStack } from './stack.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON. */
  json<T = Json>(): T;
}

export type Json = { readonly [name: string]: JsonValue };
// biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer it checks itself
export type JsonValue = any;

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export const USING = [
  'urn:ietf:params:jmap:core',
  'urn:ietf:params:jmap:mail',
  'urn:ietf:params:jmap:submission',
  'urn:ietf:params:jmap:vacationresponse',
  'urn:ietf:params:jmap:quota',
  'https://postern.example/jmap/settings',
];

/** A browser, as far as a session needs one: cookies, an origin, and JMAP by hand. */
export class WebClient {
  readonly origin: string;
  readonly #agent: Agent;
  readonly #cookies = new Map<string, string>();
  accountId = '';

  constructor(stack: TestStack) {
    const { host, port } = stack.endpoints.webmail;
    this.origin = `https://${host}:${port}`;
    this.#agent = new Agent({ ca: readFileSync(stack.ca), keepAlive: true });
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies;
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, value);
  }

  /** Bare HTTP: nothing is added but the cookies. */
  http(path: string, { method = 'GET', headers = {}, body }: HttpOptions = {}): Promise<HttpAnswer> {
    const cookie = this.#cookieHeader;
    const request = httpsRequest(`${this.origin}${path}`, {
      agent: this.#agent,
      method,
      headers: { ...(cookie === '' ? {} : { cookie }), ...headers },
    });
    const answered = this.#answerTo(request);
    request.end(body);
    return answered;
  }

  get #cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #answerTo(request: ClientRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          for (const line of response.headers['set-cookie'] ?? []) {
            const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
            if (value === '') this.#cookies.delete(name);
            else this.#cookies.set(name, value);
          }
          const whole = Buffer.concat(chunks);
          const json = <T>(): T => JSON.parse(whole.toString('utf8')) as T;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, json });
        });
      });
    });
  }

  /** As our own page would: with its origin, JSON in and out. */
  post(path: string, value: unknown, method = 'POST'): Promise<HttpAnswer> {
    const headers = { origin: this.origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
    return this.http(path, { method, headers, ...(value === undefined ? {} : { body: JSON.stringify(value) }) });
  }

  /** A POST of our own page whose body is written by the caller. */
  begin(path: string): { readonly request: ClientRequest; readonly answered: Promise<HttpAnswer> } {
    const headers = { origin: this.origin, cookie: this.#cookieHeader };
    const request = httpsRequest(`${this.origin}${path}`, { agent: this.#agent, method: 'POST', headers });
    return { request, answered: this.#answerTo(request) };
  }

  async signIn(user: string, password = user.split('@')[0] ?? ''): Promise<void> {
    const answer = await this.post('/session', { user, password });
    if (answer.status !== 200) throw new Error(`sign-in: ${answer.status} ${answer.body.toString()}`);
    this.accountId = Object.keys((await this.http('/jmap/session')).json().accounts as object)[0] ?? '';
  }

  upload(body: string | Buffer, type = 'application/octet-stream'): Promise<HttpAnswer> {
    const headers = { origin: this.origin, 'content-type': type };
    return this.http(`/jmap/upload/${this.accountId}`, { method: 'POST', headers, body });
  }

  /** All responses of a request: `[name, arguments, callId]`. */
  async request(calls: readonly (readonly [string, Json, string])[]): Promise<[string, Json, string][]> {
    const methodCalls = calls.map(([name, args, id]) => [name, { accountId: this.accountId, ...args }, id]);
    const answer = await this.post('/jmap/api', { using: USING, methodCalls });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.toString()}`);
    return answer.json<{ methodResponses: [string, Json, string][] }>().methodResponses;
  }

  /** One call and its answer; an error is told as `{error: type}`. */
  async call(name: string, args: Json): Promise<Json> {
    const [[answer, value] = ['', {}]] = await this.request([[name, args, '0']]);
    return answer === 'error' ? { error: (value as Json).type, ...(value as Json) } : (value as Json);
  }

  /** Ids of mailboxes by role. */
  async roles(): Promise<Record<string, string>> {
    const { list } = await this.call('Mailbox/get', { ids: null });
    return Object.fromEntries((list as Json[]).map(({ role, name, id }) => [role ?? name, id]));
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Events of `/jmap/events`, as they come. */
export class EventFeed {
  readonly #request: ReturnType<typeof httpsRequest>;
  readonly #events: { event: string; data: Json }[] = [];
  readonly #waiting: (() => void)[] = [];
  ended = false;

  private constructor(request: ReturnType<typeof httpsRequest>) {
    this.#request = request;
  }

  static open(stack: TestStack, cookie: string, query: string): Promise<EventFeed> {
    const { host, port } = stack.endpoints.webmail;
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        `https://${host}:${port}/jmap/events?${query}`,
        { ca: readFileSync(stack.ca), headers: { cookie, accept: 'text/event-stream' } },
        (response) => {
          if (response.statusCode !== 200) return reject(new Error(`events: ${response.statusCode}`));
          const feed = new EventFeed(request);
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
            for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
              const fields = Object.fromEntries(
                text
                  .slice(0, end)
                  .split('\n')
                  .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
              );
              text = text.slice(end + 2);
              feed.#events.push({ event: fields.event ?? '', data: JSON.parse(fields.data ?? '{}') });
              feed.#wake();
            }
          });
          const end = (): void => {
            feed.ended = true;
            feed.#wake();
          };
          response.on('error', end);
          response.on('close', end);
          resolve(feed);
        },
      );
      request.on('error', reject);
      request.end();
    });
  }

  /** The next event that fits; what came before it is passed over. */
  async next(fits: (event: { event: string; data: Json }) => boolean): Promise<{ event: string; data: Json }> {
    for (;;) {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift())
        if (fits(event)) return event;
      if (this.ended) throw new Error('the stream has ended');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async end(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#request.destroy();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
