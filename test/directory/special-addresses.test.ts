import type { Directory } from '@postern/shared/directory/directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { type ExpansionLimits, expandRecipient } from '@postern/shared/directory/recipients.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { sampleSettings } from './settings.ts';

/** What belongs to the site or to a whole domain: domain aliases, site-wide aliases, shell users, forwards, stores by entry. */
let slapd: Slapd;
let directory: Directory;
const PEOPLE = 'ou=people,dc=myhosting,dc=example';
const SHELL_PASSWORD = 'shell-password';

const entry = (dn: string, ...lines: string[]) =>
  [`dn: ${dn}`, 'changetype: add', 'objectClass: top', ...lines, ''].join('\n');

beforeAll(async () => {
  slapd = await startSlapd();
  const base = slapd.baseDn;
  const domain1 = `jvd=domain1.example,${base}`;
  const shell = (uid: string, ...more: string[]) =>
    entry(
      `uid=${uid},${PEOPLE}`,
      ...['objectClass: account', 'objectClass: posixAccount', 'objectClass: simpleSecurityObject', `uid: ${uid}`],
      ...[`cn: ${uid}`, 'uidNumber: 1000', 'gidNumber: 1000', `homeDirectory: /home/${uid}`],
      ...[`userPassword: ${SHELL_PASSWORD}`, ...more],
    );
  await slapd.modify(
    [
      entry(
        `jvd=domain3.example,${base}`,
        ...['objectClass: JammVirtualDomain', 'objectClass: posternDomainAlias', 'jvd: domain3.example'],
        ...['accountActive: TRUE', 'aliasOfDomain: domain1.example', 'postfixTransport: lmtp:[store3.corp.example]:24'],
      ),
      entry(
        `mail=own@domain3.example,jvd=domain3.example,${base}`,
        ...['objectClass: JammMailAccount', 'mail: own@domain3.example', 'accountActive: TRUE'],
      ),
      entry(
        `jvd=nowhere.example,${base}`,
        ...['objectClass: JammVirtualDomain', 'objectClass: posternDomainAlias', 'jvd: nowhere.example'],
        ...['accountActive: TRUE', 'aliasOfDomain: elsewhere.example'],
      ),
      entry(
        `mail=root,${base}`,
        ...['objectClass: JammMailAlias', 'mail: root', 'maildrop: user2@domain1.example', 'accountActive: TRUE'],
      ),
      // Whoever administers domain2 may write there, and must not get the site's names by it.
      entry(
        `cn=trap,jvd=domain2.example,${base}`,
        ...['objectClass: JammMailAlias', 'cn: trap', 'mail: security', 'maildrop: user5@domain2.example'],
        'accountActive: TRUE',
      ),
      entry(
        `mail=away@domain1.example,${domain1}`,
        ...['objectClass: JammMailAccount', 'objectClass: posternForwarding', 'objectClass: inetLocalMailRecipient'],
        ...['mail: away@domain1.example', 'accountActive: TRUE', 'forwardTo: someone@elsewhere.example'],
        ...['forwardOnly: TRUE', 'mailHost: store2.corp.example'],
      ),
      entry(PEOPLE, 'objectClass: organizationalUnit', 'ou: people'),
      shell('ann'),
      shell('user1'),
    ].join('\n'),
  );
  directory = openLdapDirectory(sampleSettings(slapd.url, slapd.ca, { shellUsersBaseDn: PEOPLE }), silentLog());
});
afterAll(async () => {
  await directory?.close();
  await slapd?.stop();
});

const RELAY: ExpansionLimits = { defaultDomain: 'domain1.example', sitePostmaster: 'postmaster', followForwards: true };

async function expand(address: string, limits = RELAY) {
  const expansion = await expandRecipient(directory, address, limits);
  if (expansion.kind !== 'resolved') return expansion.kind === 'refused' ? expansion.why : expansion;
  return [...expansion.accounts.map(({ account }) => account.address), ...expansion.outside].sort().join(' ');
}

test.each([
  ['a domain alias', 'user2@domain3.example', 'user2@domain1.example'],
  ['a domain alias, with a tag', 'user2+tag@domain3.example', 'user2@domain1.example'],
  ['an alias of the other domain', 'team@domain3.example', 'user2@domain1.example'],
  ['nobody there', 'nobody@domain3.example', 'no-such-user'],
  ['an account of the alias domain itself', 'own@domain3.example', 'own@domain3.example'],
  ['inactive there', 'suspended@domain3.example', 'account-inactive'],
  ['a domain alias of a domain that is not hosted', 'x@nowhere.example', 'no-such-domain'],
  ['a site-wide alias', 'root@domain1.example', 'user2@domain1.example'],
  ['one is not of other domains', 'root@domain2.example', 'user5@domain2.example'],
  ['a bare name inside another domain is none', 'security@domain1.example', 'no-such-user'],
  ['a shell user', 'ann@domain1.example', 'ann@domain1.example'],
  ['a shell user, with a tag', 'Ann+tag@domain1.example', 'ann@domain1.example'],
  ['a shell user has no address in other domains', 'ann@suspended.example', 'domain-inactive'],
  ['forwards alone', 'away@domain1.example', 'someone@elsewhere.example'],
  ['postmaster of a domain that has none', 'postmaster@domain3.example', expect.stringContaining('@domain1.example')],
  ['abuse of a domain that has none', 'abuse@domain3.example', expect.stringContaining('@domain1.example')],
  ['postmaster of a domain alias that leads nowhere', 'abuse@nowhere.example', 'no-such-domain'],
])('%s: %s', async (_, address, expected) => {
  const got = await expand(address);
  // user1 is a mail account and a shell account in this tree: that is two, and nobody may guess which one is meant.
  if (address.startsWith('team') || /^(postmaster|abuse)@domain3/.test(address)) {
    expect(got).toMatchObject({ kind: 'unknown', cause: expect.stringContaining('more than one account') });
  } else expect(got).toEqual(expected);
});

test('an address that is a mail account and a shell account of two entries is "don’t know"', async () => {
  expect(await directory.lookUp('user1@domain1.example')).toMatchObject({ kind: 'unknown' });
});

test('a shell user signs in like all others', async () => {
  const signIn = (password: string) => directory.signIn({ user: 'ann', password, service: 'imap' });
  expect(await signIn(SHELL_PASSWORD)).toMatchObject({ kind: 'granted', account: { address: 'ann@domain1.example' } });
  expect(await signIn('wrong')).toEqual({ kind: 'refused', why: 'bad-credentials' });
});

test('an account names its store, or its domain does', async () => {
  expect(await directory.lookUp('away@domain1.example')).toMatchObject({
    account: { mailHost: 'store2.corp.example' },
  });
  expect(await directory.lookUp('own@domain3.example')).toMatchObject({ account: { mailHost: 'store3.corp.example' } });
});

test('a shell base that is not there makes the default domain unknown, and no other', async () => {
  const settings = sampleSettings(slapd.url, slapd.ca, { shellUsersBaseDn: 'ou=nothing,dc=myhosting,dc=example' });
  const wrong = openLdapDirectory(settings, silentLog());
  expect((await wrong.lookUp('user2@domain1.example')).kind).toBe('unknown');
  expect((await wrong.lookUp('user4@domain2.example')).kind).toBe('account');
  await wrong.close();
});
