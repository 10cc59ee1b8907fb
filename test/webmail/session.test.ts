import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventFeed, type Json, WebClient } from '../support/jmap.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** Who may ask what: signing in, cookies, other origins, guessing, ends of sessions, and what is served. */
const USER = 'user1@domain1.example';
let stack: TestStack;
beforeAll(async () => {
  stack = await startStack({
    withWebmail: true,
    directory: 'embedded',
    without: ['relay'],
    store: (settings) => ({ ...settings, imap: { ...settings.imap, tokenRecheckMs: 200 } }),
  });
}, 120_000);
afterAll(() => stack?.stop(), 60_000);

async function signedIn(user = USER): Promise<WebClient> {
  const client = new WebClient(stack);
  await client.signIn(user);
  return client;
}

describe('signing in', () => {
  test('gives two cookies for this host alone, out of reach of scripts, and says no more than who it is', async () => {
    const client = new WebClient(stack);
    const answer = await client.post('/session', { user: USER, password: 'user1' });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json()).sort()).toEqual(['expiresAt', 'session', 'user']);
    const cookies = answer.headers['set-cookie'] ?? [];
    expect(cookies).toHaveLength(2);
    for (const cookie of cookies)
      expect(cookie).toMatch(/^__Host-postern[^;]*; Path=\/; Secure; HttpOnly; SameSite=Strict/);
    // The one that can read mail ends with the browser.
    expect(cookies.filter((cookie) => cookie.includes('Max-Age'))).toEqual([
      expect.stringContaining('__Host-postern-watch='),
    ]);
    client.close();
  });

  test('a wrong password, an unknown user and nonsense: one answer; nobody is told which', async () => {
    const client = new WebClient(stack);
    const wrong = await client.post('/session', { user: 'user3@domain1.example', password: 'wrong' });
    const unknown = await client.post('/session', { user: 'nobody@domain1.example', password: 'wrong' });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(wrong.json()).toEqual(unknown.json());
    expect((await client.post('/session', { user: 'a', password: ['b'] })).status).toBe(400);
    expect((await client.post('/session', { user: 'a\0b', password: 'b' })).status).toBe(401);
    expect((await client.http('/jmap/session')).status).toBe(401);
    client.close();
  });

  test('who guesses waits: 429 with Retry-After, by account, and the right password waits as well', async () => {
    const client = new WebClient(stack);
    const user = 'user4@domain2.example';
    const statuses: number[] = [];
    for (let n = 0; n < 6; n += 1)
      statuses.push((await client.post('/session', { user, password: `wrong${n}` })).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    const right = await client.post('/session', { user, password: 'user4' });
    expect(right.status).toBe(429);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(0);
    client.close();
    await stack.restart('webmail');
  });
});

describe('requests from elsewhere', () => {
  test('are refused though the cookie is right: another Origin, none, Fetch Metadata, a form’s content type', async () => {
    const client = await signedIn();
    const api = (headers: Record<string, string>) =>
      client.http('/jmap/api', { method: 'POST', headers, body: '{"using":[],"methodCalls":[]}' });
    const json = { 'content-type': 'application/json' };
    expect((await api({ ...json, origin: client.origin })).status).toBe(200);
    expect((await api({ ...json, origin: 'https://evil.example' })).status).toBe(403);
    expect((await api({ ...json, origin: 'null' })).status).toBe(403);
    expect((await api(json)).status).toBe(403);
    expect((await api({ ...json, origin: client.origin, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await api({ 'content-type': 'text/plain', origin: client.origin })).status).toBe(400);
    const upload = await client.http(`/jmap/upload/${client.accountId}`, { method: 'POST', body: 'x' });
    expect(upload.status).toBe(403);
    expect(
      (await client.http('/session', { method: 'DELETE', headers: { origin: 'https://evil.example' } })).status,
    ).toBe(403);
    const read = await client.http('/jmap/session', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(read.status).toBe(403);
    const signIn = await client.http('/session', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ user: USER, password: 'user1' }),
    });
    expect(signIn.status).toBe(403);
    client.close();
  });
});

