import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { keepDemoCertificates } from '@postern/infra/demo/certificates.ts';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { layoutOf } from '@postern/infra/demo/layout.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { familyOf } from '../bench/measure/processes.ts';
import { EventFeed, WebClient } from '../support/jmap.ts';
import { eventually } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** The webmail host as its administrator sees it, with two workers: health, metrics, certificates, a worker that dies, guessing. */
const USER = 'user1@domain1.example';
let stack: TestStack;
let metricsPort: number;
beforeAll(async () => {
  metricsPort = await freePort();
  stack = await startStack({
    withWebmail: true,
    directory: 'embedded',
    without: ['relay'],
    webmail: (settings) => ({
      ...settings,
      workers: 2,
      metrics: { listen: { address: '127.0.0.2', port: metricsPort } },
    }),
  });
}, 120_000);
afterAll(() => stack?.stop(), 60_000);

function ask(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.2', port: metricsPort, path, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

const value = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await ask('/metrics')).body)?.[1]);

async function signedIn(): Promise<WebClient> {
  const client = new WebClient(stack);
  await client.signIn(USER);
  return client;
}

function watching(client: WebClient): Promise<EventFeed> {
  const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
  return EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0');
}

test('health and metrics of all workers are told on the private leg, and there alone', async () => {
  const client = await signedIn();
  const feeds = [await watching(client), await watching(client), await watching(client)];
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  expect(JSON.parse((await ask('/readyz')).body)).toEqual({ ready: true, store: 'up' });
  await expect.poll(() => value('postern_webmail_streams'), { timeout: 60_000 }).toBe(3);
  expect(await value('postern_webmail_store_connections')).toBeGreaterThan(0);
  for (const path of ['/healthz', '/readyz', '/metrics']) expect((await client.http(path)).status).toBe(404);
  for (const feed of feeds) feed.close();
  await expect.poll(() => value('postern_webmail_streams'), { timeout: 60_000 }).toBe(0);
  await stack.end('store');
  await expect.poll(async () => (await ask('/readyz')).status, { timeout: 60_000 }).toBe(503);
  expect((await ask('/healthz')).status).toBe(200);
  await stack.restart('store');
  await expect.poll(async () => (await ask('/readyz')).status, { timeout: 60_000 }).toBe(200);
  client.close();
});

test('a worker that dies costs no session: another one answers, and a new one is started', async () => {
  const client = await signedIn();
  const workers = (): number[] => familyOf(stack.pid('webmail')).slice(1);
  const [first = 0, second = 0] = workers();
  for (const doomed of [first, second]) {
    process.kill(doomed, 'SIGKILL');
    await eventually(
      async () => workers(),
      (now) => now.length === 2 && !now.includes(doomed),
      60_000,
    );
    const again = new WebClient(stack);
    for (const [name, cookie] of client.cookies) again.setCookie(name, cookie);
    await eventually(
      () =>
        again.http('/session').then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
      60_000,
    );
    again.close();
  }
  client.close();
});

test('certificates are read anew on SIGHUP, nobody is cut off; one that does not load leaves the old one', async () => {
  const folder = dirname(stack.ca);
  const serial = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { host, port } = stack.endpoints.webmail;
      const socket = connect({ host, port, ca: readFileSync(stack.ca) }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  await expect.poll(() => value('postern_webmail_workers'), { timeout: 60_000 }).toBe(2);
  const before = await serial();
  const client = await signedIn();
  const feed = await watching(client);
  for (const name of ['public.pem', 'public.key']) rmSync(join(folder, name));
  await keepDemoCertificates(layoutOf(stack.folder, 0));
  const fresh = new X509Certificate(readFileSync(join(folder, 'public.pem'))).serialNumber;
  expect(fresh).not.toBe(before);
  await stack.kill('webmail', 'SIGHUP');
  // Each worker reads it by itself.
  const four = async (): Promise<string[]> => [await serial(), await serial(), await serial(), await serial()];
  await expect.poll(four, { timeout: 60_000 }).toEqual([fresh, fresh, fresh, fresh]);

  const good = readFileSync(join(folder, 'public.key'));
  writeFileSync(join(folder, 'public.key'), 'no key');
  const pids = familyOf(stack.pid('webmail'));
  await stack.kill('webmail', 'SIGHUP');
  await eventually(
    async () => readFileSync(stack.logs.webmail, 'utf8').match(/certificates-not-reloaded/g)?.length ?? 0,
    (lines) => lines >= 2,
    60_000,
  );
  expect(await four()).toEqual([fresh, fresh, fresh, fresh]);
  expect(familyOf(stack.pid('webmail'))).toEqual(pids);
  writeFileSync(join(folder, 'public.key'), good);
  expect(feed.ended).toBe(false);
  feed.close();
  client.close();
});

test('who guesses over many accounts from one address waits too, whichever worker is asked', async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 22; n += 1) {
    // A connection of its own each time: the workers take turns.
    const client = new WebClient(stack);
    statuses.push((await client.post('/session', { user: `nobody${n}@domain1.example`, password: 'x' })).status);
    client.close();
  }
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  expect(statuses).toContain(429);
});
