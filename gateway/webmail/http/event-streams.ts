import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { SessionTokens } from '../imap/sign-in.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import { StoreUnavailable } from '../imap/store-connection.ts';
import { accountIdOf } from '../mail/account-session.ts';
import { HttpError } from './exchange.ts';
import { API_POLICY, COMMON_HEADERS } from './security-headers.ts';
import { type TypeStates, WatchFeed } from './watch-feed.ts';

export interface StreamOptions {
  /** Undefined for all. */
  readonly types: ReadonlySet<string> | undefined;
  readonly closeAfterState: boolean;
  /** 0 for none. */
  readonly pingMs: number;
  readonly lastEventId: string | undefined;
}

interface Stream {
  readonly response: ServerResponse;
  readonly options: StreamOptions;
  told: TypeStates;
  /** Its answer has begun: before that nothing may be written, whatever the store tells. */
  open: boolean;
  ping: NodeJS.Timeout | undefined;
}

interface Watched {
  readonly feed: WatchFeed;
  readonly ready: Promise<TypeStates | undefined>;
  readonly streams: Set<Stream>;
}

/** Clients that hold more of what they were sent than this are cut off: they come again, and hear the newest state. */
const MAX_UNSENT_BYTES = 65_536;

/** EventSource push (RFC 8620 §7.3): all streams of a token share one connection to the store. */
export class EventStreams {
  readonly #watched = new Map<string, Watched>();
  readonly #endpoint: () => StoreEndpoint;
  readonly #limits: { readonly maxStreams: number; readonly maxStreamsPerUser: number };
  #count = 0;

  constructor(endpoint: () => StoreEndpoint, limits: { maxStreams: number; maxStreamsPerUser: number }) {
    this.#endpoint = endpoint;
    this.#limits = limits;
  }

  get size(): number {
    return this.#count;
  }

  get connections(): number {
    return this.#watched.size;
  }

  /** @throws HttpError when the token is good no longer, the store is away, or there are too many */
  async open(tokens: SessionTokens, response: ServerResponse, options: StreamOptions): Promise<void> {
    const key = createHash('sha256').update(tokens.watchToken).digest('base64url');
    const watched = this.#watched.get(key) ?? this.#watch(key, tokens);
    const full = this.#count >= this.#limits.maxStreams || watched.streams.size >= this.#limits.maxStreamsPerUser;
    if (full) throw new HttpError(503, 'Too many event streams.', { 'retry-after': '60' });
    const accountId = accountIdOf(tokens.user);
    const stream: Stream = { response, options, told: {}, open: false, ping: undefined };
    watched.streams.add(stream);
    this.#count += 1;
    let gone = false;
    const leave = (): void => {
      if (gone) return;
      gone = true;
      clearInterval(stream.ping);
      watched.streams.delete(stream);
      this.#count -= 1;
      if (watched.streams.size === 0) this.#forget(key, watched);
    };
    let states: TypeStates | undefined;
    try {
      states = await watched.ready;
    } catch (error) {
      leave();
      if (error instanceof StoreUnavailable) throw new HttpError(503, 'The mail store cannot be reached.');
      throw error;
    }
    if (states === undefined) {
      leave();
      throw new HttpError(401, 'The session has ended.');
    }
    if (response.destroyed) return leave();
    response.on('close', leave);
    response.writeHead(200, {
      ...COMMON_HEADERS,
      'content-security-policy': API_POLICY,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.flushHeaders();
    stream.open = true;
    const { lastEventId, closeAfterState, pingMs } = options;
    const now = watched.feed.states ?? states;
    // RFC 8620 §7.3: who comes back hears at once what it missed; who comes first, where things stand.
    if (lastEventId === undefined && closeAfterState) stream.told = now;
    else if (lastEventId !== eventIdOf(now)) tell(stream, accountId, now);
    else stream.told = now;
    if (pingMs > 0) stream.ping = setInterval(() => send(stream, 'ping', { interval: pingMs / 1_000 }), pingMs);
  }

  /** Ends the streams of a session that was signed out. */
  end(tokens: SessionTokens): void {
    const key = createHash('sha256').update(tokens.watchToken).digest('base64url');
    const watched = this.#watched.get(key);
    if (watched !== undefined) for (const { response } of watched.streams) response.end();
  }

  close(): void {
    for (const [key, watched] of this.#watched) {
      for (const { response } of watched.streams) response.end();
      this.#forget(key, watched);
    }
  }

  #watch(key: string, tokens: SessionTokens): Watched {
    const streams = new Set<Stream>();
    const accountId = accountIdOf(tokens.user);
    const feed = new WatchFeed(this.#endpoint, tokens.user, tokens.watchToken, {
      changed: (states) => {
        // Who is still being let in hears of it when the stream begins.
        for (const stream of streams) if (stream.response.headersSent) tell(stream, accountId, states);
      },
      ended: () => {
        for (const { response } of streams) response.end();
      },
    });
    const watched: Watched = { feed, ready: feed.begin(), streams };
    watched.ready.catch(() => undefined);
    this.#watched.set(key, watched);
    return watched;
  }

  #forget(key: string, watched: Watched): void {
    watched.feed.close();
    if (this.#watched.get(key) === watched) this.#watched.delete(key);
  }
}

/** Tells of the types that are asked for and differ from what was told last. */
function tell(stream: Stream, accountId: string, states: TypeStates): void {
  if (!stream.open) return;
  const { types, closeAfterState } = stream.options;
  const changed = Object.entries(states).filter(
    ([type, state]) => (types === undefined || types.has(type)) && stream.told[type] !== state,
  );
  stream.told = states;
  if (changed.length === 0) return;
  const change = { '@type': 'StateChange', changed: { [accountId]: Object.fromEntries(changed) } };
  send(stream, 'state', change, eventIdOf(states));
  if (closeAfterState) stream.response.end();
}

function send({ response }: Stream, event: string, data: object, id?: string): void {
  if (response.writableLength > MAX_UNSENT_BYTES) {
    response.destroy();
    return;
  }
  response.write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

const eventIdOf = (states: TypeStates): string =>
  createHash('sha256').update(JSON.stringify(states)).digest('base64url').slice(0, 16);
