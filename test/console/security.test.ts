import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConsoleUnderTest, cookieOf, type Json, startConsoleUnderTest } from './console-under-test.ts';

/** What people who mean harm try against the console, on a real slapd. */
const POSTMASTER = 'user1@domain1.example';
const USER = 'user2@domain1.example';
const INJECTIONS = [
  '*',
  'x)(mail=*',
  'x,jvd=domain2.example',
  'x+cn=admin',
  'x\\2a',
  'x\r\nBcc: a@b.example',
  'x\0y',
  '<b>x</b>',
  '../x',
];

let server: ConsoleUnderTest;
let cookie: string;
beforeAll(async () => {
  server = await startConsoleUnderTest('slapd');
  cookie = await server.signIn(POSTMASTER);
});
afterAll(() => server?.stop());

test('injections in every field of every form: refused, or kept as text', async () => {
  for (const text of INJECTIONS) {
    const tries: [method: string, path: string, body: object][] = [
      ['POST', '/api/accounts', { address: `${text}@domain1.example` }],
      ['POST', '/api/accounts', { address: `x@${text}` }],
      ['POST', '/api/aliases', { address: `${text}@domain1.example`, targets: [USER] }],
      ['POST', '/api/aliases', { address: 'inject@domain1.example', targets: [text.length > 1 ? `${text}@` : text] }],
      ['PATCH', `/api/accounts/${encodeURIComponent(USER)}`, { forwards: [text] }],
      ['PATCH', `/api/accounts/${encodeURIComponent(USER)}`, { services: [text] }],
      ['POST', '/api/domains/domain1.example/postmasters', { operation: 'add', address: `${text}@domain1.example` }],
      ['PATCH', `/api/accounts/${encodeURIComponent(`${text}@domain1.example`)}`, { name: 'x' }],
      ['DELETE', `/api/aliases/${encodeURIComponent(`${text}@domain1.example`)}`, {}],
    ];
    for (const [method, path, body] of tries) {
      const answer = await server.ask(method, path, { cookie, body });
      expect([400, 403, 404, 422], `${method} ${path} ${JSON.stringify(body)}: ${answer.text}`).toContain(
        answer.status,
      );
    }
    const found = await server.ask('GET', `/api/accounts?search=${encodeURIComponent(text)}`, { cookie });
    expect(found.json.items ?? [], text).toEqual([]);
  }
  const name = `Ann <script>alert(1)</script> )(mail=*`;
  const kept = await server.ask('PATCH', `/api/accounts/${encodeURIComponent(USER)}`, { cookie, body: { name } });
  expect(kept.json.name).toBe(name);
  expect(kept.headers['content-type']).toContain('application/json');
  const line = await server.ask('PATCH', `/api/accounts/${encodeURIComponent(USER)}`, {
    cookie,
    body: { name: 'a\r\nb' },
  });
  expect(line.status).toBe(422);
});

/** What OpenAPI says of one input. */
interface Schema {
  readonly type?: string;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

test('injections in every field, parameter and path that OpenAPI names: no fault of the server, and nothing of others changes', async () => {
  const site = await server.signIn('siteadmin@domain2.example');
  const others = async (): Promise<string> => {
    const of = async (path: string) => (await server.ask('GET', path, { cookie: site })).text;
    return [
      await of('/api/accounts?size=200&domain=domain2.example'),
      await of('/api/aliases?size=200&domain=domain2.example'),
      await of('/api/domains?size=200'),
      await of('/api/domains/domain2.example'),
    ].join();
  };
  const before = await others();
  const document = (await server.ask('GET', '/api/openapi.json')).json;
  // Other inputs of a request are such as would be taken, so that the one in question is looked at.
  const fitting: Readonly<Record<string, unknown>> = {
    address: 'inject@domain1.example',
    targets: [USER],
    label: 'inject',
    domains: ['domain1.example'],
    actions: ['read'],
    operation: 'add',
    format: 'csv',
    text: 'address',
    enabled: true,
    password: 'not the one',
  };
  let asked = 0;
  const tryOut = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await server.ask(method, path, { cookie, ...(body === undefined ? {} : { body }) });
    const what = `${method} ${path} ${JSON.stringify(body)}: ${answer.text.slice(0, 200)}`;
    expect([200, 400, 403, 404, 405, 409, 415, 422], what).toContain(answer.status);
    expect(answer.headers['content-type'], what).not.toContain('html');
    // Wrong proofs make whoever gives them wait.
    for (const key of ['address 127.0.0.1', `account ${POSTMASTER}`]) server.throttle.succeeded(key);
    asked += 1;
  };
  for (const [path, methods] of Object.entries<Record<string, Json>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const parameters: { name: string; in: string }[] = operation.parameters ?? [];
      const plain = path.replaceAll(/\{[a-z]+\}/g, 'x');
      const fields: Record<string, Schema> = operation.requestBody?.content['application/json'].schema.properties ?? {};
      for (const text of INJECTIONS) {
        const encoded = encodeURIComponent(text);
        if (path.includes('{')) await tryOut(method.toUpperCase(), path.replaceAll(/\{[a-z]+\}/g, encoded), {});
        for (const { name } of parameters.filter((each) => each.in === 'query'))
          await tryOut(method.toUpperCase(), `${plain}?${name}=${encoded}`);
        for (const [name, schema] of Object.entries(fields)) {
          const isText = schema.type === 'string' && schema.enum === undefined;
          const isList = schema.type === 'array' && schema.items?.type === 'string';
          if (!isText && !isList) continue;
          const rest = Object.fromEntries(Object.entries(fitting).filter(([key]) => key in fields));
          await tryOut(method.toUpperCase(), plain, { ...rest, [name]: isList ? [text] : text });
        }
      }
    }
  }
  expect(asked).toBeGreaterThan(500);
  expect(await others()).toBe(before);
  expect((await server.ask('GET', '/api/session', { cookie })).json).toMatchObject({
    administrator: false,
    domains: ['domain1.example'],
  });
});

