import type { Log } from '../../runtime/log.ts';
import type { MemoryBudget } from '../../runtime/memory-budget.ts';
import type { Envelope, EnvelopeRecipient } from '../envelope.ts';
import type { Reply } from '../reply.ts';

/** What is known of the TLS layer below a session. */
export interface SessionTls {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** Name of the cipher suite. */
  readonly cipher: string;
  /** The client's certificate; only present when it was verified against the listener's `clientCa`. */
  readonly peer?: PeerCertificate | undefined;
}

/** A verified client certificate. */
export interface PeerCertificate {
  readonly commonName: string;
  /** dNSName entries of subjectAltName. */
  readonly dnsNames: readonly string[];
  /** SHA-256 of the certificate, hex with colons. */
  readonly fingerprint256: string;
}

/**
 * One connection, as its handlers see it. The object is the same for the whole connection, so that handlers may keep
 * their own state beside it in a WeakMap.
 */
export interface SmtpSession {
  /** Random id of the connection, for the log. */
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Argument of HELO, EHLO or LHLO; undefined before it. Unverified: for the log and the Received header. */
  readonly heloName: string | undefined;
  /** RFC 3848 “with” keyword: SMTP, ESMTP, ESMTPS, UTF8SMTP …, LMTP, LMTPS. */
  readonly withProtocol: string;
  readonly tls: SessionTls | undefined;
  /** Who signed in by AUTH: the name that {@link SmtpHandlers.onAuth} granted. */
  readonly user: string | undefined;
}

/** What a client gave by AUTH (RFC 4954). The handler checks it, and logs none of it but the name. */
export type SaslCredentials =
  | {
      readonly mechanism: 'PLAIN' | 'LOGIN';
      /** Whom to act as; `''` is the user. */
      readonly authorizationId: string;
      readonly user: string;
      readonly password: string;
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly authorizationId: string; readonly token: string };

export type AuthAnswer =
  | { readonly kind: 'granted'; readonly user: string }
  | { readonly kind: 'refused'; readonly reply: Reply };

/** AUTH of a listener: offered inside TLS alone. */
export interface ListenerAuth {
  readonly mechanisms: readonly SaslCredentials['mechanism'][];
  /** MAIL before AUTH is answered 530 (RFC 4954 §6). */
  readonly required: boolean;
  /** Clients that may use it without TLS: on loopback, in a demo. */
  readonly allowPlaintext?: ((session: SmtpSession) => boolean) | undefined;
}

/** An extension of SMTP that a service offers beyond those of every listener. */
export interface ListenerExtension {
  /** Its line in the reply to EHLO. */
  readonly line: () => string;
  /** Parameters of MAIL that come with it. */
  readonly mailParameters: readonly string[];
}

/** ESMTP parameters of one MAIL command, checked and decoded. */
export interface MailParameters {
  /** RFC 1870: the size that the client announces, in octets. */
  readonly size?: number | undefined;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly envid?: string | undefined;
  readonly requireTls: boolean;
  /** Values of the parameters that the listener's `extraMailParameters` allows, by upper-case keyword. */
  readonly extra: ReadonlyMap<string, string>;
}

/** The envelope of a received message, with the extra parameters of its MAIL command. */
export interface ReceivedEnvelope extends Envelope {
  readonly extra: ReadonlyMap<string, string>;
}

/** A message received by DATA or BDAT: dots unstuffed, every line ended by CRLF, no NUL, no bare CR or LF. */
export interface ReceivedMessage {
  /** All its octets. */
  readonly content: Buffer;
  /** Octets of the header section, the empty line that ends it excluded. */
  readonly headerBytes: number;
}

type Awaitable<T> = T | Promise<T>;

/**
 * What a service does with a session. Each handler answers with the reply that the peer hears: 2yz accepts, 4yz and 5yz
 * refuse. A handler that throws is logged and answered 451 4.3.0; the session goes on.
 */
export interface SmtpHandlers {
  /** A connection was accepted; {@link onClose} follows each of these. */
  onOpen?(session: SmtpSession): void;
  /** Before the greeting. A reply refuses the client (554, or 421) and ends the connection; undefined greets it. */
  onConnect?(session: SmtpSession): Awaitable<Reply | undefined>;
  /** AUTH, with complete credentials. Needed where {@link ListenerOptions.auth} is given. */
  onAuth?(session: SmtpSession, credentials: SaslCredentials): Awaitable<AuthAnswer>;
  onMail(session: SmtpSession, reversePath: string, parameters: MailParameters): Awaitable<Reply>;
  /** One RCPT. The transaction so far is in `transaction`: reverse-path, parameters, the recipients accepted. */
  onRecipient(session: SmtpSession, recipient: EnvelopeRecipient, transaction: ReceivedEnvelope): Awaitable<Reply>;
  /**
   * After the final dot. SMTP: one reply, given after the message is durable (invariant 1). LMTP: either one reply for
   * all, or one for each recipient in the order of `envelope.recipients` (RFC 2033 §4.2), the same address twice included.
   */
  onData(
    session: SmtpSession,
    envelope: ReceivedEnvelope,
    message: ReceivedMessage,
  ): Awaitable<Reply | readonly Reply[]>;
  /** A transaction ended without DATA: RSET, a new EHLO, STARTTLS or a lost connection. */
  onReset?(session: SmtpSession): void;
  onClose?(session: SmtpSession): void;
  /** The listener itself refused something (syntax, limits, smuggling): for the log and for metrics. */
  onRefused?(session: SmtpSession, stage: RefusalStage, reply: Reply, cause: string): void;
}

