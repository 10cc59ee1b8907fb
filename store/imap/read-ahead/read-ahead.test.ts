import { afterEach, expect, test, vi } from 'vitest';
import type { FetchedMessage, SelectedMailbox } from '../../mailstore/mailstore.ts';
import { ReadAhead } from './read-ahead.ts';
import { ReadAheadMemory } from './read-ahead-memory.ts';

const BODY_BYTES = 1000;
const ENOUGH = 100_000_000;

/** A mailbox whose UIDs are 10, 20, 30 …, and what was read of it. */
function mailbox(count: number, memory = new ReadAheadMemory(ENOUGH)) {
  const gone = new Set<number>();
  const portions: number[][] = [];
  const view = {
    mailboxId: 1,
    firstSequenceFrom: (uid: number) => Math.min(count + 1, Math.max(1, Math.ceil(uid / 10))),
    uidAt: (sequence: number) => (sequence >= 1 && sequence <= count ? sequence * 10 : undefined),
    isGone: (uid: number) => gone.has(uid),
  } as unknown as SelectedMailbox;
  const messages = {
    async *fetch(_mailboxId: number, uids: ArrayLike<number>) {
      portions.push(Array.from(uids));
      yield Array.from(uids, (uid) => ({ uid, body: Buffer.alloc(BODY_BYTES, String(uid)) }) as FetchedMessage);
    },
  };
  const ahead = new ReadAhead(memory, messages, view);
  /** Asks as a session does; whether the messages lay there. */
  const ask = async (...places: number[]): Promise<boolean> => {
    const found = await ahead.take(places.map((place) => place * 10));
    if (found === undefined) return false;
    expect(found.map(({ uid }) => uid)).toEqual(places.map((place) => place * 10));
    for (const { uid, body } of found) expect(body).toEqual(Buffer.alloc(BODY_BYTES, String(uid)));
    return true;
  };
  return { ahead, ask, memory, portions, gone };
}

afterEach(() => {
  vi.useRealTimers();
});

const places = (uids: readonly number[]): number[] => uids.map((uid) => uid / 10);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('the third neighbour begins portions that double up to sixteen; from then on everything lies there', async () => {
  const { ask, portions } = mailbox(200);
  for (const place of [1, 2, 3]) expect(await ask(place)).toBe(false);
  for (const place of range(4, 100)) expect(await ask(place), `place ${place}`).toBe(true);
  expect(portions.slice(0, 4).map(places)).toEqual([range(4, 7), range(8, 15), range(16, 31), range(32, 47)]);
});

test('the same downwards, up to the first message', async () => {
  const { ask, portions } = mailbox(30);
  for (const place of [30, 29, 28]) expect(await ask(place)).toBe(false);
  for (const place of range(1, 27).reverse()) expect(await ask(place)).toBe(true);
  expect(portions.map(places)).toEqual([range(24, 27), range(16, 23), range(1, 15)]);
});

test('a few messages at a time are requests in order too', async () => {
  const { ask } = mailbox(60);
  for (const first of [1, 4, 7]) expect(await ask(first, first + 1, first + 2)).toBe(false);
  for (const first of [10, 13]) await ask(first, first + 1, first + 2);
  for (let first = 16; first < 58; first += 3) expect(await ask(first, first + 1, first + 2), `${first}`).toBe(true);
});

test('nothing is read for scattered requests, nor for pages', async () => {
  const { ask, portions } = mailbox(200);
  for (const place of [5, 80, 30, 31, 90, 12, 150, 149, 20]) expect(await ask(place)).toBe(false);
  for (const first of [1, 21, 41, 61]) await ask(...range(first, first + 19));
  expect(portions).toEqual([]);
});

test('a client that goes elsewhere gives all memory back, and has to show an order anew', async () => {
  const { ask, memory, portions } = mailbox(200);
  for (const place of range(1, 20)) await ask(place);
  expect(memory.usedBytes).toBeGreaterThan(0);
  const read = portions.length;
  expect(await ask(150)).toBe(false);
  expect(memory.usedBytes).toBe(0);
  for (const place of [151, 153]) expect(await ask(place)).toBe(false);
  expect(portions.length).toBe(read + 1);
});

test('who leaves out some finds the rest; who leaves out most gets smaller portions, then none', async () => {
  const some = mailbox(400);
  let found = 0;
  for (let place = 1; place < 200; place += 2) if (await some.ask(place)) found++;
  expect(found).toBe(97);
  expect(Math.max(...some.portions.map((uids) => uids.length))).toBe(16);
  const most = mailbox(4000);
  for (let place = 1; place < 4000; place += 4) await most.ask(place);
  expect(Math.max(...most.portions.map((uids) => uids.length))).toBe(4);
});

test('the same message again, for its parts, neither begins nor ends anything', async () => {
  const { ask, portions } = mailbox(50);
  for (const place of [1, 1, 1, 2, 2, 3]) expect(await ask(place)).toBe(false);
  for (const place of [4, 4, 4, 5, 5, 6, 7, 7, 8]) expect(await ask(place)).toBe(true);
  expect(portions.map(places).slice(0, 2)).toEqual([range(4, 7), range(8, 15)]);
});

test('a message that is gone is not handed out', async () => {
  const { ask, gone } = mailbox(50);
  for (const place of [1, 2, 3, 4]) await ask(place);
  gone.add(50);
  expect(await ask(5)).toBe(false);
  expect(await ask(6)).toBe(true);
});

test('memory is shared and never exceeded: who finds none reads for himself', async () => {
  const memory = new ReadAheadMemory(1_000_000);
  const boxes = Array.from({ length: 40 }, () => mailbox(200, memory));
  let most = 0;
  for (let place = 1; place <= 120; place++) {
    for (const { ask } of boxes) {
      await ask(place);
      most = Math.max(most, memory.usedBytes);
    }
  }
  expect(most).toBeGreaterThan(500_000);
  expect(most).toBeLessThanOrEqual(1_000_000);
  for (const { ahead } of boxes) ahead.drop();
  await new Promise(setImmediate);
  expect(memory.usedBytes).toBe(0);
});

test('what is on its way when the mailbox is left gives its memory back when it comes', async () => {
  const { ahead, ask, memory } = mailbox(50);
  for (const place of [1, 2]) await ask(place);
  const third = ahead.take([30]);
  ahead.drop();
  expect(memory.usedBytes).toBeGreaterThan(0);
  await third;
  await new Promise(setImmediate);
  expect(memory.usedBytes).toBe(0);
});

test('a client that asks for nothing for a while holds nothing, and one that asks slowly is not read ahead for', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const { ask, memory, portions } = mailbox(100);
  for (const place of range(1, 10)) await ask(place);
  expect(memory.usedBytes).toBeGreaterThan(0);
  vi.advanceTimersByTime(11_000);
  expect(memory.usedBytes).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  const read = portions.length;
  for (const place of range(11, 30)) {
    expect(await ask(place)).toBe(false);
    vi.advanceTimersByTime(6000);
  }
  expect(portions.length).toBe(read);
});
