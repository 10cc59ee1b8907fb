import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { type ClientOptions, ConnectFailure, type SmtpConnection } from '@postern/shared/smtp/client.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { SpooledMessage } from '../spool/spool.ts';
import { envelopeFor, type SpoolRecipient } from '../spool/spool-file.ts';
import type { Connections } from './connections.ts';
import { findNextHops, type MailHost, type NextHopOptions } from './next-hops.ts';
import { refusalByOffer } from './offered-extensions.ts';
import type { DomainSecurity, Protection, TransportSecurity } from './transport-security.ts';

/** What became of one transaction, or of the attempt to begin one. */
export interface Outgoing {
  /** In the order of the recipients. */
  readonly outcomes: readonly Outcome[];
  /** The host that gave them, if one did. */
  readonly host?: string | undefined;
  /** Version of TLS and what it was based on, or `plain`. */
  readonly tls?: string | undefined;
  /** The host offers DSN, and was told what the sender wants to know (RFC 3461 §5.2.2). */
  readonly reportsPassedOn: boolean;
  /** `silent`: nobody could be reached. `not-tried`: the DNS or a policy decided. */
  readonly reached: 'answered' | 'silent' | 'not-tried';
}

/** A server that takes mail for a domain by configuration. */
export interface SmartHost {
  readonly host: string;
  readonly port: number;
  readonly tls: ClientOptions['tls'];
}

export interface OutsideWayOptions {
  readonly hostname: string;
  readonly localAddress: string;
  readonly localAddressIpv6?: string | undefined;
  readonly port: number;
  readonly smartHostOf: (domain: string) => SmartHost | undefined;
  /** Delivers by MX where there is no smart host. */
  readonly direct: boolean;
  readonly nextHops: NextHopOptions;
  readonly security: TransportSecurity;
  readonly connections: Connections;
  readonly timeouts?: ClientOptions['timeouts'];
  /** What leaves: with the reverse-path and the header that the outside is to see. */
  readonly prepare: (message: SpooledMessage) => Promise<PreparedMessage>;
  readonly log: Log;
}

export interface PreparedMessage {
  readonly reversePath: string;
  readonly content: readonly Buffer[];
  readonly bytes: number;
}

/** TCP, TLS and greeting of somebody else's server (RFC 5321 §4.5.3.2 allows more; a dead one costs a place). */
const CONNECT_MS = 30_000;
/** RFC 5321 §4.5.3.2: 5 minutes for a command, 10 for the last reply. */
const TIMEOUTS = { connectMs: CONNECT_MS, commandMs: 300_000, dataMs: 180_000, finalReplyMs: 600_000 };
const NOBODY = reply(451, '4.4.1', 'No mail server of the domain answers');
const NO_WAY = reply(451, '4.3.5', 'There is no way to this domain (outbound.direct, outbound.smartHost)');
const NOT_SAFE = reply(451, '4.7.5', 'No mail server of the domain can be reached as safely as its policy demands');

/** The way out: to the hosts of a domain in their order, each protected as it must be, until one gives its word. */
export class OutsideWay {
  readonly #options: OutsideWayOptions;
  #held: ReadonlySet<string> = new Set();

  constructor(options: OutsideWayOptions) {
    this.#options = options;
  }

  hold(domains: readonly string[]): void {
    this.#held = new Set(domains.map((domain) => domain.toLowerCase()));
  }

  isHeld(domain: string): boolean {
    return this.#held.has(domain) || this.#held.has('*');
  }

  prepare(message: SpooledMessage): Promise<PreparedMessage> {
    return this.#options.prepare(message);
  }

