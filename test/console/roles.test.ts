import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConsoleUnderTest, startConsoleUnderTest } from './console-under-test.ts';

/**
 * Each role does what it may, and is refused by the directory for what it may not: one list, asked of the console on slapd and on the
 * embedded directory. What the directory says without a console between, test/directory/access.test.ts asks.
 */
const SITE = 'siteadmin@domain2.example';
const POSTMASTER = 'user1@domain1.example';
const USER = 'user2@domain1.example';

const one = (kind: string, name: string): string => `/api/${kind}/${encodeURIComponent(name)}`;

const CHECKS: readonly [
  what: string,
  who: string,
  method: string,
  path: string,
  body: object | undefined,
  status: number,
][] = [
  [
    'an administrator makes a domain',
    SITE,
    'POST',
    '/api/domains',
    { name: 'New.Example', postmaster: 'boss@new.example' },
    200,
  ],
  [
    'a postmaster makes a domain',
    POSTMASTER,
    'POST',
    '/api/domains',
    { name: 'mine.example', postmaster: POSTMASTER },
    403,
  ],
  ['a user makes a domain', USER, 'POST', '/api/domains', { name: 'mine.example', postmaster: USER }, 403],
  [
    'a domain that is there',
    SITE,
    'POST',
    '/api/domains',
    { name: 'new.example', postmaster: 'boss@new.example' },
    409,
  ],
  ['a domain that is none', SITE, 'POST', '/api/domains', { name: 'x)(jvd=*', postmaster: 'boss@new.example' }, 422],
  [
    'an administrator adds an account there',
    SITE,
    'POST',
    '/api/accounts',
    { address: 'boss@new.example', name: 'Boss' },
    200,
  ],
  [
    'a postmaster adds an account to the own domain',
    POSTMASTER,
    'POST',
    '/api/accounts',
    { address: 'ann@domain1.example', name: 'Ann', password: 'correct horse battery' },
    200,
  ],
  [
    'a postmaster adds an account to another domain',
    POSTMASTER,
    'POST',
    '/api/accounts',
    { address: 'ann@domain2.example' },
    404,
  ],
  ['a user adds an account', USER, 'POST', '/api/accounts', { address: 'bob@domain1.example' }, 403],
  ['an address that is taken', POSTMASTER, 'POST', '/api/accounts', { address: 'ann@domain1.example' }, 409],
  ['an address that an alias has', POSTMASTER, 'POST', '/api/accounts', { address: 'info@domain1.example' }, 409],
  [
    'a postmaster gives a quota',
    POSTMASTER,
    'PATCH',
    one('accounts', 'ann@domain1.example'),
    { quotaBytes: 1000 },
    200,
  ],
  ['a user gives themselves a quota', USER, 'PATCH', one('accounts', USER), { quotaBytes: 0, quotaMessages: 7 }, 403],
  ['a user suspends another', USER, 'PATCH', one('accounts', 'ann@domain1.example'), { active: false }, 403],
  [
    'a postmaster reaches into another domain',
    POSTMASTER,
    'PATCH',
    one('accounts', 'user5@domain2.example'),
    { active: false },
    404,
  ],
  ['a postmaster sets a password in another domain', POSTMASTER, 'POST', `${one('accounts', SITE)}/password`, {}, 404],
  ['a user sets the password of another', USER, 'POST', `${one('accounts', POSTMASTER)}/password`, {}, 403],
  ['a postmaster sets a password', POSTMASTER, 'POST', `${one('accounts', 'ann@domain1.example')}/password`, {}, 200],
  [
    'a postmaster adds an alias',
    POSTMASTER,
    'POST',
    '/api/aliases',
    { address: 'all@domain1.example', targets: ['ann@domain1.example', 'x@elsewhere.example'] },
    200,
  ],
  ['a user adds an alias', USER, 'POST', '/api/aliases', { address: 'me@domain1.example', targets: [USER] }, 403],
  [
    'an alias to itself',
    POSTMASTER,
    'POST',
    '/api/aliases',
    { address: 'self@domain1.example', targets: ['self@domain1.example'] },
    422,
  ],
  [
    'a postmaster sets the catch-all',
    POSTMASTER,
    'POST',
    '/api/aliases',
    { address: '@domain1.example', targets: [USER] },
    200,
  ],
  ['an administrator forbids it', SITE, 'PATCH', one('domains', 'domain1.example'), { editCatchAll: false }, 200],
  [
    'a postmaster changes the catch-all then',
    POSTMASTER,
    'PATCH',
    one('aliases', '@domain1.example'),
    { targets: [POSTMASTER] },
    403,
  ],
  [
    'a postmaster allows it themselves',
    POSTMASTER,
    'PATCH',
    one('domains', 'domain1.example'),
    { editCatchAll: true },
    403,
  ],
  [
    'an administrator limits the accounts',
    SITE,
    'PATCH',
    one('domains', 'domain1.example'),
    { maxAccounts: 2, maxQuotaBytes: 5000 },
    200,
  ],
  [
    'a postmaster adds one more',
    POSTMASTER,
    'POST',
    '/api/accounts',
    { address: 'more@domain1.example', quotaBytes: 1000 },
    422,
  ],
  [
    'a postmaster gives more than the limit',
    POSTMASTER,
    'PATCH',
    one('accounts', 'ann@domain1.example'),
    { quotaBytes: 6000 },
    422,
  ],
  [
    'an administrator is free of it',
    SITE,
    'POST',
    '/api/accounts',
    { address: 'more@domain1.example', quotaBytes: 1000 },
    200,
  ],
  ['a postmaster deletes an account', POSTMASTER, 'DELETE', one('accounts', 'ann@domain1.example'), undefined, 200],
  ['a purge within the time of grace', POSTMASTER, 'POST', `${one('accounts', 'ann@domain1.example')}/purge`, {}, 409],
  ['it is undone', POSTMASTER, 'POST', `${one('accounts', 'ann@domain1.example')}/restore`, {}, 200],
  [
    'a purge without a mark',
    POSTMASTER,
    'POST',
    `${one('accounts', 'ann@domain1.example')}/purge`,
    { evenWithinGrace: true },
    409,
  ],
  ['a user deletes an account', USER, 'DELETE', one('accounts', 'ann@domain1.example'), undefined, 403],
  ['a postmaster deletes the domain', POSTMASTER, 'DELETE', one('domains', 'domain1.example'), undefined, 403],
  [
    'a postmaster names another',
    POSTMASTER,
    'POST',
    `${one('domains', 'domain1.example')}/postmasters`,
    { operation: 'add', address: USER },
    200,
  ],
  [
    'and takes them away',
    POSTMASTER,
    'POST',
    `${one('domains', 'domain1.example')}/postmasters`,
    { operation: 'delete', address: USER },
    200,
  ],
  [
    'a user names themselves',
    USER,
    'POST',
    `${one('domains', 'domain1.example')}/postmasters`,
    { operation: 'add', address: USER },
    403,
  ],
  ['a user sees the queues', USER, 'GET', '/api/operation/queues', undefined, 403],
  ['a postmaster sees the queues', POSTMASTER, 'GET', '/api/operation/queues', undefined, 403],
  ['an administrator sees the queues', SITE, 'GET', '/api/operation/queues', undefined, 200],
  ['an administrator sees the store', SITE, 'GET', '/api/operation/store', undefined, 200],
  [
    'a user asks for deleted mail of another',
    USER,
    'GET',
    `${one('accounts', POSTMASTER)}/deleted-mail`,
    undefined,
    403,
  ],
];

