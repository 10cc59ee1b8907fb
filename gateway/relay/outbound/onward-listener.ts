import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DELIVERY_ID_KEYWORD } from '@postern/shared/delivery/delivery-id.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type Listener, type ListenerTls, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import type { RelayConfig } from '../config.ts';
import type { OutboundSettings } from './settings.ts';

/**
 * Starts the port where the hub hands mail over: SMTP with STARTTLS on the private leg. A certificate is asked for and not
 * demanded in the handshake, because hosts of the DMZ may come without; who may send is judged at MAIL.
 */
export function startOnward(
  { hostname, limits, spool }: RelayConfig,
  listen: NonNullable<OutboundSettings['listen']>,
  handlers: SmtpHandlers,
  log: Log,
): Promise<Listener> {
  return startListener({
    protocol: 'smtp',
    hostname,
    address: listen.address,
    port: listen.port,
    tls: onwardTls(listen),
    handlers,
    log,
    spillFolder: join(spool.path, 'tmp'),
    extraMailParameters: [DELIVERY_ID_KEYWORD],
    limits: {
      maxMessageBytes: limits.maxMessageBytes,
      maxRecipients: limits.maxRecipients,
      maxHeaderFields: limits.maxHeaderCount,
      maxHeaderBytes: limits.maxHeaderBytes,
      maxConnections: listen.maxConnections,
      messageMemoryBytes: limits.messageMemoryBytes,
      idleTimeoutMs: limits.idleTimeoutMs,
      sessionTimeoutMs: limits.sessionTimeoutMs,
      spillBytes: limits.spillBytes,
    },
  });
}

/** Certificate and CA, read anew: at start, and when SIGHUP asks for a renewed one. */
export function onwardTls({ tls, clientCa }: NonNullable<OutboundSettings['listen']>): ListenerTls {
  const ca = readFileSync(clientCa, 'utf8');
  return { mode: 'starttls', ...readTlsIdentity(tls), clientCa: ca, clientCertificate: 'asked' };
}
