import type { Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { expandRecipient } from '@postern/shared/directory/recipients.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SambaDirectory, sambaMissing, startSamba } from '../support/samba.ts';
import { sampleSettings } from './settings.ts';

const missing = sambaMissing();
if (missing !== undefined) console.log(`the active-directory preset is not tested: ${missing}`);

const PASSWORD = 'User1-password';
const entry = (dn: string, ...lines: string[]) => [`dn: ${dn}`, 'changetype: add', ...lines, ''].join('\n');

describe.skipIf(missing !== undefined)('the active-directory preset on Samba’s domain controller', () => {
  let samba: SambaDirectory;
  let directory: Directory;
  let base: string;

  beforeAll(async () => {
    samba = await startSamba();
    base = `OU=Staff,${samba.suffix}`;
    const user = (name: string, ...lines: string[]) =>
      entry(
        `CN=${name},${base}`,
        ...['objectClass: user', `sAMAccountName: ${name}`, `userPrincipalName: ${name}@domain1.example`, ...lines],
      );
    const group = (name: string, mail: string, ...members: string[]) =>
      entry(
        `CN=${name},${base}`,
        ...['objectClass: group', `sAMAccountName: ${name}`, `mail: ${mail}`],
        ...members.map((member) => `member: CN=${member},${base}`),
      );
    samba.modify(
      [
        entry(base, 'objectClass: organizationalUnit', 'ou: Staff'),
        user(
          'user1',
          'mail: user1@domain1.example',
          'proxyAddresses: smtp:first@domain1.example',
          'proxyAddresses: SMTP:user1@domain1.example',
          'proxyAddresses: X400:c=US',
        ),
        user('user2', 'displayName: User Two'),
        user('disabled', 'mail: disabled@domain1.example'),
        // Somebody elsewhere, as a card in the address book.
        entry(`CN=outsider,${base}`, 'objectClass: contact', 'mail: someone@elsewhere.example'),
        user('any', 'mail: any@domain2.example', 'proxyAddresses: smtp:@domain2.example'),
        group('inner', 'inner@domain1.example', 'user2', 'outsider'),
        group('team', 'team@domain1.example', 'user1', 'inner'),
        group('empty', 'empty@domain1.example'),
      ].join('\n'),
    );
    for (const name of ['user1', 'user2', 'any']) samba.setPassword(name, PASSWORD);
    directory = openLdapDirectory(settings(), silentLog());
  }, 180_000);
  afterAll(async () => {
    await directory?.close();
    await samba?.stop();
  });

  const settings = (more: Record<string, unknown> = {}) =>
    sampleSettings(samba.url, samba.ca, {
      ...{ preset: 'active-directory', baseDn: base, bindDn: samba.adminDn, bindPassword: samba.adminPassword },
      ...{ serverName: '127.0.0.1', domains: ['domain1.example', 'domain2.example'], ...more },
    });
  const expand = async (address: string) => {
    const expansion = await expandRecipient(directory, address, { defaultDomain: 'domain1.example' });
    if (expansion.kind !== 'resolved') return expansion;
    return [...expansion.accounts.map(({ account }) => account.address), ...expansion.outside].sort();
  };

  test.each([
    ['user1@domain1.example', ['user1@domain1.example']],
    ['FIRST+tag@Domain1.example', ['user1@domain1.example']],
    ['user2@domain1.example', ['user2@domain1.example']],
    ['anybody@domain2.example', ['any@domain2.example']],
    ['someone@elsewhere.example', { kind: 'refused', why: 'no-such-domain' }],
    ['team@domain1.example', ['someone@elsewhere.example', 'user1@domain1.example', 'user2@domain1.example']],
    ['disabled@domain1.example', { kind: 'refused', why: 'account-inactive' }],
    ['empty@domain1.example', { kind: 'refused', why: 'alias-inactive' }],
    ['nobody@domain1.example', { kind: 'refused', why: 'no-such-user' }],
    ['user1@ad.example', { kind: 'refused', why: 'no-such-domain' }],
    ['x)(mail=*@domain1.example', { kind: 'refused', why: 'no-such-user' }],
  ])('%s', async (address, expected) => {
    expect(await expand(address)).toEqual(expected);
  });

  test('an account is told with its objectGUID, and keeps it when its address changes', async () => {
    const before = await directory.lookUp('first@domain1.example');
    if (before.kind !== 'account') throw new Error(`no account: ${JSON.stringify(before)}`);
    expect(before.account.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    samba.modify(
      [
        `dn: CN=user1,${base}`,
        'changetype: modify',
        'add: proxyAddresses',
        'proxyAddresses: smtp:later@domain1.example',
        '',
      ].join('\n'),
    );
    expect(await directory.lookUp('later@domain1.example')).toMatchObject({ account: { uuid: before.account.uuid } });
  });

  test.each([
    ['user1@domain1.example', PASSWORD, 'granted'],
    ['user2', PASSWORD, 'granted'],
    ['user1@domain1.example', 'wrong', 'bad-credentials'],
    ['disabled@domain1.example', PASSWORD, 'bad-credentials'],
    ['team@domain1.example', PASSWORD, 'bad-credentials'],
  ])('sign-in of %s with %s: %s', async (user, password, expected) => {
    const answer = await directory.signIn({ user, password, service: 'imap' });
    expect(answer.kind === 'refused' ? answer.why : answer.kind).toBe(expected);
  });

  test('a base that is not there is "don’t know"', async () => {
    const wrong = openLdapDirectory(settings({ baseDn: `OU=Nothing,${samba.suffix}` }), silentLog());
    expect((await wrong.lookUp('user1@domain1.example')).kind).toBe('unknown');
    await wrong.close();
  });
});