describe.each(['slapd', 'embedded'] as const)('the console on %s', (kind) => {
  let server: ConsoleUnderTest;
  const cookies = new Map<string, string>();
  beforeAll(async () => {
    server = await startConsoleUnderTest(kind);
    for (const who of [SITE, POSTMASTER, USER]) cookies.set(who, await server.signIn(who));
  });
  afterAll(() => server?.stop());

  test.each(CHECKS)('%s', async (_, who, method, path, body, status) => {
    const answer = await server.ask(method, path, { cookie: cookies.get(who), body });
    expect(answer.status, answer.text).toBe(status);
  });

  test('each sees what is theirs', async () => {
    const seen = async (who: string, kindOf: string) =>
      (await server.ask('GET', `/api/${kindOf}?size=200`, { cookie: cookies.get(who) })).json.items;
    const names = (await seen(SITE, 'domains')).map((domain: { name: string }) => domain.name);
    expect(names).toEqual(expect.arrayContaining(['domain1.example', 'domain2.example', 'new.example']));
    expect((await seen(POSTMASTER, 'domains')).map((domain: { name: string }) => domain.name)).toEqual([
      'domain1.example',
    ]);
    const accounts: { address: string }[] = await seen(POSTMASTER, 'accounts');
    expect(accounts.length).toBeGreaterThan(4);
    expect(accounts.every(({ address }) => address.endsWith('@domain1.example'))).toBe(true);
    const session = (await server.ask('GET', '/api/session', { cookie: cookies.get(POSTMASTER) })).json;
    expect(session).toMatchObject({ administrator: false, domains: ['domain1.example'] });
    expect((await server.ask('GET', '/api/session', { cookie: cookies.get(SITE) })).json.administrator).toBe(true);
  });

  test('a new domain has postmaster and abuse; the log tells postmasters of their own domain alone', async () => {
    const aliases = (await server.ask('GET', '/api/aliases?domain=new.example', { cookie: cookies.get(SITE) })).json
      .items;
    expect(aliases.map(({ address, targets }: { address: string; targets: string[] }) => [address, targets])).toEqual([
      ['postmaster@new.example', ['boss@new.example']],
      ['abuse@new.example', ['postmaster@new.example']],
    ]);
    const log = (await server.ask('GET', '/api/log?size=200', { cookie: cookies.get(POSTMASTER) })).json;
    expect(log.length).toBeGreaterThan(5);
    expect(log.every(({ domain }: { domain: string }) => domain === 'domain1.example')).toBe(true);
    expect(log).toContainEqual(
      expect.objectContaining({
        actor: POSTMASTER,
        action: 'account-changed',
        target: 'ann@domain1.example',
        differences: [{ what: 'quotaBytes', from: '0', to: '1000' }],
      }),
    );
    expect((await server.ask('GET', '/api/log', { cookie: cookies.get(USER) })).json).toEqual([]);
    expect(JSON.stringify(log)).not.toContain('correct horse');
  });

  test('what else a change breaks is told before: aliases, forwards, roles', async () => {
    const answer = await server.ask('GET', one('accounts', POSTMASTER), { cookie: cookies.get(POSTMASTER) });
    expect(answer.json.references.postmasterOf).toEqual(['domain1.example']);
    expect(answer.json.references.aliases).toEqual(
      expect.arrayContaining([{ address: 'info@domain1.example', lastTarget: true }]),
    );
  });
});
