import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BehindRelay, RelayProcess, startBehindRelay, USER1 } from './relay-process.ts';

const ATTACKERS = 500;
const FULL = process.env.POSTERN_TEST_FULL === '1';
const MESSAGES = FULL ? 400 : 120;
/** Measurements of each kind: the best count, for noise only adds. On a busy machine more are taken. */
const ROUNDS = FULL ? 6 : 2;
const MOST_ROUNDS = 10;
const MOST_DELAY = 1.1;
const MESSAGE = Buffer.from(`Subject: honest\r\n\r\n${'0123456789abcdef '.repeat(4)}\r\n`.repeat(40));

let behind: BehindRelay;
const relay = new RelayProcess();

beforeAll(async () => {
  behind = await startBehindRelay();
  const settings = behind.settings(relay.folder);
  relay.configure({ ...settings, limits: { greetingWaitMs: 0, maxConnectionsPerAddress: 1_000 } });
  expect(await relay.start()).toBeUndefined();
});
afterAll(async () => {
  await relay.stop();
  await behind?.close();
});

function residentMebibytes(): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${relay.pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) / 1_024;
}

/** Median milliseconds of a message, from MAIL to the answer after the dot, on a kept connection. */
async function medianMs(): Promise<number> {
  const { port } = relay.address;
  const client = await connectSmtp({
    host: '127.0.0.1',
    port,
    protocol: 'smtp',
    heloName: 'h.example',
    tls: { mode: 'none' },
  });
  const times: number[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const begun = performance.now();
    const recipients = [{ address: USER1 }];
    const envelope = { reversePath: 'a@sender.example', body: '7BIT', smtpUtf8: false, recipients } as const;
    const [outcome] = await client.send(envelope, MESSAGE);
    expect(outcome?.kind).toBe('delivered');
    times.push(performance.now() - begun);
  }
  await client.quit();
  return times.sort((a, b) => a - b)[MESSAGES >> 1] ?? 0;
}

async function startAttack(): Promise<ChildProcess> {
  const { port } = relay.address;
  const attack = fork(join(import.meta.dirname, 'slow-attackers.ts'), [`${port}`, `${ATTACKERS}`, '1000', USER1]);
  const [message] = (await once(attack, 'message')) as [{ attacking: number }];
  expect(message.attacking).toBe(ATTACKERS);
  return attack;
}

it('500 connections that trickle cost under 100 MiB and delay the mail of others by a tenth at most', async () => {
  // Warm, so that what a first message costs is not laid to the attack.
  await medianMs();
  const before = residentMebibytes();
  let most = before;
  let quiet = Number.POSITIVE_INFINITY;
  let attacked = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS || (attacked / quiet >= MOST_DELAY && round < MOST_ROUNDS); round++) {
    quiet = Math.min(quiet, await medianMs());
    const attack = await startAttack();
    try {
      attacked = Math.min(attacked, await medianMs());
      most = Math.max(most, residentMebibytes());
      attack.send('how many?');
      const [{ ended }] = (await once(attack, 'message')) as [{ ended: number }];
      expect(ended, 'attackers whose session was ended: then they cost nothing').toBe(0);
    } finally {
      attack.disconnect();
      await once(attack, 'exit');
    }
  }
  const figures = `${(most - before).toFixed(1)} MiB; ${quiet.toFixed(2)} ms alone, ${attacked.toFixed(2)} ms under attack`;
  console.log(`slow attackers: ${figures}`);
  expect(most - before, figures).toBeLessThan(100);
  expect(attacked / quiet, figures).toBeLessThan(MOST_DELAY);
}, 120_000);
