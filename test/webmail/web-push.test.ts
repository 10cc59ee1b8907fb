import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventFeed, type Json, WebClient } from '../support/jmap.ts';
import { eventually, sendOctets } from '../support/mailbox.ts';
import { PushService, vapidClaims } from '../support/push-service.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** Web Push (RFC 8620 §7.2): what a device hears that has no page open. Two workers answer requests. */
const USER = 'user1@domain1.example';
const USING = ['urn:ietf:params:jmap:core'];
let stack: TestStack;
let service: PushService;
let client: WebClient;
beforeAll(async () => {
  stack = await startStack({ withWebmail: true, directory: 'embedded' });
  service = await PushService.start(stack);
  await stack.restart('webmail', {
    webmail: (settings) => ({
      ...settings,
      workers: 2,
      push: {
        subject: 'mailto:postmaster@domain1.example',
        keyFile: join(stack.folder, 'vapid.pem'),
        path: join(stack.folder, 'push'),
        services: [service.host],
        ca: stack.ca,
      },
    }),
  });
  client = new WebClient(stack);
  await client.signIn(USER);
}, 120_000);
afterAll(async () => {
  client?.close();
  await stack?.stop();
  await service?.close();
}, 60_000);

/** Push subscriptions belong to no account, so their methods take none. */
async function call(name: string, args: Json, from = client, headers: Record<string, string> = {}): Promise<Json> {
  const answer = await from.http('/jmap/api', {
    method: 'POST',
    headers: { origin: from.origin, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ using: USING, methodCalls: [[`PushSubscription/${name}`, args, '0']] }),
  });
  const [[kind, value] = ['', {}]] = answer.json<{ methodResponses: [string, Json][] }>().methodResponses;
  return kind === 'error' ? { error: (value as Json).type } : (value as Json);
}

const deliver = (subject: string): Promise<unknown> =>
  sendOctets(
    stack,
    [USER],
    Buffer.from(`From: a@elsewhere.example\r\nTo: ${USER}\r\nSubject: ${subject}\r\n\r\nx\r\n`),
  );

async function subscribe(from: WebClient, types: string[] | null): Promise<string> {
  const made = await call('set', { create: { s: { deviceClientId: 'd1', ...service.subscription, types } } }, from);
  const { id } = made.created.s;
  const { content } = await service.next();
  expect(content).toMatchObject({ '@type': 'PushVerification', pushSubscriptionId: id });
  const { verificationCode } = content;
  expect((await call('set', { update: { [id]: { verificationCode } } }, from)).updated).toEqual({ [id]: null });
  return id;
}

test('a device is told: first its code, encrypted and signed, then nothing until the code came back, then changes', async () => {
  const session = (await client.http('/jmap/session')).json();
  const { applicationServerKey } = session.capabilities['urn:ietf:params:jmap:webpush-vapid'];
  const made = await call('set', {
    create: { s: { deviceClientId: 'd1', ...service.subscription, types: ['EmailDelivery', 'Mailbox'] } },
  });
  const { id, expires } = made.created.s;
  expect(Date.parse(expires)).toBeGreaterThan(Date.now() + 20 * 86_400_000);
  const verification = await service.next();
  expect(verification.content).toMatchObject({ '@type': 'PushVerification', pushSubscriptionId: id });
  const { authorization = '', ttl, topic } = verification.headers;
  expect(Number(ttl)).toBeGreaterThan(0);
  expect(topic).toMatch(/^[\w-]{1,32}$/);
  const claims = vapidClaims(authorization, applicationServerKey);
  expect(claims).toMatchObject({ aud: `https://${service.host}`, sub: 'mailto:postmaster@domain1.example' });
  expect(claims.exp * 1_000).toBeLessThanOrEqual(Date.now() + 86_400_000);

  const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
  const feed = await EventFeed.open(stack, cookie, 'types=Email&closeafter=no&ping=0');
  await feed.next(({ event }) => event === 'state');
  await deliver('before the code');
  await feed.next(({ event }) => event === 'state');
  feed.close();
  const wrong = await call('set', { update: { [id]: { verificationCode: 'wrong' } } });
  expect(wrong.notUpdated[id].type).toBe('invalidProperties');
  expect((await call('get', { ids: null })).list).toMatchObject([{ id, deviceClientId: 'd1', verificationCode: null }]);
  const { verificationCode } = verification.content;
  expect((await call('set', { update: { [id]: { verificationCode } } })).updated).toEqual({ [id]: null });
  expect((await call('get', { ids: null })).list).toMatchObject([{ id, verificationCode }]);
  expect(service.posted).toBe(1);

  await eventuallyPushed('after the code', (content) => {
    expect(content['@type']).toBe('StateChange');
    expect(Object.keys(content.changed)).toEqual([client.accountId]);
    for (const type of Object.keys(content.changed[client.accountId]))
      expect(['EmailDelivery', 'Mailbox']).toContain(type);
  });
  expect((await call('set', { destroy: [id] })).destroyed).toEqual([id]);
}, 60_000);

/** Delivers until the device hears of it: the process that tells follows what workers write. */
async function eventuallyPushed(subject: string, check: (content: Json) => void = () => undefined): Promise<void> {
  const heard = service.next();
  let isHeard = false;
  void heard.then(() => {
    isHeard = true;
  });
  for (let n = 0; !isHeard; n += 1) {
    await deliver(`${subject} ${n}`);
    await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  }
  check((await heard).content);
}