describe('sessions', () => {
  test('outlive a restart; a forged, changed or swapped cookie is nobody', async () => {
    const client = await signedIn();
    await stack.restart('webmail');
    expect((await client.http('/session')).json()).toMatchObject({ user: USER });
    const good = client.cookies.get('__Host-postern') ?? '';
    const changed = Buffer.from(good, 'base64url');
    changed[40] = (changed[40] ?? 0) ^ 1;
    for (const cookie of [
      changed.toString('base64url'),
      'x'.repeat(400),
      client.cookies.get('__Host-postern-watch') ?? '',
    ]) {
      client.setCookie('__Host-postern', cookie);
      expect((await client.http('/session')).status).toBe(401);
    }
    client.close();
  });

  test('are listed and revoked by their user, and signed out; the store ends them everywhere', async () => {
    const first = await signedIn();
    const second = await signedIn();
    const cookie = `__Host-postern-watch=${first.cookies.get('__Host-postern-watch')}`;
    const feed = await EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0');
    const { sessions } = (await second.http('/sessions')).json();
    const mine = (await first.http('/session')).json().session;
    expect(sessions.filter((each: { current: boolean }) => each.current)).toHaveLength(1);
    expect(sessions.map((each: { id: string }) => each.id)).toContain(mine);
    expect((await second.post(`/sessions/${mine}`, undefined, 'DELETE')).status).toBe(204);
    await feed.end();
    await expect
      .poll(async () => (await first.post('/jmap/api', { using: [], methodCalls: [] })).status, { timeout: 60_000 })
      .toBe(200);
    await expect.poll(async () => (await first.http('/sessions')).status, { timeout: 60_000 }).toBe(401);
    expect((await second.post('/session', undefined, 'DELETE')).status).toBe(204);
    expect(second.cookies.size).toBe(0);
    expect((await second.http('/session')).status).toBe(401);
    first.close();
    second.close();
  });

  test('end when they are idle, and when they are old; the watching cookie goes on', async () => {
    const client = await signedIn();
    await stack.restart('webmail', {
      webmail: (settings) => ({ ...settings, sessions: { idleMs: 1_000, absoluteMs: 3_600_000 } }),
    });
    await expect
      .poll(async () => (await client.http('/nothing')).status === 404 && (await idle(client)), {
        timeout: 60_000,
        interval: 1_500,
      })
      .toBe(401);
    const feed = await EventFeed.open(
      stack,
      `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`,
      'types=*&closeafter=no&ping=0',
    );
    await feed.next(({ event }) => event === 'state');
    feed.close();
    await stack.restart('webmail', {
      webmail: (settings) => ({ ...settings, sessions: { idleMs: 3_600_000, absoluteMs: 1_000 } }),
    });
    expect((await client.http('/session')).status).toBe(401);
    await stack.restart('webmail', { webmail: (settings) => settings });
    client.close();
  });

  const idle = async (client: WebClient): Promise<number> => (await client.http('/session')).status;

  test('with the token that watches nothing can be read', async () => {
    const client = await signedIn();
    const watch = client.cookies.get('__Host-postern-watch') ?? '';
    const thief = new WebClient(stack);
    thief.setCookie('__Host-postern-watch', watch);
    expect((await thief.http('/jmap/session')).status).toBe(401);
    expect((await thief.http(`/jmap/download/${client.accountId}/E1/x`)).status).toBe(401);
    thief.close();
    client.close();
  });

  test('other clients sign in by name and password in each request', async () => {
    const client = new WebClient(stack);
    const authorization = `Basic ${Buffer.from(`${USER}:user1`).toString('base64')}`;
    const session = await client.http('/.well-known/jmap', { headers: { authorization } });
    expect(session.json().username).toBe(USER);
    expect(session.headers['set-cookie']).toBeUndefined();
    const wrong = `Basic ${Buffer.from(`${USER}:nonsense`).toString('base64')}`;
    expect((await client.http('/.well-known/jmap', { headers: { authorization: wrong } })).status).toBe(401);
    client.close();
  });
});

