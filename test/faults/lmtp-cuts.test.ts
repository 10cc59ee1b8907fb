import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, untilSpoolIsEmpty } from './after-a-fault.ts';
import { afterOctets, afterPattern, type Cut, type CuttingProxy } from './cutting-proxy.ts';
import { freePortOn, startLmtpProxy } from './lmtp-proxy.ts';
import { openChance } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import { type Attempt, SmtpSender } from './smtp-sender.ts';
import { recountStore } from './store-recount.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
/** Octets between two places of a cut. */
const COMMAND_STEP = FULL ? 3 : 23;
const REPLY_STEP = FULL ? 1 : 5;
const TWO = ['user1@domain1.example', 'user2@domain1.example'];

/** The replies to two RCPT, after which what comes next is final. */
const RECIPIENTS = /250 2\.1\.5 [^\r]*\r\n250 2\.1\.5 [^\r]*\r\n(?=250 2\.0)/s;
const then = (next: RegExp): RegExp => new RegExp(RECIPIENTS.source + next.source, 's');

/** Cuts so many octets before the end of the message (RFC 3030 §2: its chunk says how many there are). */
function beforeTheLast(direction: 'commands', octets: number): Cut {
  return {
    direction,
    after: (seen) => {
      const match = /BDAT (\d+) LAST\r\n/.exec(seen);
      const end = match === null ? undefined : match.index + match[0].length + Number(match[1]);
      return end === undefined || seen.length < end ? undefined : end - octets;
    },
  };
}

let stack: TestStack;
let proxy: CuttingProxy;
let sent = 0;
const attempts: Attempt[] = [];
const chance = openChance('connections cut between gateway and store');

beforeAll(async () => {
  const port = await freePortOn('127.0.0.3');
  stack = await startStack({
    relay: (settings) => {
      const patient = impatient(settings);
      const { store } = patient;
      return {
        ...patient,
        spool: { ...patient.spool, storeTestMs: 50 },
        store: { ...store, lmtp: { ...store.lmtp, port } },
      };
    },
  });
  proxy = await startLmtpProxy(stack, port);
});
afterAll(async () => {
  await proxy.close();
  await stack.stop();
});

/** One message for two accounts while a cut is armed; resolves when it is no longer in the gateway. */
async function sendThrough(cut: Cut, times: number): Promise<{ readonly cuts: number; readonly attempt: Attempt }> {
  proxy.arm(cut, times);
  const sender = await SmtpSender.open(stack.endpoints.smtp);
  const attempt = await sender.send(makeMessage(chance, sent++, { recipients: TWO, maxBytes: 500 }));
  sender.close();
  attempts.push(attempt);
  await untilSpoolIsEmpty(stack);
  return { cuts: proxy.disarm(), attempt };
}

describe('the connection to the store is cut', () => {
  test.each<[string, Cut]>([
    ['after LHLO, before its reply', afterPattern('commands', /LHLO [^\r]*\r\n/)],
    ['within the reply to LHLO', afterPattern('replies', /PIPELINING\r\n/)],
    ['after MAIL, RCPT and BDAT, before the first octet', afterPattern('commands', /BDAT \d+ LAST\r\n/)],
    ['after the reply to MAIL', afterPattern('replies', /250 2\.1\.0 [^\r]*\r\n/s)],
    ['between the replies to two RCPT', afterPattern('replies', /250 2\.1\.5 [^\r]*\r\n/s)],
    ['in the header', afterPattern('commands', /BDAT \d+ LAST\r\n.*X-Fault-Id/s)],
    ['within the last octets', beforeTheLast('commands', 5)],
    ['after the last octet, before the replies', beforeTheLast('commands', 0)],
    ['when the store has answered for both, before the first reply arrives', afterPattern('replies', RECIPIENTS)],
    ['within the first final reply', afterPattern('replies', then(/250 2/))],
    ['between the final replies of two recipients', afterPattern('replies', then(/250 [^\r]*\r\n/))],
    ['within the second final reply', afterPattern('replies', then(/250 [^\r]*\r\n250/))],
    ['after the second final reply', afterPattern('replies', then(/250 [^\r]*\r\n250 [^\r]*\r\n/))],
  ])('%s, once and three times over', async (where, cut) => {
    for (const times of [1, 3]) {
      if (where.includes('LHLO')) proxy.drop();
      const { cuts, attempt } = await sendThrough(cut, times);
      expect(attempt.kind).toBe('accepted');
      expect(cuts).toBeGreaterThan(0);
    }
  });

  test('anywhere at all', { timeout: 600_000 }, async () => {
    const places = { commands: 0, replies: 0 };
    for (const direction of ['commands', 'replies'] as const) {
      const step = direction === 'commands' ? COMMAND_STEP : REPLY_STEP;
      for (let octets = chance.int(0, step - 1); ; octets += step) {
        const { cuts, attempt } = await sendThrough(afterOctets(direction, octets), 1);
        expect(attempt.kind).toBe('accepted');
        if (cuts === 0) break;
        places[direction]++;
      }
    }
    console.log(`cut after ${places.commands} places of the commands and ${places.replies} of the replies`);
    expect(places.commands).toBeGreaterThan(20);
    expect(places.replies).toBeGreaterThan(20);
  });

  test('and each message came to each account once', () => expectAllIsWell(stack, attempts));

  test('the recount would tell a counter that is off, and a body that is gone', async () => {
    const connection = await createConnection(stack.database.url);
    await connection.query("UPDATE mailbox SET n_msgs = n_msgs + 1 WHERE name = 'INBOX' AND n_msgs > 0 LIMIT 1");
    await connection.query('DELETE FROM content_chunk LIMIT 1');
    await connection.end();
    const faults = await recountStore(stack.database.url);
    expect(faults.map((fault) => fault.split(':', 1)[0])).toEqual([
      'a mailbox whose counters differ from a recount',
      'an account whose counters differ from a recount',
      'a content without its bytes',
    ]);
  });
});