test('a page of another site changes nothing, whatever it sends', async () => {
  const body = { address: 'forged@domain1.example' };
  for (const headers of [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ]) {
    expect((await server.ask('POST', '/api/accounts', { cookie, body, headers })).status).toBe(403);
    expect(
      (await server.ask('POST', '/api/session', { body: { address: USER, password: 'user2' }, headers })).status,
    ).toBe(403);
  }
  const form = await server.ask('POST', '/api/accounts', { cookie, body, headers: { 'Content-Type': 'text/plain' } });
  expect(form.status).toBe(415);
  expect((await server.ask('GET', '/api/accounts?search=forged', { cookie })).json.items).toEqual([]);
});

test('a session that was planted is not the one that begins; signing out ends it; the cookie is strict', async () => {
  const planted = 'AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  const answer = await server.ask('POST', '/api/session', {
    cookie: planted,
    body: { address: USER, password: 'user2' },
  });
  const begun = cookieOf(answer);
  expect(begun).not.toBe(planted);
  expect([answer.headers['set-cookie']].flat()[0]).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
  expect((await server.ask('GET', '/api/session', { cookie: planted })).status).toBe(401);
  expect((await server.ask('GET', '/api/session', { cookie: begun })).status).toBe(200);
  expect(
    (await server.ask('GET', '/api/session', { cookie: `${begun?.split('.')[0]}.${'A'.repeat(43)}` })).status,
  ).toBe(401);
  expect((await server.ask('DELETE', '/api/session', { cookie: begun })).status).toBe(200);
  expect((await server.ask('GET', '/api/session', { cookie: begun })).status).toBe(401);
});

test('a change of the password asks for the old one, and ends every session', async () => {
  const user = 'user3@domain1.example';
  const [one, two] = [await server.signIn(user), await server.signIn(user)];
  const change = (password: string, newPassword: string) =>
    server.ask('PUT', '/api/self/password', { cookie: one, body: { password, newPassword } });
  expect((await change('wrong', 'a good new secret')).status).toBe(403);
  expect((await change('user3', 'short')).status).toBe(422);
  expect((await change('user3', 'a good new secret')).status).toBe(200);
  for (const ended of [one, two]) expect((await server.ask('GET', '/api/session', { cookie: ended })).status).toBe(401);
  expect(await server.signIn(user, 'a good new secret')).not.toBe('');
});

test('a token does what it is for, in its domains, and nothing else', async () => {
  const made = await server.ask('POST', '/api/tokens', {
    cookie,
    body: { label: 'billing', domains: ['domain1.example'], actions: ['read', 'accounts'], lifetimeDays: 1 },
  });
  expect(made.status, made.text).toBe(200);
  const { token, id } = made.json;
  const by = (method: string, path: string, body?: object) => server.ask(method, path, { token, body });
  const account = await by('POST', '/api/accounts', { address: 'hired@domain1.example', name: 'Hired' });
  expect(account.status, account.text).toBe(200);
  expect((await by('POST', '/api/accounts', { address: 'hired@domain2.example' })).status).toBe(403);
  expect((await by('GET', '/api/accounts?domain=domain2.example')).status).toBe(403);
  const seen: { address: string }[] = (await by('GET', '/api/accounts?size=200')).json.items;
  expect(seen.every(({ address }) => address.endsWith('@domain1.example'))).toBe(true);
  expect((await by('DELETE', '/api/accounts/hired%40domain1.example')).status).toBe(403);
  expect((await by('GET', '/api/self')).status).toBe(403);
  expect((await by('GET', '/api/tokens')).status).toBe(403);
  expect(
    (
      await server.ask('GET', '/api/accounts', {
        token: token.replace(/(?<=^.{20})./, (c: string) => (c === 'A' ? 'B' : 'A')),
      })
    ).status,
  ).toBe(401);
  const log = (await server.ask('GET', '/api/log?target=hired%40domain1.example', { cookie })).json;
  expect(log[0]).toMatchObject({ actor: 'token billing', via: 'api', action: 'account-created' });
  const other = await server.signIn('user5@domain2.example');
  expect((await server.ask('DELETE', `/api/tokens/${id}`, { cookie: other })).status).toBe(404);
  const foreign = { label: 'x', domains: ['domain2.example'], actions: ['read'], lifetimeDays: 1 };
  expect((await server.ask('POST', '/api/tokens', { cookie, body: foreign })).status).toBe(404);
  expect((await server.ask('DELETE', `/api/tokens/${id}`, { cookie })).status).toBe(200);
  expect((await by('GET', '/api/accounts')).status).toBe(401);
});

