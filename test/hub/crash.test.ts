import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openChance } from '../faults/seed.ts';
import { eventually, type HubStack, startHubStack } from '../support/hub.ts';

/** `npm run test:full` kills more often. */
const FULL = process.env.POSTERN_TEST_FULL === '1';
const KILLS = FULL ? 40 : 4;
const MESSAGES = FULL ? 600 : 60;
const FROM = 'user1@domain1.example';
const INSIDE = 'user2@domain1.example';

let stack: HubStack;

beforeAll(async () => {
  stack = await startHubStack({
    queue: { pollMs: 50, retryMs: 100, maxRetryMs: 300, leaseMs: 1_000 },
    hub: {
      limits: { messagesPerDay: 0, recipientsPerDay: 0, messagesPerMinute: 0 },
      submission: { listen: { address: '127.0.0.1', port: 0 }, listenTls: { address: '127.0.0.1', port: 0 } },
    },
  });
});

afterAll(async () => {
  await stack?.stop();
});

it('loses nothing and doubles nothing when the store is killed in the middle of submissions and of sending', {
  timeout: FULL ? 1_200_000 : 120_000,
}, async () => {
  const script = 'require ["copy", "vacation"]; redirect :copy "mirror@far.example"; vacation "I am away";';
  const imap = await stack.dialogue(INSIDE);
  const entries = '/private/vendor/postern/sieve';
  const set = `SETMETADATA "" (${entries}/mirror {${script.length}+}\r\n${script} ${entries}-active "mirror")`;
  expect(await imap.command(set)).toMatch(/TAG OK/);
  imap.close();
  const chance = openChance('kills of the hub');
  // The relay's reply is lost now and then: it has the message, and the hub does not know.
  stack.relay.afterTaking = () => (chance.next() < 0.2 ? reply(421, '4.3.2', 'Lost') : undefined);
  const confirmed = new Set<number>();
  const unclear = new Set<number>();
  let next = 0;
  let over = false;
  let kills = 0;

  const send = async (n: number): Promise<void> => {
    const raw = `From: ${FROM}\r\nMessage-ID: <m${n}@test.example>\r\nTo: ${INSIDE}\r\nSubject: number ${n};\r\n\r\nx\r\n`;
    for (;;) {
      const mailer = stack.mailer(FROM);
      try {
        await mailer.sendMail({ envelope: { from: FROM, to: [INSIDE, `far${n}@far.example`] }, raw });
        confirmed.add(n);
        return;
      } catch (error) {
        // Cut off before the answer: taken or not, nobody promised anything. Where nobody listened nothing can have been taken.
        if (!String(error).includes('ECONNREFUSED')) {
          unclear.add(n);
          return;
        }
        await new Promise((done) => setTimeout(done, 50));
      } finally {
        mailer.close();
      }
    }
  };
  const submitter = async (): Promise<void> => {
    while (next < MESSAGES) await send(next++);
  };
  const killer = async (): Promise<void> => {
    for (let i = 0; i < KILLS && !over; i++) {
      await new Promise((done) => setTimeout(done, chance.int(20, 900)));
      await stack.store.kill();
      kills++;
      await stack.restart();
    }
  };
  const killing = killer();
  await Promise.all([submitter(), submitter(), submitter()]);
  over = true;
  await killing;
  stack.relay.afterTaking = () => undefined;
  expect(confirmed.size).toBeGreaterThan(0);
  expect(kills).toBeGreaterThan(0);

  const numbersIn = (sources: readonly string[]): number[] =>
    sources.flatMap((source) => {
      const found = /^Subject: number (\d+);/m.exec(source);
      return found === null ? [] : [Number(found[1])];
    });
  const relayedTo = (what: RegExp): number[] =>
    numbersIn(
      stack.relay.messages
        .filter(({ envelope }) => envelope.recipients.some(({ address }) => what.test(address)))
        .map(({ content }) => content),
    );
  const outside = (): number[] => relayedTo(/^far/);
  const mirrored = (): number[] => relayedTo(/^mirror/);
  const all = (numbers: readonly number[]): boolean => [...confirmed].every((n) => numbers.includes(n));
  await eventually(() => (all(outside()) ? true : undefined));
  const inside = await eventually(async () => {
    const numbers = numbersIn(await stack.read(INSIDE));
    return all(numbers) && numbers.length === outside().length ? numbers : undefined;
  });
  await eventually(() => (mirrored().length >= inside.length ? true : undefined));
  for (const numbers of [inside, outside(), mirrored()]) {
    expect(numbers.filter((n, i) => numbers.indexOf(n) !== i)).toEqual([]);
    // Nothing that nobody handed over.
    for (const n of numbers) expect(confirmed.has(n) || unclear.has(n)).toBe(true);
  }
  // There were lost replies, so that this is seen to hold something.
  expect(stack.relay.repetitions).toBeGreaterThan(0);
  // The same ones on all ways, one vacation reply to their sender, and nobody was told of a failure that was none.
  expect([...inside].sort()).toEqual([...outside()].sort());
  expect([...inside].sort()).toEqual([...mirrored()].sort());
  const answers = await eventually(async () => {
    const found = (await stack.read(FROM)).filter((source) => source.includes('Auto-Submitted'));
    return found.length > 0 ? found : undefined;
  });
  expect(answers).toEqual([expect.stringContaining('I am away')]);
});
