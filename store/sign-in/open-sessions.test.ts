import type { Account, AddressAnswer } from '@postern/shared/directory/directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { expect, test, vi } from 'vitest';
import { endedBy, OpenSessions } from './open-sessions.ts';

const entry: Account = { uuid: 'u1', address: 'a@x.example', dn: 'mail=a', forwards: [], passwordVersion: '1' };
const now = (changes: Partial<Account>): AddressAnswer => ({ kind: 'account', account: { ...entry, ...changes } });

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
  expect(endedBy({ service: 'imap', entry, appPassword }, answer)).toBe(why);
});

test('a second factor that was turned on leaves the session in which that was done', () => {
  expect(endedBy({ service: 'console', entry }, now({ secondFactor: true }))).toBeUndefined();
});

test('an account is asked about once, however many sessions it has; one that left is not judged', async () => {
  const lookUp = vi.fn(async (address: string): Promise<AddressAnswer> => {
    return address === entry.address ? { kind: 'refused', why: 'account-inactive' } : now({ address });
  });
  const sessions = new OpenSessions({ lookUp }, silentLog(), 20, 0);
  const ended: string[] = [];
  const add = (name: string, address = entry.address) =>
    sessions.add({ openedBy: { service: 'imap', entry: { ...entry, address } }, end: () => void ended.push(name) });
  add('one');
  add('two');
  add('other', 'b@x.example');
  const leave = add('gone');
  leave();
  await vi.waitFor(() => expect(ended).toContain('two'), 60_000);
  await sessions.close();
  expect(ended.slice(0, 2).sort()).toEqual(['one', 'two']);
  expect(ended).not.toContain('gone');
  expect(
    lookUp.mock.calls
      .slice(0, 2)
      .map(([address]) => address)
      .sort(),
  ).toEqual(['a@x.example', 'b@x.example']);
});
