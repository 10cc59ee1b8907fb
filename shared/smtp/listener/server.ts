import type { BlockList, Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection';
import { MemoryBudget } from '../../runtime/memory-budget.ts';
import { MIN_TLS_VERSION } from '../../runtime/tls.ts';
import { type Reply, reply } from '../reply.ts';
import { mayAuthenticate } from './auth.ts';
import { HardenedConnection } from './connection.ts';
import { PatientClients } from './greeting-wait.ts';
import { limitsFor } from './limits.ts';
import { isListed, networkList, readProxyHeader } from './proxied-socket.ts';
import type { ListenerLimits, ListenerOptions, ListenerUpdate, TlsFiles } from './session.ts';

const NONE: ReadonlySet<string> = new Set();

/** What the library takes from a PROXY header; the connection has an id of its own. */
type ProxiedEnds = SMTPConnectionOptions & { id: string };

/** The library's server, with connections of our own kind. */
export class HardenedServer extends SMTPServer {
  settings: ListenerOptions;
  limits: ListenerLimits;
  readonly lmtp: boolean;
  readonly memory: MemoryBudget;
  readonly #extraKeywords: ReadonlySet<string>;
  readonly #parametersOfExtensions: readonly string[];
  readonly offersStartTls: boolean;
  stopping = false;
  #admitted = 0;
  readonly patient = new PatientClients();
  readonly #proxies: BlockList | undefined;
  readonly #byAddress = new Map<string, number>();

  constructor(settings: ListenerOptions) {
    const limits = limitsFor(settings.protocol, settings.tls?.clientCa !== undefined, settings.limits);
    if (settings.tls !== undefined) checkTls(settings.tls);
    super({
      name: settings.hostname,
      lmtp: settings.protocol === 'lmtp',
      secure: settings.tls?.mode === 'implicit',
      hideSTARTTLS: settings.tls?.mode !== 'starttls',
      ...(settings.tls === undefined ? {} : tlsSettings(settings.tls)),
      minVersion: MIN_TLS_VERSION,
      logger: false,
      authOptional: true,
      disabledCommands: ['AUTH'],
      disableReverseLookup: true,
      socketTimeout: limits.idleTimeoutMs,
      maxClients: limits.maxConnections,
      keepAlive: true,
    });
    this.settings = settings;
    this.limits = limits;
    this.lmtp = settings.protocol === 'lmtp';
    this.memory = settings.memory ?? new MemoryBudget(limits.messageMemoryBytes);
    if (settings.proxies !== undefined && settings.proxies.length > 0) this.#proxies = networkList(settings.proxies);
    this.#extraKeywords = new Set((settings.extraMailParameters ?? []).map((keyword) => keyword.toUpperCase()));
    this.#parametersOfExtensions = (settings.extensions ?? []).flatMap(({ mailParameters }) => mailParameters);
    this.offersStartTls = settings.tls?.mode === 'starttls';
    // Handshakes that fail and sockets that break are the peers' affair.
    this.on('error', (error: Error) => settings.log.debug({ event: 'connection-error', err: error }));
  }

  /** The one place where the library makes a connection. */
  override connect(socket: Socket, ends?: SMTPConnectionOptions | null): void {
    const connection = new HardenedConnection(this, socket, ends ?? {});
    this.connections.add(connection);
    connection.on('error', (error: Error) => this._onError(error));
    connection.init();
  }

  /** Asked of each accepted socket: until the header is there the library's guard watches it. */
  override _expectsProxyHeader(socket: Socket): boolean {
    return this.#proxies !== undefined && isListed(this.#proxies, socket.remoteAddress ?? '');
  }

  /** In the place of the library's reader, which knows version 1 alone and repairs what is not right. */
  override _handleProxy(socket: Socket, callback: (error: Error | null, ends?: ProxiedEnds) => void): void {
    if (!this._expectsProxyHeader(socket)) {
      callback(null, { id: '' });
      return;
    }
    readProxyHeader(socket).then(
      ({ client, server }) =>
        callback(null, {
          id: '',
          ...(client === undefined ? {} : { remoteAddress: client.address, remotePort: client.port }),
          ...(server === undefined ? {} : { localAddress: server.address, localPort: server.port }),
        }),
      (error: Error) => {
        const proxy = socket.remoteAddress;
        this.settings.log.warn({ event: 'proxy-header-refused', proxy, cause: error.message });
        callback(error);
      },
    );
  }

  /** Counts a connection in; a reply when there are too many. Each call is undone by {@link leave}. */
  admit(remoteAddress: string): Reply | undefined {
    const fromThere = (this.#byAddress.get(remoteAddress) ?? 0) + 1;
    this.#admitted++;
    this.#byAddress.set(remoteAddress, fromThere);
    if (this.#admitted > this.limits.maxConnections)
      return reply(421, '4.3.2', 'Too many connections, try again later');
    if (fromThere > this.limits.maxConnectionsPerAddress) {
      return reply(421, '4.7.0', 'Too many connections from your address');
    }
    return undefined;
  }

  leave(remoteAddress: string): void {
    const left = (this.#byAddress.get(remoteAddress) ?? 0) - 1;
    this.#admitted--;
    if (left > 0) this.#byAddress.set(remoteAddress, left);
    else this.#byAddress.delete(remoteAddress);
  }

  /** Parameters of MAIL beyond the standard ones, for this client. */
  mailParametersFor(connection: HardenedConnection): ReadonlySet<string> {
    return new Set([...this.#extrasFor(connection), ...this.#parametersOfExtensions]);
  }

  #extrasFor(connection: HardenedConnection): ReadonlySet<string> {
    const isKnown = this.settings.tls?.clientCa === undefined || connection.tls?.peer !== undefined;
    return isKnown ? this.#extraKeywords : NONE;
  }

  /** Keywords of the EHLO reply. */
  keywords(connection: HardenedConnection): string[] {
    const { auth, extensions = [] } = this.settings;
    return [
      'PIPELINING',
      `SIZE ${this.limits.maxMessageBytes}`,
      '8BITMIME',
      'CHUNKING',
      'SMTPUTF8',
      'DSN',
      'ENHANCEDSTATUSCODES',
      ...(this.offersStartTls && !connection.secure ? ['STARTTLS'] : []),
      ...(auth !== undefined && mayAuthenticate(connection) ? [`AUTH ${auth.mechanisms.join(' ')}`] : []),
      ...extensions.map(({ line }) => line()),
      ...this.#extrasFor(connection),
    ];
  }

  /** See Listener.update. */
  update({ tls, handlers, limits }: ListenerUpdate): void {
    this.updateTls(tls);
    this.settings = { ...this.settings, handlers };
    this.limits = limitsFor(this.settings.protocol, tls.clientCa !== undefined, { ...this.settings.limits, ...limits });
  }

  updateTls(tls: TlsFiles): void {
    checkTls(tls);
    this.updateSecureContext(tlsSettings(tls));
  }
}

function tlsSettings(tls: TlsFiles) {
  const { cert, key, clientCa, clientCertificate } = tls;
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: clientCertificate !== 'asked' };
}

/** The library would fall back to a key that everybody knows: rather no service than that. */
export function checkTls(tls: TlsFiles): void {
  if (tls.cert.trim() === '' || tls.key.trim() === '')
    throw new Error('TLS is asked for, but there is no certificate or key');
  createSecureContext({ ...tlsSettings(tls), minVersion: MIN_TLS_VERSION });
}
