import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type Listener, type ListenerAuth, type ListenerTls, startListener } from '@postern/shared/smtp/listener.ts';
import type { StoreConfig } from '../config.ts';
import { TrustedClients } from '../sign-in/trusted-clients.ts';
import { FUTURE_RELEASE_PARAMETERS, futureReleaseLine } from './future-release.ts';
import { type HubSessionParts, hubHandlers } from './session.ts';

/** The listeners of the hub, as far as they are configured. */
export interface HubListeners {
  readonly hub: Listener | undefined;
  readonly submission: Listener | undefined;
  readonly submissions: Listener | undefined;
  /** Reads the certificate anew, for connections to come. Throws, and keeps the old one, when it does not load. */
  reloadTls(): void;
  close(graceMs: number): Promise<void>;
}

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;

/** Starts submission (587, 465) and SMTP for servers inside (25). Rejects when one cannot be listened on. */
export async function startHubListeners(
  store: Pick<StoreConfig, 'tls'>,
  parts: Omit<HubSessionParts, 'servers'>,
): Promise<HubListeners> {
  const { config, hostname, log } = parts;
  const { submission, intranet } = config;
  const identity = (): Pick<ListenerTls, 'cert' | 'key'> => readTlsIdentity(store.tls);
  const auth: ListenerAuth = {
    mechanisms: ['PLAIN', 'LOGIN'],
    required: true,
    allowPlaintext: ({ remoteAddress }) => submission.allowPlaintextLoopback && LOOPBACK.test(remoteAddress),
  };
  const start = (
    listen: { readonly address: string; readonly port: number } | undefined,
    mode: ListenerTls['mode'],
    servers?: TrustedClients,
  ): Promise<Listener | undefined> => {
    if (listen === undefined) return Promise.resolve(undefined);
    return startListener({
      protocol: 'smtp',
      hostname,
      ...listen,
      tls: { mode, ...identity() },
      handlers: hubHandlers({ ...parts, servers }),
      log,
      limits: {
        maxMessageBytes: config.maxMessageBytes,
        maxRecipients: config.maxRecipients,
        maxConnections: config.maxConnections,
        messageMemoryBytes: config.messageMemoryBytes,
      },
      ...(servers === undefined ? { auth } : {}),
      extensions:
        config.futureReleaseMs === 0
          ? []
          : [
              {
                line: () => futureReleaseLine(config.futureReleaseMs, Date.now()),
                mailParameters: FUTURE_RELEASE_PARAMETERS,
              },
            ],
    });
  };
  const started: Listener[] = [];
  const keep = (listener: Listener | undefined): Listener | undefined => {
    if (listener !== undefined) started.push(listener);
    return listener;
  };
  try {
    return {
      hub: keep(await start(intranet?.listen, 'starttls', new TrustedClients([], intranet?.networks ?? []))),
      submission: keep(await start(submission.listen, 'starttls')),
      submissions: keep(await start(submission.listenTls, 'implicit')),
      reloadTls() {
        const renewed = identity();
        for (const listener of started) listener.checkTls(renewed);
        for (const listener of started) listener.updateTls(renewed);
      },
      async close(graceMs) {
        await Promise.all(started.map((listener) => listener.close(graceMs)));
      },
    };
  } catch (error) {
    for (const listener of started) await listener.close(0);
    throw error;
  }
}
