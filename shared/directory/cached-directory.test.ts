import { expect, test } from 'vitest';
import { cachedDirectory } from './cached-directory.ts';
import type { AddressAnswer, Directory } from './directory.ts';
import { KnownAddressesHere } from './known-addresses.ts';

const FOUND: AddressAnswer = { kind: 'alias', targets: ['a@b.example'], catchAll: false };
const NOT_FOUND: AddressAnswer = { kind: 'refused', why: 'no-such-user' };
const UNKNOWN: AddressAnswer = { kind: 'unknown', cause: 'away' };

function counting(answer: () => AddressAnswer | Promise<AddressAnswer>) {
  const asked: string[] = [];
  const inner: Directory = {
    lookUp: async (address) => {
      asked.push(address);
      return answer();
    },
    signIn: async () => ({ kind: 'refused', why: 'bad-credentials' }),
    findAppPassword: async () => ({ kind: 'gone' }),
    check: async () => ({ ok: true }),
    close: async () => undefined,
  };
  return { asked, inner };
}

const LIMITS = { foundTtlMs: 5_000, notFoundTtlMs: 2_000 };

test('a found answer is kept for 5 s, a refusal for 2 s, whatever the case of the address', async () => {
  for (const [answer, ttlMs] of [
    [FOUND, 5_000],
    [NOT_FOUND, 2_000],
  ] as const) {
    let now = 0;
    const { asked, inner } = counting(() => answer);
    const directory = cachedDirectory(inner, LIMITS, () => now);
    expect(await directory.lookUp('User@Example.org')).toEqual(answer);
    now = ttlMs - 1;
    expect(await directory.lookUp('user@example.org')).toEqual(answer);
    expect(asked).toHaveLength(1);
    now = ttlMs;
    await directory.lookUp('user@example.org');
    expect(asked).toHaveLength(2);
  }
});

test('"unknown" is never kept', async () => {
  const { asked, inner } = counting(() => UNKNOWN);
  const directory = cachedDirectory(inner, LIMITS);
  await directory.lookUp('a@b.example');
  await directory.lookUp('a@b.example');
  expect(asked).toHaveLength(2);
});

test('questions at the same time are asked once, and a fault of one does not stick', async () => {
  let fail = true;
  const { asked, inner } = counting(async () => {
    await new Promise((next) => setImmediate(next));
    if (fail) throw new Error('a fault');
    return FOUND;
  });
  const directory = cachedDirectory(inner, LIMITS);
  const failed = await Promise.allSettled([directory.lookUp('a@b.example'), directory.lookUp('A@B.example')]);
  expect(failed.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  expect(asked).toHaveLength(1);
  fail = false;
  expect(await directory.lookUp('a@b.example')).toEqual(FOUND);
});

test('memory is bounded: the oldest answer goes first', async () => {
  const { asked, inner } = counting(() => FOUND);
  const directory = cachedDirectory(inner, { ...LIMITS, maxEntries: 2 }, () => 0);
  for (const address of ['a@x.example', 'b@x.example', 'c@x.example', 'c@x.example', 'b@x.example', 'a@x.example']) {
    await directory.lookUp(address);
  }
  expect(asked).toEqual(['a@x.example', 'b@x.example', 'c@x.example', 'a@x.example']);
});

test('while the directory is away, what was found before stands in for a time; a refusal never does', async () => {
  let now = 0;
  let answer: AddressAnswer = FOUND;
  const told: string[] = [];
  const { asked, inner } = counting(() => answer);
  const onStale = (address: string) => told.push(address);
  const known = new KnownAddressesHere(60_000, () => now);
  const directory = cachedDirectory(inner, { ...LIMITS, known, onStale }, () => now);
  await directory.lookUp('known@b.example');
  answer = NOT_FOUND;
  await directory.lookUp('nobody@b.example');
  answer = UNKNOWN;
  now = 10_000;
  expect(await directory.lookUp('known@b.example')).toEqual(FOUND);
  expect(await directory.lookUp('nobody@b.example')).toEqual(UNKNOWN);
  expect(await directory.lookUp('new@b.example')).toEqual(UNKNOWN);
  expect(told).toEqual(['known@b.example']);
  // Nobody waits again for a directory that was silent a moment ago …
  const before = asked.length;
  expect(await directory.lookUp('known@b.example')).toEqual(FOUND);
  expect(asked.length).toBe(before);
  // … but from time to time somebody asks, and the age is counted from the last confirmation.
  now = 12_000;
  expect(await directory.lookUp('known@b.example')).toEqual(FOUND);
  expect(asked.length).toBe(before + 1);
  now = 60_001;
  expect(await directory.lookUp('known@b.example')).toEqual(UNKNOWN);
  // A refusal ends what was known.
  answer = NOT_FOUND;
  now = 61_000;
  await directory.lookUp('known@b.example');
  answer = UNKNOWN;
  now = 64_000;
  expect(await directory.lookUp('known@b.example')).toEqual(UNKNOWN);
});

test('without known addresses nothing stands in', async () => {
  let now = 0;
  let answer: AddressAnswer = FOUND;
  const directory = cachedDirectory(counting(() => answer).inner, LIMITS, () => now);
  await directory.lookUp('known@b.example');
  answer = UNKNOWN;
  now = 6_000;
  expect(await directory.lookUp('known@b.example')).toEqual(UNKNOWN);
});

test('what a sign-in tells of an account takes the place of what was kept', async () => {
  const account = (passwordVersion: string) => ({
    ...{ uuid: 'u', address: 'a@b.example', dn: 'mail=a', forwards: [] },
    passwordVersion,
  });
  const { inner } = counting(() => ({ kind: 'account', account: account('old') }));
  const directory = cachedDirectory(
    { ...inner, signIn: async () => ({ kind: 'granted', account: account('new') }) },
    LIMITS,
    () => 0,
  );
  expect(await directory.lookUp('a@b.example')).toMatchObject({ account: { passwordVersion: 'old' } });
  await directory.signIn({ user: 'a@b.example', password: 'x', service: 'imap' });
  expect(await directory.lookUp('A@b.example')).toMatchObject({ account: { passwordVersion: 'new' } });
});
