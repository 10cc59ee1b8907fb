import { afterAll, beforeAll, describe, it } from 'vitest';
import { galeraMissing, startGalera } from '../support/galera.ts';
import { startTestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';
import { mysqlMissing, startMysql } from '../support/mysql.ts';
import { expectOrderUnderContention } from './contention.ts';
import { expectLargeMailboxAsItsRows } from './large-mailbox.ts';
import { LEASES } from './leases.ts';
import { WRITE_RULE } from './write-rule.ts';

const ROUNDS = process.env.POSTERN_TEST_FULL === '1' ? 60 : 8;

interface Server {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly missing: string | undefined;
  /** URLs of its nodes. */
  start(): Promise<{ readonly urls: readonly string[]; stop(): Promise<void> }>;
}

const SERVERS: readonly Server[] = [
  {
    name: 'MariaDB',
    missing: undefined,
    async start() {
      const server = await startTestDatabase(WITHOUT_POWER_CUTS);
      return { urls: [server.url], stop: () => server.stop() };
    },
  },
  {
    name: 'MySQL',
    missing: mysqlMissing(),
    async start() {
      const server = await startMysql();
      return { urls: [server.url], stop: () => server.stop() };
    },
  },
  {
    name: 'three nodes of a Galera cluster',
    missing: galeraMissing(),
    async start() {
      const cluster = await startGalera();
      return { urls: cluster.nodes.map((node) => node.url), stop: () => cluster.stop() };
    },
  },
];

for (const { name, missing, start } of SERVERS) {
  describe.skipIf(missing !== undefined)(`on ${name}${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
    let server: Awaited<ReturnType<Server['start']>>;

    beforeAll(async () => {
      server = await start();
    }, 120_000);

    afterAll(() => server?.stop());

    it('several processes on one mailbox never give or show a number twice or out of order', { timeout: 120_000 }, () =>
      expectOrderUnderContention(server.urls, ROUNDS),
    );

    for (const lease of LEASES.filter(({ ofProcess }) => ofProcess !== true || name === 'MariaDB'))
      it(lease.name, { timeout: 60_000 }, () => lease.run(server.urls));

    it('a mailbox of 110,000 messages is read packed, and is as its rows say', { timeout: 120_000 }, () =>
      expectLargeMailboxAsItsRows(server.urls),
    );

    for (const rule of WRITE_RULE) it(rule.name, { timeout: 60_000 }, () => rule.run(server.urls));
  });
}
