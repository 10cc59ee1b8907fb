import { spawn } from 'node:child_process';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSlapd } from '../support/slapd.ts';
import { startEmbedded } from './embedded.ts';
import { sampleSettings } from './settings.ts';

interface Server {
  readonly url: string;
  readonly ca: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const SUFFIX = 'dc=myhosting,dc=example';
const domain = (name: string) => `jvd=${name},o=hosting,${SUFFIX}`;
const account = (local: string, name: string) => `mail=${local}@${name},${domain(name)}`;
const USER1 = account('user1', 'domain1.example');
const USER2 = account('user2', 'domain1.example');
const USER5 = account('user5', 'domain2.example');
const ADMIN = `cn=admin,${SUFFIX}`;
const RELAY = `cn=relay,${SUFFIX}`;
const STORE = `cn=store,${SUFFIX}`;
const SITE = account('siteadmin', 'domain2.example');
/** A user who knows no more than the password, and an app password of the same account. */
const USER3 = account('user3', 'domain1.example');
const APP = `cn=abcdefgh,${USER3}`;

const replace = (dn: string, attribute: string, value: string) =>
  `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${attribute}: ${value}\n`;
const addAlias = (local: string, name: string) =>
  `dn: ${account(local, name)}\nchangetype: add\nobjectClass: JammMailAlias\nmail: ${local}@${name}\n` +
  `maildrop: user1@domain1.example\naccountActive: TRUE\n`;

const addEntry = (dn: string, lines: readonly string[]) => `dn: ${dn}\nchangetype: add\n${lines.join('\n')}\n`;
const addAccount = (local: string, name: string) =>
  addEntry(account(local, name), ['objectClass: JammMailAccount', `mail: ${local}@${name}`, 'accountActive: TRUE']);
const addDomain = (name: string, below = `o=hosting,${SUFFIX}`) =>
  addEntry(`jvd=${name},${below}`, ['objectClass: JammVirtualDomain', `jvd: ${name}`, 'accountActive: TRUE']);
const addAppPassword = (dn: string) =>
  addEntry(dn, [
    'objectClass: applicationProcess',
    'objectClass: simpleSecurityObject',
    'objectClass: authorizedServiceObject',
    'cn: abcdefgh',
    'authorizedService: imap',
    'userPassword: app-abcdefgh-aaaa-bbbb-cccc-dddd',
  ]);
const mark = (dn: string) =>
  `dn: ${dn}\nchangetype: modify\nadd: objectClass\nobjectClass: posternSecondFactor\n-\nadd: secondFactor\nsecondFactor: TRUE\n`;
const forward = (dn: string) =>
  `dn: ${dn}\nchangetype: modify\nadd: objectClass\nobjectClass: posternForwarding\n-\nadd: forwardTo\nforwardTo: me@elsewhere.example\n`;
const remove = (dn: string) => `dn: ${dn}\nchangetype: delete\n`;

/** Who, with which password, changes what, and the result code (RFC 4511 Appendix A): 50 is insufficientAccessRights. */
const CHANGES: readonly [what: string, dn: string, password: string, ldif: string, code: number][] = [
  ['a user changes the own name', USER2, 'user2', replace(USER2, 'cn', 'Zwei'), 0],
  ['a user changes the own quota', USER2, 'user2', replace(USER2, 'quota', '0'), 50],
  ['a user changes another', USER2, 'user2', replace(USER1, 'cn', 'Eins'), 50],
  ['a postmaster changes an account of the own domain', USER1, 'user1', replace(USER2, 'quota', '9S'), 0],
  ['a postmaster adds an alias', USER1, 'user1', addAlias('new', 'domain1.example'), 0],
  ['a name that is taken', USER1, 'user1', addAlias('new', 'domain1.example'), 68],
  ['a postmaster changes another domain', USER1, 'user1', replace(USER5, 'cn', 'Fünf'), 50],
  ['a postmaster adds to another domain', USER1, 'user1', addAlias('new', 'domain2.example'), 50],
  [
    'a postmaster suspends the own domain',
    USER1,
    'user1',
    replace(domain('domain1.example'), 'accountActive', 'FALSE'),
    50,
  ],
  [
    'a postmaster names another where the domain allows it',
    USER1,
    'user1',
    `dn: cn=postmaster,${domain('domain1.example')}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER2}\n`,
    0,
  ],
  [
    'a postmaster takes the other away again',
    USER1,
    'user1',
    `dn: cn=postmaster,${domain('domain1.example')}\nchangetype: modify\ndelete: roleOccupant\nroleOccupant: ${USER2}\n`,
    0,
  ],
  [
    'a postmaster removes the entry that names postmasters',
    USER1,
    'user1',
    remove(`cn=postmaster,${domain('domain1.example')}`),
    50,
  ],
  [
    'a postmaster makes a domain below the own',
    USER1,
    'user1',
    addDomain('domain2.example', domain('domain1.example')),
    50,
  ],
  ['a postmaster makes a domain', USER1, 'user1', addDomain('new.example'), 50],
  ['a postmaster adds an account', USER1, 'user1', addAccount('fresh', 'domain1.example'), 0],
  ['a postmaster deletes it again', USER1, 'user1', remove(account('fresh', 'domain1.example')), 0],
  [
    'a postmaster changes the limits of the own domain',
    USER1,
    'user1',
    replace(domain('domain1.example'), 'maxAccounts', '9'),
    50,
  ],
  [
    'a postmaster makes themselves an administrator',
    USER1,
    'user1',
    `dn: cn=administrators,o=hosting,${SUFFIX}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER1}\n`,
    50,
  ],
  ['a postmaster changes the administrator’s password', USER1, 'user1', replace(SITE, 'userPassword', 'x'), 50],
  ['a postmaster sets the catch-all where the domain allows it', USER1, 'user1', addAlias('', 'domain1.example'), 0],
  [
    'an administrator forbids the catch-all',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editCatchAll', 'FALSE'),
    0,
  ],
  [
    'a postmaster changes it then',
    USER1,
    'user1',
    replace(account('', 'domain1.example'), 'maildrop', 'user2@domain1.example'),
    50,
  ],
  ['a postmaster removes it then', USER1, 'user1', remove(account('', 'domain1.example')), 50],
  ['an administrator removes it', SITE, 'siteadmin', remove(account('', 'domain1.example')), 0],
  [
    'an administrator forbids changes of accounts',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editAccounts', 'FALSE'),
    0,
  ],
  ['a postmaster changes an account then', USER1, 'user1', replace(USER2, 'quota', '8S'), 50],
  ['a postmaster sets a password then', USER1, 'user1', replace(USER2, 'userPassword', 'x'), 50],
  ['a postmaster adds an account then', USER1, 'user1', addAccount('fresh', 'domain1.example'), 50],
  [
    'an administrator allows them again',
    SITE,
    'siteadmin',
    replace(domain('domain1.example'), 'editAccounts', 'TRUE'),
    0,
  ],
  ['an administrator makes a domain', SITE, 'siteadmin', addDomain('new.example'), 0],
  ['an administrator removes it', SITE, 'siteadmin', remove(domain('new.example')), 0],
  [
    'a user makes themselves a postmaster',
    USER2,
    'user2',
    `dn: cn=postmaster,${domain('domain2.example')}\nchangetype: modify\nadd: roleOccupant\nroleOccupant: ${USER2}\n`,
    50,
  ],
  ['a user adds an account', USER2, 'user2', addAccount('fresh', 'domain1.example'), 50],
  ['a user adds services', USER2, 'user2', replace(USER2, 'authorizedService', 'relay'), 50],
  ['a user sets a forward', USER3, 'user3', forward(USER3), 0],
  ['a user sets a forward of another', USER3, 'user3', forward(USER2), 50],
  ['a user reactivates themselves', USER3, 'user3', replace(USER3, 'accountActive', 'TRUE'), 50],
  ['a user sets the own marker of a second factor', USER3, 'user3', mark(USER3), 50],
  ['a user makes an app password without the store', USER3, 'user3', addAppPassword(APP), 50],
  ['a user puts an alias below the own entry', USER3, 'user3', addAlias('ceo', `domain1.example,${USER3}`), 32],
  ['the store sets the marker', STORE, 'store', mark(USER3), 0],
  ['the user clears it', USER3, 'user3', `dn: ${USER3}\nchangetype: modify\ndelete: secondFactor\n`, 50],
  ['the store makes an app password', STORE, 'store', addAppPassword(APP), 0],
  ['an app password changes itself', APP, 'app-abcdefgh-aaaa-bbbb-cccc-dddd', replace(APP, 'userPassword', 'x'), 50],
  [
    'an app password changes its account',
    APP,
    'app-abcdefgh-aaaa-bbbb-cccc-dddd',
    replace(USER3, 'userPassword', 'x'),
    50,
  ],
  ['a postmaster clears the marker', USER1, 'user1', replace(USER3, 'secondFactor', 'FALSE'), 0],
  ['a postmaster takes an app password away', USER1, 'user1', remove(APP), 0],
  ['the store changes anything else of an account', STORE, 'store', replace(USER3, 'quota', '1S'), 50],
  ['the store changes a password', STORE, 'store', replace(USER3, 'userPassword', 'x'), 50],
  ['a service changes an account', RELAY, 'relay', replace(USER2, 'cn', 'Two'), 50],
  ['an administrator suspends a domain', ADMIN, 'admin', replace(domain('suspended.example'), 'delete', 'FALSE'), 0],
  [
    'an entry without a mandatory attribute',
    ADMIN,
    'admin',
    `${addAlias('bad', 'domain1.example').replace(/accountActive.*\n/, '')}`,
    65,
  ],
  ['an entry without its parent', ADMIN, 'admin', addAlias('x', 'nowhere.example'), 32],
];

describe.each([
  { name: 'slapd', start: (): Promise<Server> => startSlapd() },
  { name: 'the embedded directory', start: (): Promise<Server> => startEmbedded() },
])('who may change what in $name', ({ start }) => {
  let server: Server;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());

  const tool = (program: string, args: readonly string[], input = '') =>
    run(program, ['-x', '-H', server.url, ...args], server.ca, input);

  test.each(CHANGES)('%s', async (_, dn, password, ldif, code) => {
    const { output } = await tool('ldapmodify', ['-ZZ', '-D', dn, '-w', password], ldif);
    expect(/\((\d+)\)/.exec(output)?.[1] ?? '0', output).toBe(String(code));
  });

  /** Which addresses somebody finds, of the whole tree. */
  const addressesSeen = async (bind: readonly string[]): Promise<string[]> => {
    const { output } = await tool('ldapsearch', ['-ZZ', '-LLL', ...bind, '-b', SUFFIX, '(mail=*)', 'mail']);
    return [...output.matchAll(/^mail: (.*)$/gm)].map((match) => match[1] ?? '');
  };

  test('anonymous reads nothing, people read their own domain, administrators and services all', async () => {
    expect(await addressesSeen([])).toEqual([]);
    const user2 = await addressesSeen(['-D', USER2, '-w', 'user2']);
    expect(user2).toContain('user1@domain1.example');
    expect(user2.filter((address) => !address.endsWith('@domain1.example'))).toEqual([]);
    const user1 = await addressesSeen(['-D', USER1, '-w', 'user1']);
    expect(user1.filter((address) => !address.endsWith('@domain1.example'))).toEqual([]);
    for (const bind of [
      ['-D', SITE, '-w', 'siteadmin'],
      ['-D', RELAY, '-w', 'relay'],
      ['-D', STORE, '-w', 'store'],
    ]) {
      const all = await addressesSeen(bind);
      expect(all).toContain('user1@domain1.example');
      expect(all).toContain('user5@domain2.example');
    }
  });

  test('where mail of somebody goes on to, the others of the domain do not read', async () => {
    const of = async (dn: string, password: string) =>
      (
        await tool('ldapsearch', [
          '-ZZ',
          '-LLL',
          '-D',
          dn,
          '-w',
          password,
          '-b',
          USER3,
          '-s',
          'base',
          'mail',
          'forwardTo',
        ])
      ).output;
    expect(await of(USER2, 'user2')).toContain('mail: user3');
    expect(await of(USER2, 'user2')).not.toContain('forwardTo');
    for (const [dn, password] of [
      [USER3, 'user3'],
      [USER1, 'user1'],
      [RELAY, 'relay'],
    ] as const) {
      expect(await of(dn, password)).toContain('forwardTo: me@elsewhere.example');
    }
  });

  test('nobody but the administrator reads a password, and none is found by one', async () => {
    for (const bind of [
      ['-D', RELAY, '-w', 'relay'],
      ['-D', STORE, '-w', 'store'],
      ['-D', USER1, '-w', 'user1'],
      ['-D', SITE, '-w', 'siteadmin'],
    ]) {
      const { output } = await tool('ldapsearch', ['-ZZ', '-LLL', ...bind, '-b', SUFFIX, '(mail=user*)', '*', '+']);
      expect(output).toContain('mail: user1@domain1.example');
      expect(output).not.toMatch(/userPassword|SSHA/i);
      const found = await tool('ldapsearch', ['-ZZ', '-LLL', ...bind, '-b', SUFFIX, '(userPassword=*)', 'mail']);
      expect(found.output).not.toContain('mail:');
    }
  });

  test('no bind in plain text, and pages of five bring everything', async () => {
    const plain = await tool('ldapwhoami', ['-D', RELAY, '-w', 'relay']);
    expect(plain.output).toContain('(13)');
    const as = ['-D', RELAY, '-w', 'relay'];
    const whole = await tool('ldapsearch', ['-ZZ', '-LLL', ...as, '-b', SUFFIX, '1.1']);
    const paged = await tool('ldapsearch', ['-ZZ', '-LLL', ...as, '-b', SUFFIX, '-E', 'pr=5/noprompt', '1.1']);
    const names = (text: string) => text.split('\n').filter((line) => line.startsWith('dn:'));
    expect(names(whole.output).length).toBeGreaterThan(30);
    expect(names(paged.output).sort()).toEqual(names(whole.output).sort());
  });

  test('a password is changed by its owner; it and the UUID outlive a restart', async () => {
    const wrong = await tool('ldappasswd', ['-ZZ', '-D', USER2, '-w', 'user2', '-s', 'x', USER5]);
    expect(wrong.output).toContain('(50)');
    const directory = openLdapDirectory(sampleSettings(server.url, server.ca), silentLog());
    const before = await directory.lookUp('user2@domain1.example');
    const changed = await tool('ldappasswd', ['-ZZ', '-D', USER2, '-w', 'user2', '-s', 'neues Wort', USER2]);
    expect(changed.code, changed.output).toBe(0);
    await server.restart();
    const signIn = (password: string) => directory.signIn({ user: 'user2@domain1.example', password, service: 'imap' });
    expect((await signIn('user2')).kind).toBe('refused');
    expect((await signIn('neues Wort')).kind).toBe('granted');
    expect(before.kind).toBe('account');
    expect(await directory.lookUp('user2@domain1.example')).toEqual(before);
    await directory.close();
  });
});

/** OpenLDAP's own client programs: a peer that nobody here wrote. */
function run(program: string, args: readonly string[], ca: string, input: string) {
  return new Promise<{ code: number | null; output: string }>((done, fail) => {
    const child = spawn(program, args, { env: { ...process.env, LDAPTLS_CACERT: ca, LDAPNETWORK_TIMEOUT: '10' } });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, output }));
    child.stdin.end(input);
  });
}
