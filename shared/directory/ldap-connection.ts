import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, TLSSocket } from 'node:tls';
import ldap, { type Client, type Control, type Filter } from 'ldapjs';
import { MIN_TLS_VERSION } from '../runtime/tls.ts';

/** One server of the directory, and how to be sure that it is the right one. */
export interface LdapEndpoint {
  /** As in the settings, for the log. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** `ldaps`: TLS from the first byte; else StartTLS is demanded. */
  readonly implicitTls: boolean;
  /** Name or IP that the certificate must carry. */
  readonly certificateName: string;
  /** PEM text of the CA. */
  readonly ca: string;
  readonly localAddress?: string | undefined;
}

/** An entry of an answer; attribute names in lower case, values as text (those of {@link BINARY} in hexadecimal). */
export interface LdapEntry {
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

export interface LdapQuestion {
  readonly baseDn: string;
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly maxEntries: number;
  /** The whole subtree when unset. */
  readonly scope?: 'base' | 'one' | 'sub';
  /** One page (RFC 2696): its size, and the cookie of the page before; maxEntries is not looked at then. */
  readonly page?: { readonly size: number; readonly cookie: Buffer };
}

/** Entries, and the cookie of the next page where there is one (RFC 2696). */
export interface LdapPage {
  readonly entries: LdapEntry[];
  readonly nextCookie: Buffer | undefined;
}

/** The directory did not answer the question: away, late, broken off, partial, or an error code. Never "not there". */
export class LdapFault extends Error {
  override readonly name = 'LdapFault';
  /** `lost` and `late`: the connection is gone, and another one may do better. */
  readonly kind: 'lost' | 'late' | 'answered';

  constructor(kind: 'lost' | 'late' | 'answered', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What the server says of a change (RFC 4511 §4.1.9): code 0 is success. */
export interface ChangeResult {
  readonly code: number;
  readonly message: string;
}

/** Parts of ldapjs's client that its types leave out. */
interface ClientInternals {
  _socket: Socket | null;
  urls: { href: string; port: unknown; hostname: string | undefined; secure: boolean }[];
}

/** Attributes whose values are octets and no text, in lower case. */
const BINARY: ReadonlySet<string> = new Set(['objectguid']);

/** A control that ldapjs exports and its types leave out. */
const { PagedResultsControl } = ldap as unknown as {
  PagedResultsControl: new (options: { value: { size: number; cookie: Buffer }; criticality: boolean }) => Control;
};
const PAGED_RESULTS = '1.2.840.113556.1.4.319';
const KEEP_ALIVE_MS = 30_000;
/** Errors that ldapjs makes up itself, without an answer of the server. */
const CLIENT_SIDE_ERRORS: ReadonlySet<string> = new Set(['ConnectionError', 'TimeoutError', 'AbandonedError']);

/**
 * One client of ldapjs for one connection, from the first byte to the last: connected, encrypted, and after any failure
 * thrown away, never reconnected (its `reconnect` leaks sockets, and its queue keeps requests for ever).
 */
export class LdapConnection {
  readonly endpoint: LdapEndpoint;
  readonly #client: Client & ClientInternals;
  readonly #sockets = new Set<Socket>();
  #open = true;
  #onClose: () => void = () => undefined;

  private constructor(endpoint: LdapEndpoint, client: Client & ClientInternals) {
    this.endpoint = endpoint;
    this.#client = client;
    // Without a listener an ECONNRESET would end the process.
    client.on('error', () => this.close());
    client.on('close', () => this.close());
  }

  /** Connects and encrypts; rejects with {@link LdapFault} and leaves nothing behind when that fails or takes too long. */
  static async open(endpoint: LdapEndpoint, timeoutMs: number): Promise<LdapConnection> {
    const tls = tlsOptions(endpoint);
    const client = ldap.createClient({
      url: `${endpoint.implicitTls ? 'ldaps' : 'ldap'}://127.0.0.1:${endpoint.port}`,
      tlsOptions: { ...tls, ...(endpoint.localAddress === undefined ? {} : { localAddress: endpoint.localAddress }) },
      connectTimeout: timeoutMs,
      queueDisable: true,
    }) as Client & ClientInternals;
    // ldapjs calls net.connect(port, hostname) a tick later; only the object form of the first argument can carry the
    // local address of the private leg.
    const url = client.urls[0]!;
    url.hostname = endpoint.implicitTls ? endpoint.host : undefined;
    if (!endpoint.implicitTls) {
      url.port = {
        host: endpoint.host,
        port: endpoint.port,
        ...(endpoint.localAddress === undefined ? {} : { localAddress: endpoint.localAddress }),
      };
    }
    const connection = new LdapConnection(endpoint, client);
    try {
      await connection.#within<void>(timeoutMs, (done, fail) => {
        client.once('error', fail);
        client.once('connectError', fail);
        client.once('connect', (raw: Socket) => {
          connection.#guard(raw);
          raw.setKeepAlive(true, KEEP_ALIVE_MS);
          raw.setNoDelay(true);
          if (endpoint.implicitTls) return done();
          client.starttls({ ...tls }, [], (error: Error | null) => {
            if (client._socket !== null) connection.#guard(client._socket);
            if (error) fail(error);
            else done();
          });
        });
      });
      const socket = client._socket;
      if (!(socket instanceof TLSSocket) || !socket.authorized) {
        throw new LdapFault('lost', 'the connection is not encrypted');
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Called once when the connection is gone, for whatever reason. */
  set onClose(listener: () => void) {
    this.#onClose = listener;
  }

  /**
   * A simple bind; resolves with the result code of the server (0 success, 49 invalidCredentials; RFC 4511 §4.1.9).
   * An empty password would be an unauthenticated bind that "succeeds" (RFC 4513 §5.1.2), so it is a fault of the caller.
   */
  bind(dn: string, password: string, timeoutMs: number): Promise<number> {
    if (password === '') throw new Error('a bind needs a password');
    return this.#within<number>(timeoutMs, (done, fail) => {
      this.#client.bind(dn, password, (error) => {
        if (error === null || error === undefined) return done(0);
        const code = serverCode(error);
        if (code === undefined) fail(error);
        else done(code);
      });
    });
  }

