import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { createTransport } from 'nodemailer';
import { startStack, type TestStack } from '../../support/stack.ts';
import { ImapWire } from '../imap/imap-wire.ts';
import { type NamedProcess, ownMemoryKiB, processorMs } from '../measure/processes.ts';
import { Watched } from '../measure/watched.ts';
import { type GrowthStep, reportGrowth } from '../report/growth-report.ts';
import { addressOf, PASSWORD, populateStore, writePopulation } from './population.ts';

const SIGN_INS = 100;
const MESSAGES = 400;
/** Before either: a server runs for weeks. */
const WARM_UP = 60;
const CONNECTIONS = 10;

/** Signing in and delivering, with ever more people in the directory and in the store; whom it concerns is drawn anew each time. */
export async function growAccounts(sizes: readonly number[]): Promise<void> {
  const steps: GrowthStep[] = [];
  for (const size of sizes) {
    const loading = performance.now();
    const stack = await populated(size);
    try {
      console.log(`${size} accounts, loaded in ${((performance.now() - loading) / 1000).toFixed(0)} s`);
      const watched = new Watched(programsOf(stack));
      let figures: GrowthStep['figures'] = {};
      await watched.run(1, async () => {
        figures = await measured(stack, size);
        return [];
      });
      steps.push({ size, figures, cost: watched.measured });
    } finally {
      await stack.stop();
    }
  }
  const about = {
    part: 'growth-accounts',
    title: 'Sign-in and delivery as accounts become many: milliseconds, memory in MiB',
    sizes: 'accounts',
    // Below, answers that are remembered hide it.
    fitFrom: 1_000,
  };
  reportGrowth(about, steps);
}

async function populated(size: number): Promise<TestStack> {
  const ldif = join(tmpdir(), `postern-bench-population-${process.pid}.ldif`);
  writePopulation(ldif, size);
  const stack = await startStack({
    directoryEntries: ldif,
    databaseOptions: ['--innodb-buffer-pool-size=512M'],
  });
  rmSync(ldif);
  // The tables are there now.
  await stack.end('store');
  const sql = await createConnection(stack.database.url);
  await populateStore(sql, size);
  await sql.end();
  await stack.restart('store');
  return stack;
}

async function measured(stack: TestStack, size: number): Promise<GrowthStep['figures']> {
  const programs = programsOf(stack);
  const anybody = (): string => addressOf(Math.floor(Math.random() * size));
  const { imap, smtp } = stack.endpoints;
  const signIns: number[] = [];
  for (let n = 0; n < WARM_UP + SIGN_INS; n++) {
    const wire = await ImapWire.connect(imap.port, imap.host);
    const start = performance.now();
    await wire.login(anybody(), PASSWORD);
    await wire.command('SELECT INBOX');
    if (n >= WARM_UP) signIns.push(performance.now() - start);
    wire.close();
  }
  await deliver(smtp.port, smtp.host, WARM_UP, anybody);
  const before = processorMs(programs);
  const start = performance.now();
  await deliver(smtp.port, smtp.host, MESSAGES, anybody);
  const deliveryMs = performance.now() - start;
  const after = processorMs(programs);
  const cpu = (name: string): number => ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / MESSAGES;
  const own = (name: string): number => ownMemoryKiB(programs.filter((each) => each.name === name)) / 1024;
  return {
    'sign-in and SELECT': signIns,
    'delivery, 10 at a time': deliveryMs / MESSAGES,
    'delivery, CPU of relay': cpu('relay'),
    'delivery, CPU of store': cpu('store'),
    'delivery, CPU of mariadbd': cpu('database'),
    'delivery, CPU of slapd': cpu('directory'),
    'store MiB': own('store'),
    'relay MiB': own('relay'),
    'slapd MiB': own('directory'),
  };
}

const programsOf = (stack: TestStack): NamedProcess[] =>
  (['relay', 'store', 'database', 'directory'] as const).map((name) => ({ name, pid: stack.pid(name) }));

async function deliver(port: number, host: string, messages: number, anybody: () => string): Promise<void> {
  const transport = createTransport({ host, port, pool: true, maxConnections: CONNECTIONS, ignoreTLS: true });
  const text = 'A line of text as people write them.\r\n'.repeat(100);
  try {
    await Promise.all(
      Array.from({ length: messages }, (_, n) =>
        transport.sendMail({ from: 'sender@src.example', to: anybody(), subject: `letter ${n}`, text }),
      ),
    );
  } finally {
    transport.close();
  }
}
