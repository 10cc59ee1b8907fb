import type { TLSSocket } from 'node:tls';
import type { Placement } from '../delivery/placement.ts';

/** How the client protects a connection. `ca`, `cert` and `key` are PEM texts. */
export interface ClientTls {
  /**
   * `starttls` demands it: a server that does not offer it is not used. `offered` takes it where it is offered, with any
   * certificate unless `judge` says otherwise (RFC 7435).
   */
  readonly mode: 'implicit' | 'starttls' | 'offered' | 'none';
  /**
   * Judges the server's certificate in the place of the check against `ca` and the name: undefined is good, else why not.
   * For DANE (RFC 7672), and for TLS without authentication.
   */
  readonly judge?: ((socket: TLSSocket) => string | undefined) | undefined;
  /** CA that must have signed the server's certificate; the system's CAs when undefined. */
  readonly ca?: string | undefined;
  /** Our client certificate and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name (or IP address) that the server's certificate must carry, if not the host. */
  readonly serverName?: string | undefined;
}

/** Deadlines, from RFC 5321 §4.5.3.2 downwards. */
export interface ClientTimeouts {
  /** TCP, TLS, greeting and EHLO together. */
  readonly connectMs: number;
  /** Reply to a command. */
  readonly commandMs: number;
  /** Any progress of sending the content. */
  readonly dataMs: number;
  /** From the final dot to the last reply. */
  readonly finalReplyMs: number;
}

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** Address from which the connection leaves: the leg. */
  readonly localAddress?: string | undefined;
  readonly protocol: 'smtp' | 'lmtp';
  /** Our name in EHLO or LHLO. */
  readonly heloName: string;
  readonly tls: ClientTls;
  readonly timeouts?: Partial<ClientTimeouts> | undefined;
  /** Ends the connection, at any time. */
  readonly signal?: AbortSignal | undefined;
}

/** Content of a message: CRLF line ends, dots not stuffed. Pieces are sent one after the other. */
export type MessageData = Buffer | readonly Buffer[] | AsyncIterable<Buffer>;

export interface SendOptions {
  /** Sent as XDELIVERYID when the server offers it. */
  readonly deliveryId?: string | undefined;
  /** Sent as XPLACEMENT when the server offers it. */
  readonly placement?: Placement | undefined;
  /** Octets of the content, for SIZE= when it is not a Buffer. */
  readonly size?: number | undefined;
}

export interface ProbeOptions {
  /** RFC 1870: octets of the message to come. */
  readonly size?: number | undefined;
  readonly smtpUtf8?: boolean | undefined;
}
