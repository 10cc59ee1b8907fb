import type { Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { sampleSettings } from './settings.ts';

type Check = readonly [address: string, expected: Record<string, unknown>];

const account = (more: Record<string, unknown>) => ({ kind: 'account', account: more });
const alias = (targets: string[], catchAll = false) => ({
  kind: 'alias',
  targets: expect.arrayContaining(targets),
  catchAll,
});
const refused = (why: string) => ({ kind: 'refused', why });
const OUTSIDE = 'someone@elsewhere.example';
const COMMON: readonly Check[] = [
  ['user1@domain1.example', account({ address: expect.stringMatching(/^(user1|first)@domain1\.example$/) })],
  ['FIRST+tag@Domain1.Example', account({ address: expect.stringMatching(/^(user1|first)@domain1\.example$/) })],
  ['nobody@domain1.example', refused('no-such-user')],
  ['user1@domain9.example', refused('no-such-domain')],
  ['anybody@configured.example', refused('no-such-user')],
  ['x)(mail=*@domain1.example', refused('no-such-user')],
];

const PRESETS = [
  {
    preset: 'dbmail',
    checks: [
      [
        'user2@domain1.example',
        account({ quotaBytes: 1_000_000, forwards: [OUTSIDE], mailHost: 'store2.corp.example' }),
      ],
      ['info@domain1.example', alias(['user1@domain1.example', OUTSIDE])],
      ['anybody@domain2.example', alias(['first@domain1.example'], true)],
    ],
    signIns: [
      ['user1@domain1.example', 'user1', 'granted'],
      ['user1@domain1.example', 'wrong', 'bad-credentials'],
      ['info@domain1.example', 'user1', 'bad-credentials'],
    ],
  },
  {
    preset: 'qmail-ldap',
    checks: [
      ['user1@domain1.example', account({ quotaBytes: 1_000_000, quotaMessages: 100 })],
      ['user2@domain1.example', account({ forwards: [OUTSIDE], forwardOnly: true, mailHost: 'store2.corp.example' })],
      ['anybody@domain2.example', alias(['user1@domain1.example'], true)],
      ['user5@domain2.example', account({ services: [] })],
      ['gone@domain2.example', refused('account-inactive')],
      ['left@domain2.example', refused('account-deleted')],
    ],
    signIns: [
      ['user1@domain1.example', 'user1', 'granted'],
      ['first@domain1.example', 'user1', 'granted'],
      ['user5@domain2.example', 'user5', 'service-not-allowed'],
      ['gone@domain2.example', 'user5', 'inactive'],
    ],
  },
] as const satisfies readonly { preset: 'dbmail' | 'qmail-ldap'; checks: readonly Check[]; signIns: unknown }[];

describe.each(PRESETS)('the $preset preset on slapd', ({ preset, checks, signIns }) => {
  let slapd: Slapd;
  let directory: Directory;

  beforeAll(async () => {
    slapd = await startSlapd({ tree: preset });
    const settings = sampleSettings(slapd.url, slapd.ca, { preset, domains: ['Configured.example'] });
    directory = openLdapDirectory(settings, silentLog());
  });
  afterAll(async () => {
    await directory?.close();
    await slapd?.stop();
  });

  test.each([...COMMON, ...checks] as Check[])('%s', async (address, expected) => {
    expect(await directory.lookUp(address)).toMatchObject(expected);
  });

  test.each(signIns.map((check) => [...check]))('sign-in of %s with %s: %s', async (user, password, expected) => {
    const answer = await directory.signIn({ user: user ?? '', password: password ?? '', service: 'imap' });
    expect(answer.kind === 'refused' ? answer.why : answer.kind).toBe(expected);
  });

  test('without a right to see the base entry nothing is known', async () => {
    const settings = sampleSettings(slapd.url, slapd.ca, { preset, baseDn: 'o=nothing,dc=myhosting,dc=example' });
    const wrong = openLdapDirectory(settings, silentLog());
    expect((await wrong.lookUp('user1@domain1.example')).kind).toBe('unknown');
    await wrong.close();
  });
});
