import { once } from 'node:events';
import { connect } from 'node:net';
import type { ListenerLimits } from '@postern/shared/smtp/listener.ts';
import { startTestListener } from '../smtp/support.ts';
import type { DialogueService } from './dialogue.ts';

/** How the service of each folder beside this file is started. A new protocol adds its folder here. */
export const services: Readonly<
  Record<string, (settings: Readonly<Record<string, unknown>>) => Promise<DialogueService>>
> = {
  smtp: (settings) => listener('smtp', settings),
  lmtp: (settings) => listener('lmtp', settings),
};

/** The listener with handlers that take everything but recipients that begin with `no`; settings are its limits. */
async function listener(
  protocol: 'smtp' | 'lmtp',
  settings: Readonly<Record<string, unknown>>,
): Promise<DialogueService> {
  const limits: Partial<ListenerLimits> = { softErrorDelayMs: 0, ...settings };
  const started = await startTestListener({
    protocol,
    limits,
    extraMailParameters: protocol === 'lmtp' ? ['XDELIVERYID'] : [],
  });
  return {
    open: async () => {
      const socket = connect({ host: started.listener.address, port: started.listener.port });
      await once(socket, 'connect');
      return socket;
    },
    close: () => started.listener.close(1),
  };
}
