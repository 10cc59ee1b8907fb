import { expect, test } from 'vitest';
import type { Account, AddressAnswer, AppPasswordAnswer, Service } from './directory.ts';
import { standingBy } from './standing.ts';

const entry: Account = { uuid: 'u1', address: 'a@x.example', dn: 'mail=a', forwards: [], passwordVersion: '1' };
const now = (changes: Partial<Account>): AddressAnswer => ({ kind: 'account', account: { ...entry, ...changes } });
const THERE: AppPasswordAnswer = { kind: 'there', services: ['IMAP'] };

function whyEnded(service: Service, account: AddressAnswer, name?: string, found = THERE): string | undefined {
  const appPassword = name === undefined ? undefined : found;
  const standing = standingBy({ service, entry, appPassword: name }, { account, appPassword });
  return standing.kind === 'ended' ? standing.why : undefined;
}

test.each<[what: string, answer: AddressAnswer, appPassword: string | undefined, why: string | undefined]>([
  ['nothing changed', now({}), undefined, undefined],
  ['the directory is away', { kind: 'unknown', cause: 'away' }, undefined, undefined],
  ['suspended', { kind: 'refused', why: 'account-inactive' }, undefined, 'the account is gone or inactive'],
  [
    'suspended, by an app password',
    { kind: 'refused', why: 'account-inactive' },
    'x',
    'the account is gone or inactive',
  ],
  ['another entry of the address', now({ uuid: 'u2' }), undefined, 'the account is gone or inactive'],
  ['an alias now', { kind: 'alias', targets: [], catchAll: false }, undefined, 'the account is gone or inactive'],
  ['IMAP taken away', now({ services: ['pop3'] }), undefined, 'the service was taken away'],
  ['IMAP named', now({ services: ['IMAP'] }), undefined, undefined],
  ['another password', now({ passwordVersion: '2' }), undefined, 'the password was changed'],
  ['another password, by an app password', now({ passwordVersion: '2' }), 'x', undefined],
  ['a directory that does not tell any more', now({ passwordVersion: undefined }), undefined, undefined],
  ['a second factor', now({ secondFactor: true }), undefined, 'a second factor was turned on'],
  ['a second factor, by an app password', now({ secondFactor: true }), 'x', undefined],
])('%s', (_, answer, appPassword, why) => {
  expect(whyEnded('imap', answer, appPassword)).toBe(why);
});

test('a second factor that was turned on leaves the session in which that was done', () => {
  expect(whyEnded('console', now({ secondFactor: true }))).toBeUndefined();
});

test.each<[what: string, found: AppPasswordAnswer, why: string | undefined]>([
  ['there', THERE, undefined],
  ['taken away', { kind: 'gone' }, 'the app password was taken away'],
  ['for another service', { kind: 'there', services: ['pop3'] }, 'the app password is not for this service any more'],
  ['not to be told now', { kind: 'unknown', cause: 'away' }, undefined],
])('an app password that is %s', (_, found, why) => {
  expect(whyEnded('imap', now({}), 'x', found)).toBe(why);
});

test('an app password that was taken away ends its session also while the account cannot be read', () => {
  expect(whyEnded('imap', { kind: 'unknown', cause: 'away' }, 'x', { kind: 'gone' })).toBeDefined();
});