  /** Sends to recipients of one domain. Never rejects for what DNS, network or peers do. */
  async send(
    domain: string,
    message: SpooledMessage,
    prepared: PreparedMessage,
    recipients: readonly SpoolRecipient[],
  ): Promise<Outgoing> {
    const envelope = { ...envelopeFor(message.envelope, recipients), reversePath: prepared.reversePath };
    const parcel: Parcel = { envelope, prepared, deliveryId: message.envelope.deliveryId };
    const smartHost = this.#options.smartHostOf(domain);
    if (smartHost !== undefined) return this.#toSmartHost(smartHost, parcel);
    if (!this.#options.direct) return decided(parcel, 'deferred', NO_WAY, 'no smart host for the domain');
    const [hops, security] = await Promise.all([
      findNextHops(domain, this.#options.nextHops),
      this.#options.security.ofDomain(domain),
    ]);
    if (hops.kind !== 'hosts') return decided(parcel, hops.kind, hops.reply, hops.cause);
    return this.#toHosts(hops.hosts, hops.authenticated, security, parcel);
  }

  async #toHosts(
    hosts: readonly MailHost[],
    provenMx: boolean,
    security: DomainSecurity,
    parcel: Parcel,
  ): Promise<Outgoing> {
    const troubles: Trouble[] = [];
    for (const host of hosts) {
      const judged = await this.#options.security.ofHost(security, host, provenMx);
      if (!judged.ok) {
        troubles.push({ kind: 'unsafe', host: host.name, cause: judged.cause });
        continue;
      }
      for (const address of host.addresses) {
        const tried = await this.#tryAddress(host.name, address, security, judged.protection, parcel);
        if (!('kind' in tried)) return tried;
        troubles.push(tried);
      }
    }
    return ofTroubles(parcel, troubles);
  }

  /** A transaction with one address, or what kept it from beginning. */
  async #tryAddress(
    host: string,
    address: string,
    security: DomainSecurity,
    protection: Protection,
    parcel: Parcel,
  ): Promise<Outgoing | Trouble> {
    const key = `${address} ${protection.key}`;
    const kept = this.#options.connections.take(key);
    if (kept !== undefined) {
      const outgoing = await this.#transact(kept, key, host, protection.kind, parcel);
      // It had died unseen, and nothing of the message can have arrived.
      if (outgoing !== undefined) return outgoing;
    }
    const failed = (error: unknown): Trouble => {
      if (!(error instanceof ConnectFailure)) throw error;
      this.#options.security.noteFailure(security, host, protection, error.stage, error.message);
      const aboutTls = !['network', 'greeting'].includes(error.stage) && !protection.mayBePlain;
      return { kind: aboutTls ? 'unsafe' : 'silent', host, cause: error.message, reply: error.reply };
    };
    let connection: SmtpConnection;
    try {
      connection = await this.#connect(address, protection.tls);
    } catch (error) {
      const trouble = failed(error);
      const byTls = error instanceof ConnectFailure && ['no-tls', 'handshake', 'certificate'].includes(error.stage);
      if (!byTls || !protection.mayBePlain) return trouble;
      // RFC 7435 §3: where nothing asks for TLS, plain text is better than no mail.
      try {
        connection = await this.#connect(address, { mode: 'none' });
      } catch (second) {
        return failed(second);
      }
    }
    this.#options.security.noteSuccess(security, host, protection, connection.tls !== undefined);
    const outgoing = await this.#transact(connection, key, host, protection.kind, parcel, 'fresh');
    return outgoing ?? { kind: 'silent', host, cause: 'the connection was lost' };
  }

