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
import { thisMachine } from '../measure/machine.ts';
import { type NamedProcess, ownMemoryKiB, processorMs } from '../measure/processes.ts';
import { reportOutbound } from '../report/outbound-report.ts';
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

export interface Run {
  readonly messagesPerSecond: number;
  /** Milliseconds of processor time a message. */
  readonly processorMs: number;
  /** Most memory at a time that the programs held for themselves. */
  readonly peakMemoryKiB: number;
}

export interface OutboundResult {
  readonly sessions: number;
  readonly messages: number;
  readonly ours: readonly Run[];
  readonly theirs: readonly Run[];
}

const MAIN = resolve(import.meta.dirname, '../../../gateway/relay/main.ts');
const SINK = '127.0.1.200';
const OCTETS = 5_000;
const ARRIVAL_DEADLINE_MS = 180_000;
const MEMORY_SAMPLE_MS = 500;

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
    for (const side of sides) await run(side, sink, 20, 200);
    const results: OutboundResult[] = [];
    for (const sessions of [1, 20, 50]) {
      const messages = (sessions === 1 ? 600 : 2_000) / (quick ? 4 : 1);
      const runs = sides.map((): Run[] => []);
      for (let i = 0; i < repeats; i++) {
        for (const [n, side] of sides.entries()) runs[n]?.push(await run(side, sink, sessions, messages));
      }
      const [ours = [], theirs = []] = runs;
      results.push({ sessions, messages, ours, theirs });
      console.log(`${sessions} sessions done`);
    }
    reportOutbound({ machine: thisMachine(), quick, at: new Date().toISOString(), results });
  } finally {
    relay?.kill('SIGTERM');
    await postfix?.stop();
    sink.stop();
    await around.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(side: Side, sink: Sink, sessions: number, messages: number): Promise<Run> {
  const before = sink.messages;
  const cpu = total(side);
  let peakMemoryKiB = ownMemoryKiB(side.programs);
  const sampling = setInterval(() => {
    peakMemoryKiB = Math.max(peakMemoryKiB, ownMemoryKiB(side.programs));
  }, MEMORY_SAMPLE_MS);
  try {
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
    return { messagesPerSecond: messages / seconds, processorMs: (total(side) - cpu) / messages, peakMemoryKiB };
  } finally {
    clearInterval(sampling);
  }
}

function total({ programs }: Side): number {
  return [...processorMs(programs).values()].reduce((sum, ms) => sum + ms, 0);
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
