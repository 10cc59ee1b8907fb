import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { ownMemoryKiB, processorMs } from '../measure/processes.ts';
import { BENCH_DOMAIN, BENCH_MAILBOXES, BENCH_NAME, type InboundSide } from '../sides/side.ts';
import type { Cell } from './cells.ts';

/** What one run of one side gave. */
export interface RunResult {
  /** Messages per second until the last one was durable. */
  readonly messagesPerSecond: number;
  /** Milliseconds a message until the last one was answered, times the sessions: how long a sender waits for one. */
  readonly answerMs: number;
  /** Milliseconds of processor time a message, by program. */
  readonly processorMs: Readonly<Record<string, number>>;
  /** Most memory at a time that all programs held for themselves. */
  readonly peakMemoryKiB: number;
}

/** A delivery that has not arrived by then will not. */
const ARRIVAL_DEADLINE_MS = 120_000;
const MEMORY_SAMPLE_MS = 500;

/** Sends the messages of a cell to one side with Debian's smtp-source, and waits until the last one is durable. */
export async function runLoad(side: InboundSide, cell: Cell, messageFile: string): Promise<RunResult> {
  await side.begin();
  const before = processorMs(side.programs);
  let peakMemoryKiB = ownMemoryKiB(side.programs);
  const sampling = setInterval(() => {
    peakMemoryKiB = Math.max(peakMemoryKiB, ownMemoryKiB(side.programs));
  }, MEMORY_SAMPLE_MS);
  const start = performance.now();
  try {
    if (cell.mailboxes === 1) await smtpSource(side, cell, messageFile, cell.messages);
    // -N numbers the recipients of one run of smtp-source from 1 on: a run for each hundred.
    else
      for (let sent = 0; sent < cell.messages; sent += BENCH_MAILBOXES)
        await smtpSource(side, cell, messageFile, BENCH_MAILBOXES, '-N');
    const answered = performance.now() - start;
    await arrival(side, cell.messages);
    const durable = performance.now() - start;
    const after = processorMs(side.programs);
    return {
      messagesPerSecond: cell.messages / (durable / 1000),
      answerMs: (answered / cell.messages) * cell.sessions,
      processorMs: Object.fromEntries(
        [...after].map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / cell.messages]),
      ),
      peakMemoryKiB,
    };
  } finally {
    clearInterval(sampling);
  }
}

async function arrival(side: InboundSide, messages: number): Promise<void> {
  const deadline = Date.now() + ARRIVAL_DEADLINE_MS;
  for (;;) {
    const delivered = await side.delivered();
    if (delivered >= messages) return;
    if (Date.now() > deadline) throw new Error(`${side.name}: ${delivered} of ${messages} messages arrived`);
    await pause(5);
  }
}

function smtpSource(side: InboundSide, cell: Cell, file: string, messages: number, ...more: string[]): Promise<void> {
  const args = [
    ...['-s', String(Math.min(cell.sessions, messages)), '-m', String(messages), '-F', file],
    ...['-f', 'sender@src.example', '-t', `${BENCH_NAME}@${BENCH_DOMAIN}`, '-M', 'src.example'],
    ...(cell.kept ? ['-d'] : []),
    ...more,
    `inet:127.0.0.1:${side.smtpPort}`,
  ];
  const child = spawn('/usr/sbin/smtp-source', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const keep = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-2_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => (code === 0 ? done() : fail(new Error(`${side.name}: smtp-source: ${said}`))));
  });
}
