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

const replace = (dn: string, attribute: string, value: string) =>
  `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${attribute}: ${value}\n`;
const addAlias = (local: string, name: string) =>
  `dn: ${account(local, name)}\nchangetype: add\nobjectClass: JammMailAlias\nmail: ${local}@${name}\n` +
  `maildrop: user1@domain1.example\naccountActive: TRUE\n`;

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

  test('nobody but the administrator reads a password, and none is found by one', async () => {
    for (const bind of [[], ['-D', RELAY, '-w', 'relay'], ['-D', USER1, '-w', 'user1']]) {
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
    const whole = await tool('ldapsearch', ['-ZZ', '-LLL', '-b', SUFFIX, '1.1']);
    const paged = await tool('ldapsearch', ['-ZZ', '-LLL', '-b', SUFFIX, '-E', 'pr=5/noprompt', '1.1']);
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
