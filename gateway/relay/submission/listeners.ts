import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type Listener, type SmtpHandlers, startListener } from '@postern/shared/smtp/listener.ts';
import type { RelayConfig } from '../config.ts';

/** Starts the public ports of submission, those that are configured. AUTH is offered inside TLS alone (RFC 8314 §3). */
export async function startSubmission(config: RelayConfig, handlers: SmtpHandlers, log: Log): Promise<Listener[]> {
  const { hostname, smtp, limits, spool, submission } = config;
  if (submission === undefined) return [];
  const listeners: Listener[] = [];
  for (const { address, port, mode } of submission.listen) {
    listeners.push(
      await startListener({
        ...{ protocol: 'smtp', hostname, address, port, handlers, log, proxies: smtp.proxies },
        tls: { mode, ...readTlsIdentity(smtp.tls) },
        auth: { mechanisms: ['PLAIN', 'LOGIN'], required: true },
        spillFolder: join(spool.path, 'tmp'),
        limits: {
          maxMessageBytes: limits.maxMessageBytes,
          maxRecipients: submission.maxRecipients,
          maxHeaderFields: limits.maxHeaderCount,
          maxHeaderBytes: limits.maxHeaderBytes,
          maxConnections: submission.maxConnections,
          maxConnectionsPerAddress: limits.maxConnectionsPerAddress,
          idleTimeoutMs: limits.idleTimeoutMs,
          sessionTimeoutMs: limits.sessionTimeoutMs,
          spillBytes: limits.spillBytes,
          messageMemoryBytes: Math.floor(limits.messageMemoryBytes / submission.listen.length / 2),
        },
      }),
    );
  }
  return listeners;
}
