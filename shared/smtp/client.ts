import type { Outcome } from '../delivery/outcome.ts';
import type { ClientOptions, MessageData, ProbeOptions, SendOptions } from './client-options.ts';
import type { Envelope } from './envelope.ts';

export type * from './client-options.ts';

/** An open SMTP or LMTP connection, past EHLO. One transaction at a time. */
export interface SmtpConnection {
  /** Keywords of the EHLO reply in upper case, with their arguments (`''` when none). */
  readonly capabilities: ReadonlyMap<string, string>;
  /** Whether another transaction may begin: open, in sync, not told 421. */
  readonly usable: boolean;
  /** Asks what the server would say: MAIL, each RCPT, RSET, in one write. One outcome a recipient, in order. */
  probe(reversePath: string, recipients: readonly string[], options?: ProbeOptions): Promise<readonly Outcome[]>;
  /**
   * Sends one message. One outcome a recipient, in order; never rejects for what a peer or network does. LMTP: final
   * replies are recorded as they come, so a connection that dies between them defers only those without a reply.
   */
  send(envelope: Envelope, data: MessageData, options?: SendOptions): Promise<readonly Outcome[]>;
  /** Says QUIT and closes. */
  quit(): Promise<void>;
  /** Closes at once. */
  destroy(): void;
}

/** The server could not be reached, or refused to talk to us: `message` says where and why. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure';
}

/** Connects, protects the connection as told, and says EHLO (LHLO). Rejects with {@link ConnectFailure}. */
export async function connectSmtp(options: ClientOptions): Promise<SmtpConnection> {
  throw new ConnectFailure(`the client for ${options.host} is not built yet`);
}
