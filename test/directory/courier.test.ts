import type { Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { sampleSettings } from './settings.ts';

describe('the courier preset on slapd', () => {
  let slapd: Slapd;
  let directory: Directory;

  beforeAll(async () => {
    slapd = await startSlapd({ tree: 'courier' });
    directory = openLdapDirectory(sampleSettings(slapd.url, slapd.ca, { preset: 'courier' }), silentLog());
  });
  afterAll(async () => {
    await directory?.close();
    await slapd?.stop();
  });

  test.each([
    ['user1@domain1.example', { kind: 'account', account: { displayName: 'User One' } }],
    ['USER1+tag@Domain1.Example', { kind: 'account', account: { address: 'user1@domain1.example' } }],
    [
      'user2@domain1.example',
      {
        kind: 'account',
        account: {
          quotaBytes: 1_000_000,
          quotaMessages: 100,
          services: ['pop3', 'sieve', 'webmail', 'submission', 'console'],
        },
      },
    ],
    ['nobody@domain1.example', { kind: 'refused', why: 'no-such-user' }],
    ['user1@domain9.example', { kind: 'refused', why: 'no-such-domain' }],
    ['anybody@domain3.example', { kind: 'alias', targets: ['user5@domain2.example'], catchAll: true }],
    ['user1@domain4.example', { kind: 'alias', targets: ['@domain1.example'], catchAll: true }],
    ['x)(mail=*@domain1.example', { kind: 'refused', why: 'no-such-user' }],
  ])('%s', async (address, expected) => {
    expect(await directory.lookUp(address)).toMatchObject(expected);
  });

  test('an alias has all its targets', async () => {
    const answer = await directory.lookUp('info@domain1.example');
    if (answer.kind !== 'alias') throw new Error(`no alias: ${JSON.stringify(answer)}`);
    expect([...answer.targets].sort()).toEqual(['someone@elsewhere.example', 'user1@domain1.example']);
  });

  test.each([
    ['user1@domain1.example', 'user1', 'imap', 'granted'],
    ['user1@domain1.example', 'wrong', 'imap', 'refused'],
    ['user2@domain1.example', 'user2', 'imap', 'refused'],
    ['user2@domain1.example', 'user2', 'pop3', 'granted'],
  ] as const)('sign-in of %s with %s for %s: %s', async (user, password, service, kind) => {
    expect((await directory.signIn({ user, password, service })).kind).toBe(kind);
  });
});
