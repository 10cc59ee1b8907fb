import { freePort } from '@postern/infra/demo/free-port.ts';
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts';
import { type StackOptions, startStack, type TestStack } from '../support/stack.ts';

/** A whole stack, and the world that its mail leaves to. */
export interface OnwardStack {
  readonly stack: TestStack;
  readonly sink: SmtpSink;
  stop(): Promise<void>;
}

export async function startOnwardStack(): Promise<OnwardStack> {
  const port = await freePort();
  const sink = await startSmtpSink(port);
  const stack = await startStack(impatientOutwards(port)).catch(async (fault: unknown) => {
    await sink.stop();
    throw fault;
  });
  return {
    stack,
    sink,
    async stop() {
      await stack.stop();
      await sink.stop();
    },
  };
}

/** A whole stack whose mail leaves to a server on this port, and whose queues try again soon. */
function impatientOutwards(port: number): StackOptions {
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
