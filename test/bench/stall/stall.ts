import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { realisticMessage } from '../../corpus/corpus.ts';
import { startStack } from '../../support/stack.ts';
import { fillByImap, fillByMailstore } from '../imap/fill.ts';
import { accountOf, type OpenSide, oursOf } from '../imap/imap.ts';
import { ImapWire } from '../imap/imap-wire.ts';
import { MAILBOX } from '../imap/tasks.ts';
import { Watched } from '../measure/watched.ts';
import { type Comparison, reportComparison } from '../report/comparison-report.ts';
import { startDovecot } from '../sides/dovecot.ts';

export interface StallOptions {
  readonly messages: number;
  readonly repeats: number;
}

const PING = join(import.meta.dirname, 'ping.ts');
const QUIET_MS = 3_000;
/** Between two looks of the metric: it tells a turn longer than it was by that. */
const SAMPLING_MS = 10;
/** How long somebody may wait for a word while others work. */
const GOAL_MS = 20;
/** What the one session fetches of every message. */
const EVERYTHING = ['FETCH 1:* (UID FLAGS)', 'FETCH 1:* (ENVELOPE)', 'FETCH 1:* (UID BODY.PEEK[])'] as const;

/** How long a session waits for the answer to NOOP while one fetches everything and four others work, ours beside Dovecot's. */
export async function benchStall({ messages, repeats }: StallOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  console.log('starting MariaDB, slapd, store; Dovecot');
  const metricsPort = await freePort();
  const stack = await startStack({
    without: ['relay'],
    databaseOptions: ['--innodb-buffer-pool-size=1024M'],
    databaseBySocket: true,
    store: (settings) => ({ ...settings, metrics: { listen: { address: '127.0.0.3', port: metricsPort } } }),
  });
  const dovecot = await startDovecot(folder, 'sdbox').catch(async (fault: unknown) => {
    await stack.stop();
    throw fault;
  });
  const pings: ChildProcess[] = [];
  try {
    const ours = oursOf(stack);
    const theirs: OpenSide = {
      ...{ name: 'Dovecot', host: '127.0.0.1', port: dovecot.imapPort, user: 'bench', password: dovecot.password },
      programs: [{ name: 'dovecot', pid: dovecot.pid }],
    };
    console.log(`filling both with ${messages} messages`);
    await fillByMailstore(stack.database.url, await accountOf(stack, ours), messages);
    await fillByImap(theirs, messages);
    const [ourRuns, theirRuns] = [new StallRuns(ours), new StallRuns(theirs)];
    const turns: number[] = [];
    for (const { side } of [ourRuns, theirRuns]) pings.push(await startPing(side));
    for (let round = 0; round <= repeats; round++) {
      for (const [n, runs] of [ourRuns, theirRuns].entries()) {
        if (runs === ourRuns) await longestTurnMs(metricsPort);
        await runs.round(pings[n] as ChildProcess, messages, round);
        if (runs === ourRuns && round > 0) turns.push(await longestTurnMs(metricsPort));
      }
    }
    const rows: Comparison[] = [...ourRuns.rows(theirRuns)];
    rows.push({ name: 'longest turn of the event loop', ours: { ...ourRuns.cost, values: turns }, goal: GOAL_MS });
    reportComparison({
      part: 'stall',
      title: `NOOP while one session fetches all of ${messages} messages and four others work`,
      unit: 'ms',
      better: 'less',
      each: 'a run',
      rows,
    });
  } finally {
    for (const ping of pings) ping.kill();
    await dovecot.stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The runs of one side. The first warms it up and does not count. */
class StallRuns {
  readonly side: OpenSide;
  readonly #watched: Watched;
  readonly #quiet: number[] = [];
  readonly #medians: number[] = [];
  readonly #ninetyNinths: number[] = [];
  readonly #worsts: number[] = [];

  constructor(side: OpenSide) {
    this.side = side;
    this.#watched = new Watched(side.programs);
  }

  async round(ping: ChildProcess, messages: number, round: number): Promise<void> {
    const quiet = await pinged(ping, () => pause(QUIET_MS));
    let times: readonly number[] = [];
    const work = async (): Promise<number> => {
      times = await pinged(ping, () => workOf(this.side, messages, round));
      return 0;
    };
    if (round === 0) return void (await work());
    await this.#watched.run(1, work);
    const sorted = [...times].sort((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
    this.#quiet.push(Math.max(...quiet));
    this.#medians.push(at(0.5));
    this.#ninetyNinths.push(at(0.99));
    this.#worsts.push(at(1));
    console.log(
      `${this.side.name}: ${times.length} answers, half within ${at(0.5).toFixed(1)} ms, 99 % within ${at(0.99).toFixed(1)}, all within ${at(1).toFixed(1)}; alone ${Math.max(...quiet).toFixed(1)}`,
    );
  }

  get cost(): Watched['measured'] {
    return this.#watched.measured;
  }

  rows(theirs: StallRuns): Comparison[] {
    const row = (name: string, of: (runs: StallRuns) => number[], goal?: number): Comparison => ({
      name,
      ours: { ...this.cost, values: of(this) },
      theirs: { ...theirs.cost, values: of(theirs) },
      goal,
    });
    return [
      row('slowest answer, nothing else going on', (runs) => runs.#quiet),
      row('half of the answers', (runs) => runs.#medians),
      row('99 % of the answers', (runs) => runs.#ninetyNinths),
      row('slowest answer', (runs) => runs.#worsts, GOAL_MS),
    ];
  }
}

async function startPing({ port, host, user, password }: OpenSide): Promise<ChildProcess> {
  const child = fork(PING, [String(port), host, user, password]);
  const [word] = (await once(child, 'message')) as unknown[];
  if (word !== 'ready') throw new Error('the session that asks did not start');
  return child;
}

/** Milliseconds of each answer while the work went on. */
async function pinged(ping: ChildProcess, work: () => Promise<unknown>): Promise<readonly number[]> {
  ping.send('begin');
  await work();
  const told = once(ping, 'message');
  ping.send('end');
  const [times] = (await told) as [readonly number[]];
  return times;
}

/** One session fetches everything; until it has, four others read, search, change flags and append. */
async function workOf(side: OpenSide, messages: number, round: number): Promise<void> {
  const open = async (): Promise<ImapWire> => {
    const wire = await ImapWire.connect(side.port, side.host);
    await wire.login(side.user, side.password);
    await wire.command(`SELECT ${MAILBOX}`);
    return wire;
  };
  const [reader, ...others] = (await Promise.all([1, 2, 3, 4, 5].map(open))) as [ImapWire, ...ImapWire[]];
  const letter = realisticMessage(5_000, 2_000_000 + round);
  const jobs: readonly ((n: number) => (string | Buffer)[])[] = [
    (n) => [`FETCH ${1 + ((n * 61) % messages)} (UID BODY.PEEK[])`],
    (n) => [n % 2 === 0 ? 'SEARCH UNSEEN' : 'SEARCH SUBJECT meeting'],
    (n) => [`STORE ${1 + ((n * 97) % (messages - 50))}:${50 + ((n * 97) % (messages - 50))} +FLAGS.SILENT (\\Flagged)`],
    () => [`APPEND INBOX {${letter.length}+}\r\n`, letter],
  ];
  let done = false;
  const working = jobs.map(async (job, at) => {
    const wire = others[at] as ImapWire;
    for (let n = 0; !done; n++) {
      const { status, tail } = await wire.command(...job(n));
      if (status !== 'OK') throw new Error(`${side.name}: ${tail}`);
      await pause(10);
    }
  });
  for (const command of EVERYTHING) {
    const { status, tail } = await reader.command(command);
    if (status !== 'OK') throw new Error(`${side.name}: ${tail}`);
  }
  done = true;
  await Promise.all(working);
  for (const wire of [reader, ...others]) wire.close();
}

/** Milliseconds of the longest turn of the store's event loop since the last question, as its metrics tell it. */
async function longestTurnMs(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.3:${port}/metrics`)).text();
  const seconds = Number(/^postern_nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]);
  return Math.max(0, seconds * 1_000 - SAMPLING_MS);
}
