import type { Account, AddressAnswer, AppPasswordAnswer } from '@postern/shared/directory/directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { expect, test, vi } from 'vitest';
import { OpenSessions } from './open-sessions.ts';

const entry: Account = { uuid: 'u1', address: 'a@x.example', dn: 'mail=a', forwards: [], passwordVersion: '1' };

test('an account and an app password are asked about once, however many sessions they have; one that left is not judged', async () => {
  const lookUp = vi.fn(async (address: string): Promise<AddressAnswer> => {
    return address === entry.address
      ? { kind: 'refused', why: 'account-inactive' }
      : { kind: 'account', account: { ...entry, address } };
  });
  const findAppPassword = vi.fn(async (_: Account, name: string): Promise<AppPasswordAnswer> => {
    return name === 'taken' ? { kind: 'gone' } : { kind: 'there', services: ['imap'] };
  });
  const sessions = new OpenSessions({ lookUp, findAppPassword }, silentLog(), 20, 0);
  const ended: string[] = [];
  const add = (name: string, address = entry.address, appPassword?: string) =>
    sessions.add({
      openedBy: { service: 'imap', entry: { ...entry, address }, appPassword },
      end: () => void ended.push(name),
    });
  add('one');
  add('two');
  add('other', 'b@x.example');
  add('kept', 'b@x.example', 'there');
  add('taken one', 'b@x.example', 'taken');
  add('taken two', 'b@x.example', 'taken');
  const leave = add('gone');
  leave();
  await vi.waitFor(() => expect(ended.length).toBeGreaterThanOrEqual(4), 60_000);
  await sessions.close();
  expect(ended.slice(0, 4).sort()).toEqual(['one', 'taken one', 'taken two', 'two']);
  expect(new Set(ended)).not.toContain('gone');
  const asked = (of: typeof lookUp | typeof findAppPassword, count: number): string[] =>
    of.mock.calls.slice(0, count).map((call) => String(call.at(-1)));
  expect(asked(lookUp, 4).sort()).toEqual(['a@x.example', 'b@x.example', 'b@x.example', 'b@x.example']);
  expect(asked(findAppPassword, 2).sort()).toEqual(['taken', 'there']);
});
