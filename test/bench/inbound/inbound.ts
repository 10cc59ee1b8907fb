import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDns } from '../../support/dns.ts';
import { startStack } from '../../support/stack.ts';
import { thisMachine } from '../measure/machine.ts';
import { reportInbound } from '../report/inbound-report.ts';
import { benchAccounts, posternSide } from '../sides/postern.ts';
import { startPostfixDovecot } from '../sides/postfix-dovecot.ts';
import { BENCH_DOMAIN, BENCH_MAILBOXES, BENCH_NAME, type InboundSide } from '../sides/side.ts';
import { type Cell, cellName, cells } from './cells.ts';
import { type RunResult, runLoad } from './load.ts';
import { makeBenchSender } from './sender.ts';

export interface InboundOptions {
  readonly quick: boolean;
  /** Runs of each cell a side. */
  readonly repeats: number;
  /** Only cells whose name contains this. */
  readonly only: string | undefined;
  /** The sender's network is trusted: nobody is judged. */
  readonly trusted: boolean;
}

/** All runs of one cell, ours and theirs in the order in which they took turns. */
export interface CellResult {
  readonly cell: Cell;
  readonly ours: readonly RunResult[];
  readonly theirs: readonly RunResult[];
}

/** A server runs for weeks: what is measured is one that has run for some seconds. */
const WARM_UP: Omit<Cell, 'octets'> = { sessions: 20, kept: false, mailboxes: 100, messages: 3_000 };

/**
 * Mail coming in, side by side: our gateway and store with MariaDB, and Postfix with Dovecot, both with recipients from the same slapd. Runs take
 * turns, so that whatever else the machine does meets both.
 */
export async function benchInbound(options: InboundOptions): Promise<void> {
  const sender = makeBenchSender();
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  const file = (octets: number): string => join(folder, `message-${octets}`);
  // smtp-source ends lines with CR LF itself.
  for (const octets of [5_000, 50_000]) {
    writeFileSync(file(octets), (await sender.message(octets)).toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
  }
  console.log('starting MariaDB, slapd, store, gateway; Dovecot, Postfix');
  const dns = await startDns(sender.records);
  const stack = await startStack({
    databaseOptions: ['--innodb-buffer-pool-size=512M'],
    // On loopback nobody is authenticated by default: here the client is a stranger like any other.
    relay: (own) => ({
      ...own,
      policy: { ...own.policy, trustedNetworks: options.trusted ? ['127.0.0.0/8'] : [] },
      dns: { servers: [dns.address] },
    }),
  });
  const { slapd } = stack;
  if (slapd === undefined) throw new Error('the bench wants a real slapd');
  const ours = posternSide(stack);
  let theirs: Awaited<ReturnType<typeof startPostfixDovecot>> | undefined;
  try {
    await slapd.modify(benchAccounts(BENCH_DOMAIN, BENCH_NAME, BENCH_MAILBOXES, slapd.baseDn));
    theirs = await startPostfixDovecot(slapd);
    for (const octets of [5_000, 50_000]) {
      for (const side of [ours, theirs]) await runLoad(side, { ...WARM_UP, octets }, file(octets));
    }
    const results: CellResult[] = [];
    for (const cell of cells(options.quick)) {
      if (options.only !== undefined && !cellName(cell).includes(options.only)) continue;
      results.push(await measure(cell, ours, theirs, options.repeats, file(cell.octets)));
    }
    reportInbound({ machine: thisMachine(), quick: options.quick, at: new Date().toISOString(), results });
  } finally {
    await theirs?.stop();
    await ours.close();
    await stack.stop();
    await dns.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  cell: Cell,
  ours: InboundSide,
  theirs: InboundSide,
  repeats: number,
  file: string,
): Promise<CellResult> {
  const result = { cell, ours: [] as RunResult[], theirs: [] as RunResult[] };
  for (let i = 0; i < repeats; i += 1) {
    result.ours.push(await runLoad(ours, cell, file));
    result.theirs.push(await runLoad(theirs, cell, file));
  }
  const speed = (runs: readonly RunResult[]): string => runs.map((r) => r.messagesPerSecond.toFixed(0)).join(' ');
  console.log(`${cellName(cell).padEnd(42)} ours ${speed(result.ours)}  theirs ${speed(result.theirs)}`);
  return result;
}
