/** One list of checks: each role does what it may, and is refused by the directory for what it may not. */
export const SITE = 'siteadmin@domain2.example';
export const POSTMASTER = 'user1@domain1.example';
export const USER = 'user2@domain1.example';

export const one = (kind: string, name: string): string => `/api/${kind}/${encodeURIComponent(name)}`;

export type RoleCheck = readonly [
  what: string,
  who: string,
  method: string,
  path: string,
  body: object | undefined,
  status: number,
];

export const CHECKS: readonly RoleCheck[] = [
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

/** The same by the command line: its words and options. */
export function asCommand([, , method, path, body]: RoleCheck): CommandLine {
  const [, , kind, name = '', what] = path.split('/').map(decodeURIComponent);
  const given = (body ?? {}) as Readonly<Record<string, unknown>>;
  const command = (name: string, ...words: unknown[]): CommandLine => ({ name, words: words.map(String), options: {} });
  const written = (value: unknown): unknown => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : value);
  switch (`${method} ${kind} ${what ?? ''}`.trim()) {
    case 'POST domains':
      return { ...command('domain', 'create', given.name), options: { postmaster: String(given.postmaster) } };
    case 'PATCH domains':
      return command('domain', 'set', name, ...Object.entries(given).map(([key, value]) => `${key}=${written(value)}`));
    case 'POST domains postmasters':
      return command('postmaster', given.operation === 'add' ? 'add' : 'remove', name, given.address);
    case 'DELETE domains':
      return command('domain', 'delete', name);
    case 'POST accounts': {
      const quota = given.quotaBytes === undefined ? {} : { quota: String(given.quotaBytes) };
      return { ...command('user', 'create', given.address), options: quota };
    }
    case 'PATCH accounts':
      if ('active' in given) return command('user', given.active === true ? 'resume' : 'suspend', name);
      return command('quota', name, given.quotaBytes, ...('quotaMessages' in given ? [given.quotaMessages] : []));
    case 'POST accounts password':
      return command('password', name);
    case 'DELETE accounts':
      return command('user', 'delete', name);
    case 'POST accounts restore':
      return command('user', 'undo', name);
    case 'POST accounts purge':
      return { ...command('purge', name), options: { 'even-within-grace': given.evenWithinGrace === true } };
    case 'GET accounts deleted-mail':
      return command('deleted-mail', name);
    case 'POST aliases':
      return command('alias', 'create', given.address, ...(given.targets as string[]));
    case 'PATCH aliases':
      return command('alias', 'set', name, ...(given.targets as string[]));
    case 'GET operation':
      return command(name === 'store' ? 'usage' : name);
    default:
      throw new Error(`the command line has no command for ${method} ${path}`);
  }
}

export interface CommandLine {
  readonly name: string;
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean>>;
}

/** What a token of the postmaster hears: what is for people alone is refused, and so is another domain before anybody looks. */
export function byToken([, , method, path, , status]: RoleCheck): number {
  const peopleAlone = /^\/api\/(?:operation|.*\/(?:postmasters|deleted-mail)$)/.test(path);
  const ofDomains = /^\/api\/domains/.test(path) && method !== 'GET' && method !== 'PATCH';
  return peopleAlone || ofDomains || status === 404 ? 403 : status;
}
