import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { HardenedConnection } from './listener/connection.ts';
import { checkTls, HardenedServer } from './listener/server.ts';
import type { Listener, ListenerOptions } from './listener/session.ts';

export type * from './listener/session.ts';

const DEFAULT_GRACE_MS = 10_000;

/**
 * Starts an SMTP or LMTP listener and resolves when it answers. Rejects when the address is taken or not ours, and
 * when the certificate is missing or does not load: no service starts without the one it is to show.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const server = new HardenedServer(options);
  const net = server.listen(options.port, options.address);
  await once(net, 'listening');
  const { address, port } = net.address() as AddressInfo;
  return {
    address,
    port,
    get connections() {
      return server.connections.size;
    },
    checkTls,
    updateTls: (tls) => server.updateTls(tls),
    update: (settings) => server.update(settings),
    close: (graceMs = DEFAULT_GRACE_MS) => closeServer(server, graceMs),
  };
}

function closeServer(server: HardenedServer, graceMs: number): Promise<void> {
  server.stopping = true;
  server.options.closeTimeout = Math.max(1, graceMs);
  return new Promise((resolve) => {
    server.close(resolve);
    for (const connection of server.connections) (connection as HardenedConnection).stop();
  });
}
