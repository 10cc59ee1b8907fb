import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EventFeed, WebClient } from '../support/jmap.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/** What a thousand people cost who have the web app open and do nothing. */
const FULL = process.env.POSTERN_TEST_FULL === '1';
/** Signing in a thousand takes minutes; fewer show what each costs. */
const SESSIONS = FULL ? 1_000 : 40;
const USERS = [
  'user1@domain1.example',
  'user2@domain1.example',
  'user3@domain1.example',
  'user4@domain2.example',
  'user5@domain2.example',
];

describe('idle sessions', () => {
  let stack: TestStack;
  const feeds: EventFeed[] = [];
  beforeAll(async () => {
    stack = await startStack({
      withWebmail: true,
      directory: 'embedded',
      without: ['relay'],
      webmail: (settings) => ({ ...settings, sessions: { storeIdleMs: 1_000 } }),
    });
  }, 120_000);
  afterAll(async () => {
    for (const feed of feeds) feed.close();
    await stack?.stop();
  }, 60_000);

  test(`${SESSIONS}, with an event stream each, stay under 300 MiB`, async () => {
    const one = async (n: number): Promise<void> => {
      const client = new WebClient(stack);
      // On a busy machine the store may be late: a browser asks again.
      await vi.waitFor(() => client.signIn(USERS[n % USERS.length] ?? ''), { timeout: 120_000, interval: 500 });
      const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
      client.close();
      feeds.push(await EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0'));
    };
    for (let n = 0; n < SESSIONS; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => one(n + i)));
    expect(feeds).toHaveLength(SESSIONS);
    const residentMiB = (): number =>
      Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${stack.pid('webmail')}/status`, 'utf8'))?.[1]) / 1024;
    await expect.poll(residentMiB, { timeout: 60_000, interval: 2_000 }).toBeLessThan(300);
    console.log(`${SESSIONS} idle sessions: ${Math.round(residentMiB())} MiB`);
    expect(feeds.filter(({ ended }) => ended)).toEqual([]);
  }, 600_000);
});