export type RefusalStage = 'connect' | 'helo' | 'auth' | 'mail' | 'rcpt' | 'data' | 'command';

/** PEM texts of the listener's certificate, and of the CA whose client certificates are demanded. */
export interface ListenerTls {
  /** `starttls` offers RFC 3207; `implicit` speaks TLS from the first octet. */
  readonly mode: 'starttls' | 'implicit';
  readonly cert: string;
  readonly key: string;
  /** When given, a client without a certificate signed by this CA is refused in the handshake. */
  readonly clientCa?: string | undefined;
  /** Only asks for that certificate: who has none is a client that nobody verified. */
  readonly clientCertificate?: 'asked' | undefined;
}

/** Bounds of time and memory, each with a default in limits.ts. */
export interface ListenerLimits {
  /** RFC 1870: announced, and enforced at MAIL and in DATA. */
  readonly maxMessageBytes: number;
  /** RFC 5321 §4.5.3.1.8: more are answered 452 4.5.3. */
  readonly maxRecipients: number;
  readonly maxHeaderFields: number;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Longest command line, CRLF included. */
  readonly maxCommandBytes: number;
  /** Memory for messages being received or handled, of all sessions of this listener: 452 4.3.1 beyond. */
  readonly messageMemoryBytes: number;
  /**
   * A message larger than this waits in a nameless file until it is complete, so that large messages of slow clients take no
   * memory; only with {@link ListenerOptions.spillFolder}.
   */
  readonly spillBytes: number;
  /** Longest that a complete message from a file waits for its share of the memory: 452 4.3.1 beyond. */
  readonly memoryWaitMs: number;
  /**
   * Pause before the greeting of a client that nobody knows, in which it must keep silent (RFC 5321 §4.3.1): early talkers
   * get 554. A client that passed is greeted at once for a day. 0: nobody waits.
   */
  readonly greetingWaitMs: number;
  /** From this many errors on, each reply waits `softErrorDelayMs`. */
  readonly softErrors: number;
  readonly softErrorDelayMs: number;
  /** After this many errors: 421 and the connection ends. */
  readonly hardErrors: number;
  /** Commands that move no mail (NOOP, RSET, VRFY, HELP, EHLO …) between two messages; each further one is an error. */
  readonly junkCommands: number;
  /** The client owes us octets and sends none. */
  readonly idleTimeoutMs: number;
  /** From the connection to its end, whatever is sent; renewed by each message that is accepted. */
  readonly sessionTimeoutMs: number;
  /** Rate below which DATA is ended with 421, measured from 354 on after a grace of `idleTimeoutMs`. */
  readonly minDataBytesPerSecond: number;
}

export interface ListenerOptions {
  readonly protocol: 'smtp' | 'lmtp';
  /** Name in the greeting and in the reply to EHLO. */
  readonly hostname: string;
  readonly address: string;
  /** 0 lets the kernel choose; see {@link Listener.port}. */
  readonly port: number;
  readonly tls?: ListenerTls | undefined;
  readonly handlers: SmtpHandlers;
  readonly log: Log;
  readonly limits?: Partial<ListenerLimits> | undefined;
  /**
   * Keywords announced in EHLO/LHLO and accepted as parameters of MAIL, e.g. XDELIVERYID; where the listener has a `clientCa`,
   * for clients with a verified certificate alone.
   */
  readonly extraMailParameters?: readonly string[] | undefined;
  readonly extensions?: readonly ListenerExtension[] | undefined;
  readonly auth?: ListenerAuth | undefined;
  /** Memory for messages that several listeners share; else `messageMemoryBytes` for its own. */
  readonly memory?: MemoryBudget | undefined;
  /** Folder for messages larger than `spillBytes`; everything stays in memory without it. */
  readonly spillFolder?: string | undefined;
  /**
   * Addresses and networks (`192.0.2.0/24`) of load balancers that tell the client by the PROXY protocol, version 1 or 2. They
   * have to; a header from anybody else is no command.
   */
  readonly proxies?: readonly string[] | undefined;
}

/** What can be exchanged of a certificate while the listener runs. */
export type TlsFiles = Pick<ListenerTls, 'cert' | 'key' | 'clientCa' | 'clientCertificate'>;

export interface ListenerUpdate {
  readonly tls: TlsFiles;
  readonly handlers: SmtpHandlers;
  readonly limits: Partial<ListenerLimits>;
}

/** A listener that answers. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Throws when a certificate would not load. */
  checkTls(tls: TlsFiles): void;
  /** Takes a new certificate for connections to come; throws, and keeps the old one, if the new one does not load. */
  updateTls(tls: TlsFiles): void;
  /**
   * Takes new settings: the certificate and handlers for connections to come, limits for all but memory at once. Throws, and
   * changes nothing, when the certificate does not load.
   */
  update(settings: ListenerUpdate): void;
  /** Stops accepting, lets transactions in DATA end within the grace, answers the others 421, closes. */
  close(graceMs?: number): Promise<void>;
}
