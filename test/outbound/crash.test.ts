import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { handOver, letter, relaySettings, type Surroundings, startSurroundings } from './outbound-relay.ts';

/**
 * kill -9 in the middle of outgoing messages to three destinations: none is lost, and none comes twice but where the relay died
 * between the other side's 250 and its own note of it. The hub sends again whatever it got no answer for, under the same id.
 */
const FULL = process.env.POSTERN_TEST_FULL === '1';
const MESSAGES = FULL ? 1_000 : 60;
const KILLS = FULL ? 8 : 2;
const MAIN = resolve(import.meta.dirname, '../../gateway/relay/main.ts');

let around: Surroundings;
let folder: string;
let port: number;
let relay: ChildProcess | undefined;

beforeAll(async () => {
  around = await startSurroundings();
  folder = mkdtempSync(join(tmpdir(), 'postern-out-crash-'));
  port = await freePort();
  for (const [n, domain] of ['one.example', 'two.example', 'three.example'].entries()) {
    around.dns.zone.set(`MX ${domain}`, [`mx.${domain}`]);
    around.dns.zone.set(`A mx.${domain}`, [`127.0.1.${90 + n}`]);
    await around.remote.add(`127.0.1.${90 + n}`, {
      async atData() {
        await pause(5 * n);
        return reply(250, '2.0.0', 'OK');
      },
    });
  }
  const listen = {
    address: '127.0.0.2',
    port,
    tls: around.pki.relay,
    clientCa: around.pki.ca,
    clients: ['hub.example'],
  };
  const settings = relaySettings(around, join(folder, 'spool'), { listen });
  const log = { file: join(folder, 'relay.log') };
  writeFileSync(
    join(folder, 'gateway.yaml'),
    stringify({
      ...settings,
      smtp: { listen: [{ address: '127.0.0.1', port: await freePort() }], tls: around.pki.public },
      log,
    }),
  );
});

afterAll(async () => {
  relay?.kill('SIGKILL');
  await around?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const child = fork(MAIN, ['--config', join(folder, 'gateway.yaml')], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await new Promise<void>((done, fail) => {
    child.on('message', (message: { ready?: boolean }) => {
      if (message.ready === true) done();
    });
    child.once('exit', (code) => fail(new Error(`the relay ended with ${code}`)));
  });
  relay = child;
}

async function kill(): Promise<void> {
  if (relay === undefined) return;
  const ended = once(relay, 'exit');
  relay.kill('SIGKILL');
  await ended;
}

/** Like the hub's queue: again and again under one id until there is an answer. */
async function handOverSurely(mark: string, to: string): Promise<void> {
  const id = newDeliveryId();
  for (;;) {
    try {
      const [outcome] = await handOver(around.pki, port, letter(mark), { to: [to], id });
      if (outcome?.kind === 'delivered') return;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ConnectFailure') throw error;
    }
    await pause(20);
  }
}

it(`${MESSAGES} messages, ${KILLS} kills`, { timeout: FULL ? 600_000 : 120_000 }, async () => {
  await start();
  const domains = ['one.example', 'two.example', 'three.example'];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < MESSAGES; n = next++) await handOverSurely(`m${n}-`, `u${n}@${domains[n % 3]}`);
  };
  const sending = Promise.all(Array.from({ length: 8 }, worker));
  /** Messages that had arrived and were not yet ended in the spool when the relay died. */
  const answerLost = new Set<string>();
  for (let n = 1; n <= KILLS; n++) {
    await vi.waitFor(() => expect(around.remote.arrived.length).toBeGreaterThan((MESSAGES / (KILLS + 1)) * n), {
      timeout: 300_000,
      interval: 2,
    });
    await kill();
    // What the other side was still taking arrives without us.
    await pause(100);
    const waiting = new Set(readdirSync(join(folder, 'spool', 'active')).map((name) => name.slice(0, 32)));
    for (const { content } of around.remote.arrived) {
      const id = /\sid ([0-9a-f]{32})/.exec(content)?.[1] ?? '';
      if (waiting.has(id)) answerLost.add(/^Subject: (m\d+-)/m.exec(content)?.[1] ?? '');
    }
    await start();
  }
  await sending;
  const marks = Array.from({ length: MESSAGES }, (_, n) => `m${n}-`);
  await vi.waitFor(
    () => {
      const arrived = new Set(around.remote.arrived.map(({ content }) => /^Subject: (m\d+-)/m.exec(content)?.[1]));
      expect(marks.filter((mark) => !arrived.has(mark))).toEqual([]);
      expect(readdirSync(join(folder, 'spool', 'active')).filter((name) => name.endsWith('.message'))).toEqual([]);
    },
    { timeout: 300_000, interval: 100 },
  );
  const times = new Map<string, number>();
  for (const { content } of around.remote.arrived) {
    const mark = /^Subject: (m\d+-)/m.exec(content)?.[1] ?? '';
    times.set(mark, (times.get(mark) ?? 0) + 1);
  }
  const doubled = [...times].filter(([, n]) => n > 1).map(([mark]) => mark);
  console.log(
    `${MESSAGES} messages, ${KILLS} kills: none lost; ${doubled.length} doubled, their answer lost with the process`,
  );
  expect(doubled.filter((mark) => !answerLost.has(mark))).toEqual([]);
  await kill();
});
