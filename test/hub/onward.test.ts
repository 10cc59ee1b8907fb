import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openChance } from '../faults/seed.ts';
import { eventually } from '../support/hub.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const FROM = 'user1@domain1.example';
const MESSAGES = process.env.POSTERN_TEST_FULL === '1' ? 300 : 20;

let stack: TestStack;
let sink: { readonly folder: string; close(): Promise<void> };

/** Postfix's smtp-sink: a remote server that nobody here wrote; each message becomes a file. */
async function startSink(port: number): Promise<typeof sink> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sink-'));
  const child = spawn('/usr/sbin/smtp-sink', ['-u', 'root', '-d', `${folder}/%M.`, `127.0.0.1:${port}`, '200'], {
    stdio: 'ignore',
  });
  await eventually(
    () =>
      new Promise<true | undefined>((done) => {
        const socket = connect(port, '127.0.0.1', () => done(true));
        socket.on('error', () => done(undefined));
        socket.on('connect', () => socket.destroy());
      }),
  );
  return {
    folder,
    async close() {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const received = (): string[] =>
  readdirSync(sink.folder).map((name) => readFileSync(join(sink.folder, name), 'latin1'));

beforeAll(async () => {
  const port = await freePort();
  sink = await startSink(port);
  stack = await startStack({
    store: (settings) => ({
      ...settings,
      hub: { ...settings.hub, queue: { pollMs: 50, retryMs: 100, maxRetryMs: 500, leaseMs: 1_500 } },
    }),
    relay: (settings) => ({
      ...settings,
      outbound: {
        localAddress: '127.0.0.1',
        ...settings.outbound,
        smartHost: { host: '127.0.0.1', port, tls: 'none' },
        allowNetworks: ['127.0.0.0/8'],
        queue: { retryMs: 200, maxRetryMs: 1_000 },
      },
    }),
  });
});

afterAll(async () => {
  await stack?.stop();
  await sink?.close();
});

it('goes from the hub by the relay to the world, while both are killed: nothing lost, nothing doubled', async () => {
  const chance = openChance('kills between hub and relay');
  const { hubSubmission } = stack.endpoints;
  const mailer = createTransport({
    host: hubSubmission.host,
    port: hubSubmission.port,
    requireTLS: true,
    tls: { ca: readFileSync(stack.ca, 'utf8'), servername: stack.names.store },
    auth: { user: FROM, pass: 'user1' },
    pool: true,
    maxConnections: 3,
  });
  for (let n = 0; n < MESSAGES; n++) {
    const raw = `From: ${FROM}\r\nBcc: secret@far.example\r\nSubject: onward ${n};\r\n\r\nx\r\n`;
    await mailer.sendMail({ envelope: { from: FROM, to: [`far${n}@far.example`, 'secret@far.example'] }, raw });
    if (n % 10 !== 5) continue;
    // In the middle of handing over: the one has it, or the other, or both.
    await stack.kill('relay');
    await new Promise((done) => setTimeout(done, chance.int(0, 200)));
    await stack.restart('relay');
  }
  mailer.close();
  for (let i = 0; i < 2; i++) {
    await new Promise((done) => setTimeout(done, chance.int(0, 150)));
    await stack.kill('store');
    await stack.restart('store');
  }
  const numbers = await eventually(() => {
    const found = received().flatMap((text) => /^Subject: onward (\d+);/m.exec(text)?.[1] ?? []);
    return new Set(found).size === MESSAGES ? found : undefined;
  });
  const one = received().find((text) => text.includes('Subject: onward 0;')) ?? '';
  expect(one).not.toMatch(/^Bcc:/im);
  expect(one).toMatch(/^X-Rcpt-Args: <secret@far\.example>/m);
  expect(one).toMatch(/^Message-ID: </im);
  // The relay was killed between the sink's answer and its own note at most once a kill: what it sent again is the world's to see.
  expect(numbers.length - MESSAGES).toBeLessThanOrEqual(MESSAGES / 10);
  const log = readFileSync(stack.logs.store, 'utf8');
  expect(log).not.toContain('"event":"bounced"');
});
