import { expect, test } from 'vitest';
import type { AddressAnswer, Directory } from './directory.ts';
import { type ExpansionLimits, expandRecipient } from './recipients.ts';

/** Targets of an alias, `true` for an account, or any other answer. */
type Table = Readonly<Record<string, readonly string[] | true | AddressAnswer>>;

function directoryOf(table: Table): Directory {
  const answer = (address: string): AddressAnswer => {
    const found = table[address.toLowerCase()];
    if (found === true) {
      return { kind: 'account', account: { uuid: `uuid-${address}`, address, dn: '', forwards: [] } };
    }
    if (found === undefined) {
      return { kind: 'refused', why: address.endsWith('@here.example') ? 'no-such-user' : 'no-such-domain' };
    }
    return 'kind' in found ? found : { kind: 'alias', targets: found, catchAll: false };
  };
  return {
    lookUp: async (address) => answer(address),
    signIn: async () => ({ kind: 'refused', why: 'bad-credentials' }),
    findAppPassword: async () => ({ kind: 'gone' }),
    check: async () => ({ ok: true }),
    close: async () => undefined,
  };
}

async function expand(table: Table, address: string, limits: ExpansionLimits = { defaultDomain: 'here.example' }) {
  const expansion = await expandRecipient(directoryOf(table), address, limits);
  if (expansion.kind !== 'resolved') return expansion;
  return { to: expansion.accounts.map((a) => [a.account.address, a.via]), outside: expansion.outside };
}

const UNKNOWN: AddressAnswer = { kind: 'unknown', cause: 'away' };

test('an account is itself; an alias names the way', async () => {
  const table: Table = { 'a@here.example': true, 'x@here.example': ['y@here.example'], 'y@here.example': ['a'] };
  expect(await expand(table, 'a@here.example')).toEqual({ to: [['a@here.example', []]], outside: [] });
  expect(await expand(table, 'x@here.example')).toEqual({
    to: [['a@here.example', ['x@here.example', 'y@here.example']]],
    outside: [],
  });
});

test('two ways to one account give one copy, and are no loop', async () => {
  const table: Table = {
    'a@here.example': true,
    'top@here.example': ['l@here.example', 'r@here.example', 'out@else.example', 'out@ELSE.example'],
    'l@here.example': ['m@here.example'],
    'r@here.example': ['m@here.example', 'a@here.example'],
    'm@here.example': ['a@here.example'],
  };
  const expansion = await expand(table, 'top@here.example');
  expect(expansion).toMatchObject({ to: [['a@here.example', ['top@here.example', 'r@here.example']]] });
  expect(expansion).toMatchObject({ outside: ['out@else.example'] });
});

test.each([
  ['itself', { 'x@here.example': ['X@Here.example'] }],
  ['another', { 'x@here.example': ['y@here.example'], 'y@here.example': ['x@here.example'] }],
  ['a later one, beside an account', { 'x@here.example': ['a', 'y'], 'a@here.example': true, 'y@here.example': ['x'] }],
] as const)('an alias that leads back to %s is a loop', async (_, table) => {
  expect(await expand(table as Table, 'x@here.example')).toMatchObject({ kind: 'failed', why: 'loop' });
});

test('a refused target is left out; if all are refused, so is the alias', async () => {
  const inactive: AddressAnswer = { kind: 'refused', why: 'account-inactive' };
  const table: Table = {
    'a@here.example': true,
    'i@here.example': inactive,
    'x@here.example': ['i@here.example', 'a@here.example', 'gone@here.example'],
    'z@here.example': ['i@here.example'],
  };
  expect(await expand(table, 'x@here.example')).toMatchObject({ to: [['a@here.example', ['x@here.example']]] });
  expect(await expand(table, 'z@here.example')).toEqual(inactive);
});

test('one target that the directory does not tell makes the whole unknown', async () => {
  const table: Table = { 'a@here.example': true, 'u@here.example': UNKNOWN, 'x@here.example': ['a', 'u'] };
  expect(await expand(table, 'x@here.example')).toEqual(UNKNOWN);
});

test('a domain that is not ours is refused at RCPT, and outside as a target', async () => {
  expect(await expand({}, 'a@else.example')).toEqual({ kind: 'refused', why: 'no-such-domain' });
  expect(await expand({ 'x@here.example': ['A@else.example'] }, 'x@here.example')).toEqual({
    to: [],
    outside: ['A@else.example'],
  });
});

test('a bare target without a default domain is refused', async () => {
  const table: Table = { 'x@here.example': ['root'], 'root@here.example': true };
  expect(await expand(table, 'x@here.example', {})).toEqual({ kind: 'refused', why: 'no-such-user' });
});

