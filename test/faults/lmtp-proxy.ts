import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { TestStack } from '../support/stack.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';

/** A free port on a leg of the test stack. */
export async function freePortOn(host: string): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((done) => server.listen(0, host, done));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/**
 * Starts a proxy between gateway and store on a port that the gateway was configured with: it has the certificates of both, so
 * that it sees the plain LMTP on both sides.
 */
export function startLmtpProxy(stack: TestStack, port: number): Promise<CuttingProxy> {
  const pem = (name: string): Buffer => readFileSync(join(stack.folder, 'pki', name));
  const { host, port: storePort } = stack.endpoints.lmtp;
  const server = createServer({ cert: pem('store.pem'), key: pem('store.key') });
  const open = () =>
    connect({
      host,
      port: storePort,
      ca: pem('ca.pem'),
      cert: pem('relay.pem'),
      key: pem('relay.key'),
      servername: stack.names.store,
    });
  return startCuttingProxy(server, 'secureConnection', open, { host, port });
}