describe('what is served', () => {
  test('every answer carries the headers; no path reaches the file system', async () => {
    const client = await signedIn();
    for (const path of ['/', '/jmap/session', '/nothing', '/sign-in.js']) {
      const { headers } = await client.http(path);
      expect(headers['strict-transport-security']).toMatch(/max-age=\d{8}/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
    }
    expect((await client.http('/')).headers['content-security-policy']).toContain("require-trusted-types-for 'script'");
    for (const path of [
      '/../../../etc/passwd',
      '/..%2f..%2fetc/passwd',
      '/%2e%2e/package.json',
      '//etc/passwd',
      '/%00',
      '/%ff',
    ]) {
      const { status, body } = await client.http(path);
      expect([400, 404]).toContain(status);
      expect(body.toString()).not.toContain('root:');
    }
    expect((await client.http('/jmap/api')).status).toBe(405);
    client.close();
  });

  test('the app can be installed: its manifest names icons that are there, in the sizes it says', async () => {
    const client = new WebClient(stack);
    const manifest = await client.http('/manifest.webmanifest');
    expect(manifest.headers['content-type']).toBe('application/manifest+json');
    const { name, short_name, start_url, display, icons } = manifest.json();
    expect({ name, short_name, start_url, display }).toMatchObject({ start_url: '/', display: 'standalone' });
    expect(`${name}${short_name}`).toMatch(/^\S.*\S$/);
    const pngs = icons.filter(({ type }: Json) => type === 'image/png');
    expect(pngs.map(({ sizes, purpose }: Json) => `${sizes} ${purpose}`)).toEqual([
      ...['192x192 any', '512x512 any', '512x512 maskable'],
    ]);
    for (const { src, sizes } of [...pngs, { src: '/icon-180.png', sizes: '180x180' }]) {
      const { status, body, headers } = await client.http(src);
      expect([src, status, headers['content-type']]).toEqual([src, 200, 'image/png']);
      // PNG: signature, then IHDR with width and height.
      expect(body.subarray(1, 4).toString()).toBe('PNG');
      expect(`${body.readUInt32BE(16)}x${body.readUInt32BE(20)}`).toBe(sizes);
    }
    expect((await client.http('/')).body.toString()).toContain('href="/icon-180.png"');
    client.close();
  });

  test('uploads have a limit that holds without Content-Length too, and belong to their account', async () => {
    await stack.restart('webmail', {
      webmail: (settings) => ({
        ...settings,
        uploads: { path: join(stack.folder, 'uploads-here'), maxBytes: 100_000, perAccountBytes: 330_000 },
      }),
    });
    const client = await signedIn();
    const other = await signedIn('user2@domain1.example');
    // What has come lies in the folder before the rest is there: it waits in no memory, and is not to be read.
    const folder = join(stack.folder, 'uploads-here');
    const half = Buffer.alloc(40_000, 'readable ');
    const { request, answered } = client.begin(`/jmap/upload/${client.accountId}`);
    request.write(half);
    await expect
      .poll(() => Math.max(0, ...readdirSync(folder).map((name) => statSync(join(folder, name)).size)), {
        timeout: 60_000,
      })
      .toBeGreaterThan(10_000);
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name)).includes('readable')).toBe(false);
    request.end(half);
    expect((await answered).json().size).toBe(80_000);
    expect((await client.upload(Buffer.alloc(100_001))).status).toBe(413);
    const chunked = await client
      .http(`/jmap/upload/${client.accountId}`, {
        method: 'POST',
        headers: { origin: client.origin, 'transfer-encoding': 'chunked' },
        body: Buffer.alloc(300_000),
      })
      .catch(() => ({ status: 413 }));
    expect(chunked.status).toBe(413);
    expect(
      (
        await client.http(`/jmap/upload/${other.accountId}`, {
          method: 'POST',
          headers: { origin: client.origin },
          body: 'x',
        })
      ).status,
    ).toBe(404);
    const { blobId } = (await client.upload('secret text')).json();
    expect((await client.http(`/jmap/download/${client.accountId}/${blobId}/x`)).body.toString()).toBe('secret text');
    expect((await other.http(`/jmap/download/${other.accountId}/${blobId}/x`)).status).toBe(404);
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await client.upload(Buffer.alloc(90_000))).status);
    expect(statuses).toEqual([201, 201, 507, 507]);
    await stack.restart('webmail');
    expect((await client.http(`/jmap/download/${client.accountId}/${blobId}/x`)).body.toString()).toBe('secret text');
    client.close();
    other.close();
  });
});