  #connect(address: string, tls: ClientOptions['tls'], port = this.#options.port): Promise<SmtpConnection> {
    const { hostname, localAddress, localAddressIpv6, timeouts, connections } = this.#options;
    const isV6 = address.includes(':');
    const own = isV6 === localAddress.includes(':') ? localAddress : localAddressIpv6;
    return connections.open({
      host: address,
      port,
      localAddress: own,
      protocol: 'smtp',
      heloName: hostname,
      tls,
      timeouts: { ...TIMEOUTS, ...timeouts },
    });
  }

  /** Undefined when the connection was lost before anything of the message was sent, so that another may be tried. */
  async #transact(
    connection: SmtpConnection,
    key: string,
    host: string,
    basis: Protection['kind'] | 'smart-host',
    { envelope, prepared, deliveryId }: Parcel,
    age: 'kept' | 'fresh' = 'kept',
  ): Promise<Outgoing | undefined> {
    const tls = connection.tls === undefined ? 'plain' : `${connection.tls.protocol} ${basis}`;
    const refusal = refusalByOffer(connection.capabilities, envelope, prepared);
    if (refusal !== undefined) {
      this.#options.connections.giveBack(key, connection);
      const outcomes = envelope.recipients.map(
        (): Outcome => ({ kind: 'failed', reply: refusal, cause: 'not offered' }),
      );
      return { outcomes, host, tls, reportsPassedOn: false, reached: 'answered' };
    }
    const outcomes = await connection.send(envelope, prepared.content, { size: prepared.bytes, deliveryId });
    const lost = !connection.usable && outcomes.every((o) => o.kind === 'deferred' && o.cause !== undefined);
    const mayRepeat = lost && connection.mayRepeat;
    this.#options.connections.giveBack(key, connection);
    if (mayRepeat) return undefined;
    const reportsPassedOn = connection.capabilities.has('DSN');
    return { outcomes, host, tls, reportsPassedOn, reached: lost && age === 'fresh' ? 'silent' : 'answered' };
  }

  async #toSmartHost({ host, port, tls }: SmartHost, parcel: Parcel): Promise<Outgoing> {
    const key = `${host}:${port} smart-host`;
    const { connections } = this.#options;
    const kept = connections.take(key);
    const first = kept === undefined ? undefined : await this.#transact(kept, key, host, 'smart-host', parcel);
    if (first !== undefined) return first;
    try {
      const connection = await this.#connect(host, tls, port);
      const outgoing = await this.#transact(connection, key, host, 'smart-host', parcel, 'fresh');
      return outgoing ?? ofTroubles(parcel, [{ kind: 'silent', host, cause: 'the connection was lost' }]);
    } catch (error) {
      if (!(error instanceof ConnectFailure)) throw error;
      return ofTroubles(parcel, [{ kind: 'silent', host, cause: error.message, reply: error.reply }]);
    }
  }
}

interface Parcel {
  readonly envelope: Envelope;
  readonly prepared: PreparedMessage;
  readonly deliveryId: string;
}

/** Why a host took nothing. `unsafe`: it answers, and not as safely as it must. */
interface Trouble {
  readonly kind: 'silent' | 'unsafe';
  readonly host: string;
  readonly cause: string;
  /** Its own words, if it said some. */
  readonly reply?: Reply | undefined;
}

function decided(parcel: Parcel, kind: 'deferred' | 'failed', answer: Reply, cause: string): Outgoing {
  const outcomes = parcel.envelope.recipients.map((): Outcome => ({ kind, reply: answer, cause }));
  return { outcomes, reportsPassedOn: false, reached: 'not-tried' };
}

/** No host took it: the words of one are told, if any spoke; a refusal in a greeting is never the message's end. */
function ofTroubles({ envelope }: Parcel, troubles: readonly Trouble[]): Outgoing {
  const spoke = troubles.find((trouble) => trouble.reply !== undefined);
  const unsafe = troubles.find((trouble) => trouble.kind === 'unsafe');
  const words = spoke?.reply === undefined ? undefined : `${spoke.host} said: ${spoke.reply.code} ${spoke.reply.text}`;
  const base = unsafe === undefined ? NOBODY : NOT_SAFE;
  const detail = words ?? unsafe?.cause;
  const answer = detail === undefined ? base : { ...base, text: `${base.text}: ${detail}` };
  const cause = troubles
    .map((trouble) => trouble.cause)
    .join('; ')
    .slice(0, 2_000);
  const outcomes = envelope.recipients.map((): Outcome => ({ kind: 'deferred', reply: answer, cause }));
  return { outcomes, host: (spoke ?? troubles.at(-1))?.host, reportsPassedOn: false, reached: 'silent' };
}
