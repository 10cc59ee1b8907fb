import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { NODE_ARGUMENTS } from '@postern/shared/runtime/node-arguments.ts';
import { stringify } from 'yaml';
import { relaySettings, startSurroundings } from '../../outbound/outbound-relay.ts';
import { startPrivatePostfix } from '../../support/private-postfix.ts';
import type { NamedProcess } from '../measure/processes.ts';
import { Watched } from '../measure/watched.ts';
import { type Comparison, reportComparison } from '../report/comparison-report.ts';
import { type Sink, startSink } from './sink.ts';

export interface OutboundOptions {
  readonly quick: boolean;
  readonly repeats: number;
}

/** One of the two: a server that takes mail on a port and sends it on to the sink. */
interface Side {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly programs: readonly NamedProcess[];
}

const MAIN = resolve(import.meta.dirname, '../../../gateway/relay/main.ts');
const SINK = '127.0.1.200';
const OCTETS = 5_000;
const ARRIVAL_DEADLINE_MS = 180_000;

/**
 * Mail going out, side by side: our relay and Postfix, each taking messages by SMTP, making them durable, and sending them on to smtp-sink
 * as next hop. Time runs from the first connection to the last message at the sink; runs take turns.
 */
export async function benchOutbound({ quick, repeats }: OutboundOptions): Promise<void> {
  const around = await startSurroundings();
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-out-'));
  const sinkPort = await freePort();
  const sink = await startSink(SINK, sinkPort);
  let relay: ChildProcess | undefined;
  let postfix: Awaited<ReturnType<typeof startPrivatePostfix>> | undefined;
  try {
    const port = await freePort();
    relay = await startRelayProcess(folder, {
      ...relaySettings(around, join(folder, 'spool'), {
        listen: {
          ...{ address: '127.0.0.2', port, tls: around.pki.relay, clientCa: around.pki.ca, clients: ['hub.example'] },
          hosts: ['127.0.0.0/8'],
        },
        smartHost: { host: SINK, port: sinkPort, tls: 'none' },
      }),
      smtp: { listen: [{ address: '127.0.0.1', port: await freePort() }], tls: around.pki.public },
      log: { file: join(folder, 'relay.log') },
    });
    const peerPort = await freePort();
    postfix = await startPrivatePostfix({
      address: '127.0.0.1',
      port: peerPort,
      hostname: 'mx.peer.example',
      settings: [
        'mynetworks = 127.0.0.0/8',
        'smtpd_relay_restrictions = permit_mynetworks, reject',
        'smtpd_client_connection_count_limit = 0',
        `relayhost = [${SINK}]:${sinkPort}`,
        'default_destination_concurrency_limit = 20',
        'smtp_tls_security_level = none',
      ],
    });
    const sides: readonly Side[] = [
      { name: 'Postern', address: '127.0.0.2', port, programs: [{ name: 'relay', pid: relay.pid ?? 0 }] },
      { name: 'Postfix', address: '127.0.0.1', port: peerPort, programs: [{ name: 'postfix', pid: postfix.pid }] },
    ];
    // A server runs for weeks: what is measured is one that has run for some seconds.
    for (const sessions of [20, 1]) for (const side of sides) await run(side, sink, sessions, quick ? 500 : 2_000);
    const rows: Comparison[] = [];
    for (const sessions of [1, 20, 50]) {
      const messages = (sessions === 1 ? 1_500 : 3_000) / (quick ? 4 : 1);
      const [ours, theirs] = sides.map(({ programs }) => new Watched(programs)) as [Watched, Watched];
      for (let i = 0; i < repeats; i++) {
        for (const [n, side] of sides.entries())
          await [ours, theirs][n]?.run(messages, () => run(side, sink, sessions, messages));
      }
      rows.push({ name: `${sessions} at a time`, ours: ours.measured, theirs: theirs.measured });
      console.log(`${sessions} sessions done`);
    }
    reportComparison({
      part: 'outbound',
      title: 'Messages of 5 KB, in by SMTP and out to the next hop, beside Postfix',
      unit: 'a second',
      better: 'more',
      each: 'a message',
      rows,
      more: { quick },
    });
  } finally {
    relay?.kill('SIGTERM');
    await postfix?.stop();
    sink.stop();
    await around.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Messages a second, until the last one is at the sink. */
async function run(side: Side, sink: Sink, sessions: number, messages: number): Promise<number> {
  const before = sink.messages;
  const start = performance.now();
  await smtpSource(side, sessions, messages);
  const deadline = Date.now() + ARRIVAL_DEADLINE_MS;
  while (sink.messages - before < messages) {
    if (Date.now() > deadline) throw new Error(`${side.name}: ${sink.messages - before} of ${messages} arrived`);
    await pause(5);
  }
  const seconds = (performance.now() - start) / 1_000;
  // Until the queue has ended its bookkeeping.
  await pause(500);
  return messages / seconds;
}

function smtpSource({ address, port, name }: Side, sessions: number, messages: number): Promise<void> {
  const args = [
    ...['-s', String(sessions), '-m', String(messages), '-l', String(OCTETS), '-d'],
    ...['-f', 'user1@domain1.example', '-t', 'someone@far.example', `inet:${address}:${port}`],
  ];
  const child = spawn('/usr/sbin/smtp-source', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => (code === 0 ? done() : fail(new Error(`${name}: smtp-source ended with ${code}`))));
  });
}

async function startRelayProcess(folder: string, settings: object): Promise<ChildProcess> {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, stringify(settings));
  const child = fork(MAIN, ['--config', file], {
    execArgv: [...NODE_ARGUMENTS],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await new Promise<void>((done, fail) => {
    child.on('message', (message: { ready?: boolean }) => {
      if (message.ready === true) done();
    });
    child.once('exit', (code) => fail(new Error(`the relay ended with ${code}`)));
  });
  return child;
}
