import { spawn } from 'node:child_process';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSlapd } from '../support/slapd.ts';
import {
  CHANGES,
  PEOPLE,
  RELAY,
  SAMPLE_PEOPLE,
  SHELLY,
  SITE,
  STORE,
  SUFFIX,
  USER1,
  USER2,
  USER3,
  USER5,
} from './access-checks.ts';
import { startEmbedded } from './embedded.ts';
import { sampleSettings } from './settings.ts';

interface Server {
  readonly url: string;
  readonly ca: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

describe.each([
  { name: 'slapd', start: (): Promise<Server> => startSlapd({ moreEntries: SAMPLE_PEOPLE }) },
  { name: 'the embedded directory', start: (): Promise<Server> => startEmbedded({ moreEntries: SAMPLE_PEOPLE }) },
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

  test('of people with a shell account, each reads the own entry, services and administrators all', async () => {
    const uidsSeen = async (bind: readonly string[], filter = '(uid=*)'): Promise<string[]> => {
      const { output } = await tool('ldapsearch', ['-ZZ', '-LLL', ...bind, '-b', PEOPLE, filter, '*']);
      expect(output).not.toMatch(/userPassword|SSHA/i);
      return [...output.matchAll(/^uid: (.*)$/gm)].map((match) => match[1] ?? '').sort();
    };
    expect(await uidsSeen([])).toEqual([]);
    expect(await uidsSeen(['-D', SHELLY, '-w', 'pearl'])).toEqual(['shelly']);
    expect(await uidsSeen(['-D', USER1, '-w', 'user1'])).toEqual([]);
    for (const bind of [
      ['-D', SITE, '-w', 'siteadmin'],
      ['-D', RELAY, '-w', 'relay'],
      ['-D', STORE, '-w', 'store'],
    ]) {
      expect(await uidsSeen(bind)).toEqual(['mailonly', 'shelly']);
      expect(await uidsSeen(bind, '(userPassword=*)')).toEqual([]);
    }
    // Who signed in finds the base: a look-up whose answer lacks it would be “don’t know”.
    const base = await tool('ldapsearch', [
      '-ZZ',
      '-LLL',
      '-D',
      USER2,
      '-w',
      'user2',
      '-b',
      PEOPLE,
      '-s',
      'base',
      'ou',
    ]);
    expect(base.output).toContain('ou: people');
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
    const after = await directory.lookUp('user2@domain1.example');
    if (before.kind !== 'account' || after.kind !== 'account') throw new Error(`${before.kind}, ${after.kind}`);
    const { passwordVersion, ...rest } = after.account;
    expect(passwordVersion).not.toBe(before.account.passwordVersion);
    expect(before.account).toEqual(expect.objectContaining(rest));
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
