import { afterAll, describe, it } from 'vitest';
import { galeraMissing, startGalera } from '../support/galera.ts';
import { startTestDatabase } from '../support/mariadb.ts';
import { mysqlMissing, startMysql } from '../support/mysql.ts';
import { expectOrderUnderContention } from './contention.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const ROUNDS = FULL ? 60 : 8;
const stops: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const stop of stops) await stop();
});

describe('several processes on one mailbox', () => {
  it('never give or show a number twice or out of order, on MariaDB', { timeout: 120_000 }, async () => {
    const server = await startTestDatabase();
    stops.push(() => server.stop());
    await expectOrderUnderContention([server.url], ROUNDS);
  });

  const noMysql = mysqlMissing();
  it.skipIf(noMysql !== undefined)(
    `nor on MySQL${noMysql === undefined ? '' : ` (skipped: ${noMysql})`}`,
    { timeout: 120_000 },
    async () => {
      const server = await startMysql();
      stops.push(() => server.stop());
      await expectOrderUnderContention([server.url], ROUNDS);
    },
  );

  const noGalera = galeraMissing();
  it.skipIf(noGalera !== undefined)(
    `nor on three nodes of a Galera cluster${noGalera === undefined ? '' : ` (skipped: ${noGalera})`}`,
    { timeout: 180_000 },
    async () => {
      const cluster = await startGalera();
      stops.push(() => cluster.stop());
      await expectOrderUnderContention(
        cluster.nodes.map((node) => node.url),
        ROUNDS,
      );
    },
  );
});
