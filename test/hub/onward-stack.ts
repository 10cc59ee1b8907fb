import type { StackOptions } from '../support/stack.ts';

/** A whole stack whose mail leaves to a server on this port, and whose queues try again soon. */
export function impatientOutwards(port: number): StackOptions {
  return {
    store: (settings) => ({
      ...settings,
      hub: { ...settings.hub, queue: { pollMs: 50, retryMs: 100, maxRetryMs: 500, leaseMs: 1_500 } },
    }),
    relay: (settings) => ({
      ...settings,
      spool: { ...settings.spool, storeTestMs: 100, retryMs: 200, maxRetryMs: 1_000 },
      outbound: {
        localAddress: '127.0.0.1',
        ...settings.outbound,
        smartHost: { host: '127.0.0.1', port, tls: 'none' },
        allowNetworks: ['127.0.0.0/8'],
        srs: { domain: 'domain1.example', secrets: ['a secret of these tests'] },
        queue: { retryMs: 200, maxRetryMs: 1_000 },
      },
    }),
  };
}