  /** Complete, or an {@link LdapFault}. */
  async search(question: LdapQuestion, timeoutMs: number): Promise<LdapEntry[]> {
    return (await this.searchPage(question, timeoutMs)).entries;
  }

  /** One page of a search, or all of it. Pages of one search have to be asked for on one connection. */
  searchPage(question: LdapQuestion, timeoutMs: number): Promise<LdapPage> {
    return this.#within<LdapPage>(timeoutMs, (done, fail) => {
      const entries: LdapEntry[] = [];
      let partial = false;
      const options = {
        scope: question.scope ?? ('sub' as const),
        filter: question.filter,
        attributes: [...question.attributes],
        sizeLimit: question.page === undefined ? question.maxEntries : 0,
        timeLimit: Math.max(1, Math.ceil(timeoutMs / 1000)),
      };
      const controls =
        question.page === undefined ? [] : [new PagedResultsControl({ value: question.page, criticality: true })];
      this.#client.search(question.baseDn, options, controls, (error, response) => {
        if (error) return fail(error);
        response.on('searchEntry', (entry) => {
          const attributes = new Map<string, readonly string[]>();
          for (const attribute of entry.attributes) {
            const name = attribute.type.toLowerCase();
            const values = BINARY.has(name)
              ? attribute.buffers.map((octets) => octets.toString('hex'))
              : [attribute.values].flat();
            attributes.set(name, values);
          }
          entries.push({ dn: entry.pojo.objectName, attributes });
        });
        // A part of the tree lives elsewhere: what it holds we do not know (RFC 4511 §4.5.3).
        response.on('searchReference', () => {
          partial = true;
        });
        response.on('error', fail);
        response.on('end', (result) => {
          if (partial) return fail(new LdapFault('answered', 'the answer is partial: it refers to another server'));
          const cookie = pageCookie(result);
          done({ entries, nextCookie: cookie !== undefined && cookie.length > 0 ? cookie : undefined });
        });
      });
    });
  }

  /**
   * Runs one operation of ldapjs within the deadline. Fails as {@link LdapFault} when there is no answer; the result code
   * of the server's answer, success or not, is a value.
   */
  change(
    timeoutMs: number,
    start: (client: Client, answered: (error: unknown) => void) => void,
  ): Promise<ChangeResult> {
    return this.#within<ChangeResult>(timeoutMs, (done, fail) => {
      start(this.#client, (error) => {
        if (error === null || error === undefined) return done({ code: 0, message: '' });
        const code = serverCode(error);
        if (code === undefined) fail(error);
        else done({ code, message: (error as Error).message });
      });
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#client._socket !== null) this.#guard(this.#client._socket);
    this.#client.destroy();
    for (const socket of this.#sockets) {
      this.#guard(socket);
      socket.destroy();
    }
    this.#onClose();
  }

  /** ldapjs takes its listeners off a socket that it gives up; a late error of it would end the process. */
  #guard(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', ignoreLateError);
  }

  /** Our own deadline round each operation: ldapjs's counts only after sending. Past it the connection is thrown away. */
  #within<T>(timeoutMs: number, start: (done: (value: T) => void, fail: (error: unknown) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#open) return reject(new LdapFault('lost', `${this.endpoint.url}: connection closed`));
      const timer = setTimeout(() => {
        reject(new LdapFault('late', `${this.endpoint.url}: no answer within ${Math.round(timeoutMs)} ms`));
        this.close();
      }, timeoutMs);
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        act();
      };
      try {
        start(
          (value) => settle(() => resolve(value)),
          (error) => settle(() => reject(asFault(error, this.endpoint.url))),
        );
      } catch (error) {
        settle(() => reject(asFault(error, this.endpoint.url)));
      }
    });
  }
}

/** A late error of a socket that was already given up carries no news. */
function ignoreLateError(): void {
  // The failure itself was reported to whoever waited.
}

function pageCookie(result: unknown): Buffer | undefined {
  const { controls = [] } = (result ?? {}) as { controls?: { type: string; value?: { cookie?: Buffer } }[] };
  return controls.find((control) => control.type === PAGED_RESULTS)?.value?.cookie;
}

function tlsOptions(endpoint: LdapEndpoint): ConnectionOptions {
  const name = endpoint.certificateName;
  return {
    ca: endpoint.ca,
    minVersion: MIN_TLS_VERSION,
    rejectUnauthorized: true,
    // RFC 6066 §3: no IP address in server_name.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

/** The result code of the server's answer; undefined when there was no answer. */
function serverCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || CLIENT_SIDE_ERRORS.has(error.name)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

function asFault(error: unknown, url: string): LdapFault {
  if (error instanceof LdapFault) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const code = serverCode(error);
  return code === undefined
    ? new LdapFault('lost', `${url}: ${text}`)
    : new LdapFault('answered', `${url}: result code ${code}, ${text}`);
}
