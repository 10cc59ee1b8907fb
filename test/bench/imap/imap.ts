import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { startStack, type TestStack } from '../../support/stack.ts';
import { thisMachine } from '../measure/machine.ts';
import { type NamedProcess, ownMemoryKiB, processorMs } from '../measure/processes.ts';
import { reportImap } from '../report/imap-report.ts';
import { startDovecot } from '../sides/dovecot.ts';
import { fillByImap, fillByMailstore } from './fill.ts';
import { ImapWire } from './imap-wire.ts';
import { type Bench, type ImapSide, MAILBOX, NOT_OFFERED, TASKS, type Task } from './tasks.ts';

export interface ImapOptions {
  readonly messages: number;
  readonly repeats: number;
  readonly only: string | undefined;
}

/** The runs of a task on one side; undefined where the server does not offer it. */
export interface TaskRuns {
  readonly milliseconds: readonly number[];
  /** Processor time of one run, by program of the side. */
  readonly processorMs: Readonly<Record<string, number>>;
  /** Most that each of the programs held for itself after a run. */
  readonly peakMemoryKiB: Readonly<Record<string, number>>;
}

export interface TaskResult {
  readonly name: string;
  readonly goal: Task['goal'];
  readonly ours: TaskRuns | undefined;
  readonly theirs: TaskRuns | undefined;
}

export interface OpenSide extends ImapSide {
  readonly programs: readonly NamedProcess[];
}

/** IMAP command for command, our store beside Dovecot (sdbox), in turns; TLS off on both, every write durable. */
export async function benchImap(options: ImapOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  console.log('starting MariaDB, slapd, store; Dovecot');
  const stack = await startStack({
    without: ['relay'],
    databaseOptions: ['--innodb-buffer-pool-size=1024M'],
    databaseBySocket: true,
    // Dovecot does not slow down a session that sends thousands of commands within a second.
    store: (settings) => ({ ...settings, imap: { ...settings.imap, maxCommandsPerSecond: 100_000 } }),
  });
  const dovecot = await startDovecot(folder, 'sdbox').catch(async (fault: unknown) => {
    await stack.stop();
    throw fault;
  });
  try {
    const ours = oursOf(stack);
    const theirs: OpenSide = {
      name: 'Dovecot',
      host: '127.0.0.1',
      port: dovecot.imapPort,
      user: 'bench',
      password: dovecot.password,
      programs: [{ name: 'dovecot', pid: dovecot.pid }],
    };
    console.log(`filling both with ${options.messages} messages`);
    await fillByMailstore(stack.database.url, await accountOf(stack, ours), options.messages);
    await fillByImap(theirs, options.messages);
    const sides = [await open(ours), await open(theirs)] as const;
    const results: TaskResult[] = [];
    for (const task of TASKS) {
      if (options.only !== undefined && !task.name.includes(options.only)) continue;
      results.push(await measure(task, sides, options));
    }
    for (const { wire } of sides) wire.close();
    reportImap({ machine: thisMachine(), messages: options.messages, at: new Date().toISOString(), results });
  } finally {
    await dovecot.stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function oursOf(stack: TestStack): OpenSide {
  return {
    name: 'Postern',
    host: stack.endpoints.imap.host,
    port: stack.endpoints.imap.port,
    user: 'user1@domain1.example',
    password: 'user1',
    programs: [
      { name: 'store', pid: stack.pid('store') },
      { name: 'mariadbd', pid: stack.pid('database') },
      { name: 'slapd', pid: stack.pid('directory') },
    ],
  };
}

/** Id of the account, which its first sign-in makes. */
export async function accountOf(stack: TestStack, side: ImapSide): Promise<number> {
  const wire = await ImapWire.connect(side.port, side.host);
  await wire.login(side.user, side.password);
  wire.close();
  const connection = await createConnection(stack.database.url);
  const [rows] = await connection.query('SELECT id FROM account WHERE address = ?', [side.user]);
  await connection.end();
  return (rows as { id: number }[])[0]?.id ?? 0;
}

async function open(side: OpenSide): Promise<{ side: OpenSide; wire: ImapWire }> {
  const wire = await ImapWire.connect(side.port, side.host);
  await wire.login(side.user, side.password);
  const { status, tail } = await wire.command(`SELECT ${MAILBOX}`);
  if (status !== 'OK') throw new Error(`${side.name}: ${tail}`);
  return { side, wire };
}

async function measure(
  task: Task,
  sides: readonly { side: OpenSide; wire: ImapWire }[],
  options: ImapOptions,
): Promise<TaskResult> {
  const runs = sides.map(() => ({
    milliseconds: [] as number[],
    processorMs: {} as Record<string, number>,
    peakMemoryKiB: {} as Record<string, number>,
    offered: true,
  }));
  // The first rounds warm both up, and are not counted: a server runs for weeks.
  const { warmUps = 1 } = task;
  for (let round = 0; round < warmUps + options.repeats; round += 1) {
    for (const [i, { side, wire }] of sides.entries()) {
      const run = runs[i];
      if (run === undefined || !run.offered) continue;
      const bench: Bench = { side, wire, messages: options.messages, round };
      const before = processorMs(side.programs);
      const milliseconds = await task.run(bench);
      if (milliseconds === NOT_OFFERED) run.offered = false;
      else if (round >= warmUps) {
        run.milliseconds.push(milliseconds);
        for (const [name, ms] of processorMs(side.programs)) {
          const used = (ms - (before.get(name) ?? 0)) / options.repeats;
          run.processorMs[name] = (run.processorMs[name] ?? 0) + used;
        }
        for (const program of side.programs) {
          const { name } = program;
          run.peakMemoryKiB[name] = Math.max(run.peakMemoryKiB[name] ?? 0, ownMemoryKiB([program]));
        }
      }
    }
  }
  const [ours, theirs] = runs.map((run) => (run.offered ? run : undefined));
  const text = (run: TaskRuns | undefined): string =>
    run === undefined ? 'not offered' : run.milliseconds.map((ms) => ms.toFixed(1)).join(' ');
  console.log(`${task.name.padEnd(38)} ours ${text(ours)}  theirs ${text(theirs)}`);
  return { name: task.name, goal: task.goal, ours, theirs };
}
