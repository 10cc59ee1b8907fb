import { receivedHeader, type TransmissionProtocol } from '@postern/shared/message/trace-header.ts';
import type { SmtpSession } from '@postern/shared/smtp/listener.ts';

/** What the Received field of a submission shows of its client when nothing is to be known of it: RFC 6761 §6.4, RFC 5737. */
const HIDDEN = { helo: 'hidden.invalid', address: '0.0.0.0' };

export interface HubTrace {
  readonly hostname: string;
  readonly id: string;
  readonly hideClient: boolean;
  /** Named only when it is the only one (RFC 5321 §7.2). */
  readonly recipients: readonly string[];
  readonly date: Date;
}

/** RFC 5321 §4.4: the Received field of a message that a client handed over. */
export function submissionTrace(
  session: SmtpSession,
  { hostname, id, hideClient, recipients, date }: HubTrace,
): string {
  const [only, ...others] = recipients;
  return receivedHeader({
    fromHelo: hideClient ? HIDDEN.helo : (session.heloName ?? 'unknown'),
    fromAddress: hideClient ? HIDDEN.address : session.remoteAddress,
    byHost: hostname,
    withProtocol: session.withProtocol as TransmissionProtocol,
    tls: session.tls === undefined ? undefined : { version: session.tls.protocol, cipher: session.tls.cipher },
    id,
    forRecipient: others.length === 0 ? only : undefined,
    date,
  });
}

/** The same of a message that was in the store already: taken from the Outbox, or caused by a delivery. */
export function innerTrace(hostname: string, id: string, date: Date): string {
  return receivedHeader({
    fromHelo: hostname,
    fromAddress: '127.0.0.1',
    byHost: hostname,
    withProtocol: 'ESMTP',
    id,
    date,
    zoneOffsetMinutes: 0,
  });
}
