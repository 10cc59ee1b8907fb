import { readFileSync } from 'node:fs';
import { DELIVERY_ID_KEYWORD } from '@postern/shared/delivery/delivery-id.ts';
import { PLACEMENT_KEYWORD } from '@postern/shared/delivery/placement.ts';
import { MAX_HEADER_FIELDS } from '@postern/shared/message/header.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type Listener, type ListenerTls, startListener } from '@postern/shared/smtp/listener.ts';
import type { StoreConfig } from '../config.ts';
import { type LmtpService, lmtpHandlers } from './session.ts';

/**
 * Starts the port where gateways deliver: LMTP (RFC 2033) inside TLS from the first octet, for clients with a
 * certificate of our CA alone. Rejects when the address is taken or a certificate does not load.
 */
export function startLmtpServer(service: LmtpService): Promise<Listener> {
  const { config, log } = service;
  return startListener({
    protocol: 'lmtp',
    hostname: config.hostname,
    address: config.lmtp.listen.address,
    port: config.lmtp.listen.port,
    tls: lmtpTls(config),
    handlers: lmtpHandlers(service),
    log,
    limits: {
      maxMessageBytes: config.delivery.maxMessageBytes,
      // Gateways have judged the header already, and put fields of their own before it: what they accepted fits here.
      maxHeaderFields: MAX_HEADER_FIELDS,
      maxHeaderBytes: config.delivery.maxMessageBytes,
      maxConnections: config.lmtp.maxConnections,
      messageMemoryBytes: config.lmtp.messageMemoryBytes,
    },
    extraMailParameters: [DELIVERY_ID_KEYWORD, PLACEMENT_KEYWORD],
  });
}

/** Certificate and CA, read anew: at start, and when SIGHUP asks for a renewed one. */
export function lmtpTls(config: StoreConfig): ListenerTls {
  return { mode: 'implicit', ...readTlsIdentity(config.tls), clientCa: readFileSync(config.ca, 'utf8') };
}