test('a CSV with bad rows: each told with its line; all or the good ones applied, as asked; the dry run changes nothing', async () => {
  const rows = Array.from({ length: 60 }, (_, n) => `imported${n}@domain1.example,Person ${n},correct horse ${n}x`);
  const bad = [
    'x)(mail=*@domain1.example,Bad,',
    'foreign@domain2.example,Foreign,',
    'imported3@domain1.example,Twice,',
    'info@domain1.example,Alias,',
  ];
  const text = ['address,name,password', ...rows, ...bad].join('\r\n');
  const send = (more: object) => server.ask('POST', '/api/import', { cookie, body: { format: 'csv', text, ...more } });
  const dry = await send({ dryRun: true });
  expect(dry.json).toMatchObject({ applied: false, counts: { create: 60, change: 0, same: 0, error: 4 } });
  const errors: { line: number; error: string }[] = dry.json.rows.filter(
    ({ what }: { what: string }) => what === 'error',
  );
  expect(errors.map(({ line }) => line)).toEqual([62, 63, 64, 65]);
  expect((await send({ dryRun: false })).json.applied).toBe(false);
  expect((await server.ask('GET', '/api/accounts?search=imported', { cookie })).json.items).toEqual([]);
  expect((await send({ dryRun: false, goodRowsOnly: true })).json).toMatchObject({
    applied: true,
    counts: { create: 60, error: 4 },
  });
  const again = await send({ dryRun: true });
  expect(again.json.counts).toMatchObject({ same: 60, error: 4 });
  const huge = `address\r\n${'a@domain1.example\r\n'.repeat(20_001)}`;
  expect((await server.ask('POST', '/api/import', { cookie, body: { format: 'csv', text: huge } })).status).toBe(422);
  const exported = await server.ask('GET', '/api/export?format=csv&domain=domain1.example', { cookie });
  expect(exported.text).toContain('imported59@domain1.example,Person 59,true');
  const ldif = await server.ask('GET', '/api/export?format=ldif&domain=domain1.example', { cookie });
  expect(ldif.text).not.toMatch(/userPassword|SSHA/i);
  const back = await server.ask('POST', '/api/import', { cookie, body: { format: 'ldif', text: ldif.text } });
  expect(back.json.counts).toMatchObject({ create: 0, change: 0, error: 0 });
});

test('pages follow each other to the end, and a broken cursor is told', async () => {
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await server.ask('GET', `/api/accounts?size=25${cursor === undefined ? '' : `&cursor=${cursor}`}`, {
      cookie,
    });
    for (const { address } of page.json.items) seen.add(address);
    cursor = page.json.nextCursor;
  } while (cursor !== undefined);
  expect(seen.size).toBeGreaterThan(60);
  const broken = await server.ask('GET', '/api/accounts?cursor=AAAA', { cookie });
  expect(broken.status).toBe(409);
});

test('OpenAPI names every path that answers, and each path that it names answers', async () => {
  const document = (await server.ask('GET', '/api/openapi.json')).json;
  expect(document.openapi).toBe('3.1.0');
  for (const [path, methods] of Object.entries<Record<string, unknown>>(document.paths)) {
    for (const method of Object.keys(methods)) {
      const answer = await server.ask(method.toUpperCase(), path.replaceAll(/\{[a-z]+\}/g, 'x'), {});
      expect(answer.status, `${method} ${path}`).toBe(401);
    }
  }
  expect((await server.ask('GET', '/api/nothing', { cookie })).status).toBe(404);
  expect((await server.ask('PUT', '/api/accounts', { cookie, body: {} })).status).toBe(405);
});

test('every refused sign-in reads alike, and guesses are slowed down', async () => {
  const attempt = (address: string, password: string) =>
    server.ask('POST', '/api/session', { body: { address, password } });
  // What the tests before did wrong is forgotten.
  const here = 'address 127.0.0.1';
  server.throttle.succeeded(here);
  const texts = new Set<string>();
  for (const [address, password] of [
    ['nobody@domain1.example', 'x'],
    [USER, 'wrong'],
    ['suspended@domain1.example', 'suspended'],
  ] as const) {
    const answer = await attempt(address, password);
    expect(answer.status).toBe(401);
    texts.add(answer.text);
  }
  expect(texts.size).toBe(1);
  // Three are free; then half a second, and twice as much each time, whichever account is guessed.
  const start = performance.now();
  for (const local of ['one', 'two']) await attempt(`${local}@domain1.example`, 'guess');
  expect(performance.now() - start).toBeGreaterThan(1_400);
  expect(server.throttle.delayMs([here])).toBe(2_000);
});
