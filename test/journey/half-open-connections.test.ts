import { once } from 'node:events';
import { connect as connectPlain, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { ConnectionGone } from '@postern/store/connection/client-connection.ts';
import { type ServedSession, startSessionServer } from '@postern/store/connection/session-server.ts';
import { ServerTls } from '@postern/store/connection/tls-identity.ts';
import { Connection } from '@postern/store/imap/connection.ts';
import { UNAUTHENTICATED_LIMITS } from '@postern/store/imap/session-limits.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTestPki, type TestPki } from '../support/pki.ts';

let pki: TestPki;

beforeAll(async () => {
  pki = await makeTestPki();
});

afterAll(() => pki?.remove());

it('a client that refuses the certificate leaves no socket; one that has said all is still answered', {
  timeout: 60_000,
}, async () => {
  const server = await startSessionServer({
    ...{ service: 'test', listen: undefined, listenTls: { address: '127.0.0.1', port: 0 }, requestCert: true },
    ...{ tls: new ServerTls(pki.store, pki.ca), maxSessions: 10, tooMany: '', stopGraceMs: 1_000, log: silentLog() },
    open(socket): ServedSession {
      const ended = new Promise<void>((done) => {
        socket.on('error', () => done());
        socket.on('end', () => setImmediate(() => socket.end('answer')));
        socket.on('close', () => done());
        socket.resume();
      });
      return { run: () => ended, stop: async () => {} };
    },
  });
  const at = { host: '127.0.0.1', port: server.listening.tls?.port ?? 0 };
  const refused = await new Promise<string>((done) => {
    // Trusts no CA of ours.
    connect(at).once('error', (error: NodeJS.ErrnoException) => done(error.code ?? ''));
  });
  expect(refused).toMatch(/CERT|VERIFY|SELF_SIGNED/);
  const heard = await new Promise<string>((done) => {
    let text = '';
    const halfOpen = { ...at, rejectUnauthorized: false, allowHalfOpen: true };
    const client = connect(halfOpen);
    client.on('data', (chunk) => {
      text += String(chunk);
    });
    client.once('secureConnect', () => client.end('question'));
    client.once('end', () => done(text));
  });
  expect(heard).toBe('answer');
  // Waits for every socket of the listener.
  await server.close();
});

it('a client that leaves in the middle of STARTTLS ends its session at once', { timeout: 60_000 }, async () => {
  const { context } = new ServerTls(pki.store, pki.ca);
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connectPlain(port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  const aDayMs = 86_400_000;
  const session = new Connection(socket, UNAUTHENTICATED_LIMITS, aDayMs);
  const begun = session.startTls(context, false);
  client.destroy();
  await expect(begun).rejects.toThrow(ConnectionGone);
  server.close();
});