test('limits: depth and number of targets', async () => {
  const chain: Record<string, string[] | true> = { 'a12@here.example': true };
  for (let i = 0; i < 12; i += 1) chain[`a${i}@here.example`] = [`a${i + 1}`];
  expect(await expand(chain, 'a2@here.example')).toMatchObject({ outside: [] });
  expect(await expand(chain, 'a1@here.example')).toMatchObject({ kind: 'failed', why: 'too-deep' });
  const many = { 'x@here.example': Array.from({ length: 20 }, (_, i) => `t${i}@else.example`) };
  const limits = { defaultDomain: 'here.example', maxTargets: 10 };
  expect(await expand(many, 'x@here.example', limits)).toMatchObject({ kind: 'failed', why: 'too-many-targets' });
});

test('a domain that stands for another: each address for the same one there, also with a tag', async () => {
  const table: Table = {
    'a@other.example': ['@here.example'],
    'a+tag@other.example': ['@here.example'],
    'nobody@other.example': ['@here.example'],
    'a@here.example': true,
    'a+tag@here.example': true,
  };
  expect(await expand(table, 'a@other.example')).toMatchObject({ to: [['a@here.example', ['a@other.example']]] });
  expect(await expand(table, 'a+tag@other.example')).toMatchObject({ to: [['a+tag@here.example', expect.anything()]] });
  expect(await expand(table, 'nobody@other.example')).toEqual({ kind: 'refused', why: 'no-such-user' });
});

test('a domain that stands for one outside is refused: nobody has checked its addresses', async () => {
  expect(await expand({ 'a@here.example': ['@else.example'] }, 'a@here.example')).toEqual({
    kind: 'refused',
    why: 'no-such-domain',
  });
});

test('a bare target that the default domain does not know is refused, and never sent outside', async () => {
  const missing: AddressAnswer = { kind: 'refused', why: 'no-such-domain' };
  const table: Table = { 'x@here.example': ['root'], 'root@site.example': missing };
  expect(await expand(table, 'x@here.example', { defaultDomain: 'site.example' })).toEqual(missing);
});

test('postmaster and abuse of a domain that has none go to the site’s postmaster', async () => {
  const limits = { defaultDomain: 'here.example', sitePostmaster: 'postmaster' };
  const table: Table = { 'postmaster@here.example': ['a@here.example'], 'a@here.example': true };
  const second: Table = { ...table, 'postmaster@two.here.example': true };
  const none: AddressAnswer = { kind: 'refused', why: 'no-such-user' };
  const hosted: Table = { ...table, 'abuse@b.example': none, 'postmaster@b.example': none, 'other@b.example': none };
  expect(await expand(hosted, 'postmaster@b.example', limits)).toMatchObject({
    to: [['a@here.example', expect.anything()]],
  });
  expect(await expand(hosted, 'Abuse@b.example', limits)).toMatchObject({
    to: [['a@here.example', expect.anything()]],
  });
  expect(await expand(hosted, 'other@b.example', limits)).toEqual(none);
  expect(await expand({ ...second, 'abuse@two.here.example': none }, 'abuse@two.here.example', limits)).toMatchObject({
    to: [['postmaster@two.here.example', expect.anything()]],
  });
  // An inactive one is refused as any other; a site without postmaster loops nowhere.
  const inactive: AddressAnswer = { kind: 'refused', why: 'alias-inactive' };
  expect(await expand({ ...hosted, 'postmaster@b.example': inactive }, 'postmaster@b.example', limits)).toEqual(
    inactive,
  );
  expect(await expand({ 'abuse@here.example': none }, 'abuse@here.example', limits)).toEqual(none);
  expect(await expand({}, 'postmaster@else.example', limits)).toEqual({ kind: 'refused', why: 'no-such-domain' });
});

test('forwards of an account: with a copy or without, back to itself, and only where they are followed', async () => {
  const account = (address: string, forwards: string[], forwardOnly = false): AddressAnswer => ({
    kind: 'account',
    account: { uuid: `uuid-${address}`, address, dn: '', forwards, forwardOnly },
  });
  const table: Table = {
    'a@here.example': account('a@here.example', ['x@else.example', 'back@here.example']),
    'back@here.example': ['a@here.example'],
    'b@here.example': account('b@here.example', ['c@here.example'], true),
    'c@here.example': true,
    'p@here.example': account('p@here.example', ['q@here.example'], true),
    'q@here.example': account('q@here.example', ['p@here.example'], true),
  };
  const relay = { defaultDomain: 'here.example', followForwards: true };
  expect(await expand(table, 'a@here.example', relay)).toEqual({
    to: [['a@here.example', []]],
    outside: ['x@else.example'],
  });
  expect(await expand(table, 'b@here.example', relay)).toMatchObject({ to: [['c@here.example', ['b@here.example']]] });
  expect(await expand(table, 'p@here.example', relay)).toMatchObject({ kind: 'failed', why: 'loop' });
  expect(await expand(table, 'b@here.example')).toEqual({ to: [['b@here.example', []]], outside: [] });
});