test('after the browser was closed, and after a restart of the host, new mail is told; what cannot be told now is told later, once', async () => {
  const other = new WebClient(stack);
  await other.signIn(USER);
  await subscribe(other, ['EmailDelivery']);
  other.close();
  await eventuallyPushed('closed');
  await stack.restart('webmail');
  await eventuallyPushed('restarted');
  service.answers.push(
    { status: 429, headers: { 'retry-after': '1' } },
    { status: 503, headers: { 'retry-after': '1' } },
  );
  await eventuallyPushed('later');
  expect(service.answers).toEqual([]);
  service.answers.push({ status: 410 });
  await deliver('nobody there any more');
  await eventually(
    async () => service.answers.length,
    (left) => left === 0,
  );
  const before = service.posted;
  await deliver('not told');
  // Another subscription hears of it, and this one is passed over.
  const third = new WebClient(stack);
  await third.signIn(USER);
  const id = await subscribe(third, null);
  const posted = service.posted;
  expect(posted - before).toBe(1);
  await eventuallyPushed('told to the other');
  const secret = service.subscription.url.split('/').at(-1) ?? '';
  expect(readFileSync(stack.logs.webmail, 'utf8')).not.toContain(secret);

  // Signing out ends it: nothing is left on this host or in the store.
  const name = (await third.http('/session')).json().session;
  expect(readdirSync(join(stack.folder, 'push'))).toContain(name);
  await third.post('/session', undefined, 'DELETE');
  expect(readdirSync(join(stack.folder, 'push'))).not.toContain(name);
  const database = await createConnection(stack.database.url);
  const [rows] = await database.query('SELECT entry FROM setting WHERE entry LIKE ?', [`%${id}`]);
  expect(rows).toEqual([]);
  await database.end();
  third.close();
}, 120_000);

test('no URL but of a push service that is configured, no secret read back, nothing of another session', async () => {
  const url = (value: string) => ({ deviceClientId: 'd2', url: value });
  const { notCreated } = await call('set', {
    create: {
      http: url(`http://${service.host}/x`),
      port: url('https://127.0.0.1:1/x'),
      user: url(`https://x@${service.host}/x`),
      inner: url('https://127.0.0.2/x'),
      other: url(`https://${service.host}.evil.example/x`),
      keys: { ...url(service.subscription.url), keys: { p256dh: 'AAAA', auth: 'BBBB' } },
    },
  });
  expect(Object.keys(notCreated).sort()).toEqual(['http', 'inner', 'keys', 'other', 'port', 'user']);
  for (const { type } of Object.values(notCreated as Json)) expect(type).toBe('invalidProperties');
  expect(await call('get', { ids: null, properties: ['url'] })).toEqual({ error: 'forbidden' });

  const id = await subscribe(client, []);
  const other = new WebClient(stack);
  await other.signIn(USER);
  expect(await call('get', { ids: null }, other)).toEqual({ list: [], notFound: [] });
  expect((await call('set', { destroy: [id] }, other)).notDestroyed[id].type).toBe('notFound');
  const authorization = `Basic ${Buffer.from(`${USER}:user1`).toString('base64')}`;
  const bare = new WebClient(stack);
  const made = await call('set', { create: { s: url(service.subscription.url) } }, bare, { authorization });
  expect(made.notCreated.s.type).toBe('forbidden');
  other.close();
  bare.close();
}, 60_000);

test('the service worker of the app gives the code back, and shows a notification when no page is open', async () => {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    // A service worker is not fetched under a certificate that the browser itself does not trust.
    args: ['--no-sandbox', '--disable-gpu', '--ignore-certificate-errors'],
  });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ['notifications'] });
    const person = new WebClient(stack);
    await person.signIn(USER);
    await context.addCookies(
      [...person.cookies].map(([name, value]) => ({ name, value, url: person.origin, secure: true, httpOnly: true })),
    );
    const page = await context.newPage();
    await page.goto(person.origin);
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    const push = await pusherOf(page, person.origin);
    const made = await call('set', { create: { s: { deviceClientId: 'd', ...service.subscription } } }, person);
    await push((await service.next()).content);
    const { id } = made.created.s;
    const code = async (): Promise<string | null> =>
      (await call('get', { ids: [id] }, person)).list[0].verificationCode;
    await expect.poll(code, { timeout: 60_000 }).not.toBeNull();

    const worker = context.serviceWorkers()[0];
    const shown = (): Promise<string[]> | undefined =>
      worker?.evaluate('registration.getNotifications().then((all) => all.map(({ title }) => title))');
    await push({ '@type': 'StateChange', changed: { [person.accountId]: { EmailDelivery: '2' } } });
    // A page that can be seen tells of it by itself.
    expect(await shown()).toEqual([]);
    await page.goto('about:blank');
    await push({ '@type': 'StateChange', changed: { [person.accountId]: { EmailDelivery: '3' } } });
    await expect.poll(shown, { timeout: 60_000 }).toEqual(['New mail']);
    person.close();
  } finally {
    await browser.close();
  }
}, 120_000);

/** Hands the service worker what a push service would. */
async function pusherOf(page: Page, origin: string): Promise<(content: Json) => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL.startsWith(origin));
      if (found !== undefined) resolve(found.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  const registrationId = await registered;
  return async (content) => {
    await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(content) });
  };
}
