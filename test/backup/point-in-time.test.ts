import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { type MysqlServer, mysqlMissing, startMysql } from '../support/mysql.ts';
import { expectAnyInstantBack } from './point-in-time.ts';

/** Two servers of MySQL take long to make: the long form alone. */
const missing = process.env.POSTERN_TEST_FULL === '1' ? mysqlMissing() : 'npm run test:full -- backup does it';
if (missing !== undefined) console.log(`skipped: a point in time on MySQL: ${missing}`);

let backends: ImapBackends;
beforeAll(async () => {
  backends = await startImapBackends();
}, 120_000);
afterAll(() => backends?.stop());

describe('a base backup and the binary log bring the mail of any instant back: UIDs, flags, mod-sequences and all', () => {
  it('on MariaDB', { timeout: 120_000 }, async () => {
    const logFolder = mkdtempSync(join(tmpdir(), 'postern-pitr-'));
    const logging = [`--log-bin=${join(logFolder, 'binlog')}`, '--binlog-format=ROW', '--server-id=1'];
    const [first, second] = await Promise.all([startTestDatabase(logging), startTestDatabase()]);
    try {
      await expectAnyInstantBack(
        {
          ...{ first, second, logFolder },
          dump() {
            const options = ['--single-transaction', '--routines', '--master-data=2', '--hex-blob', 'postern_test'];
            const base = client(first, 'mariadb-dump', options);
            return { base, ...placeIn(base, /MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)/) };
          },
          load: (base) => void client(second, 'mariadb', ['postern_test'], base),
          replay(logs, position, stop) {
            const range = [`--start-position=${position}`, `--stop-datetime=${stop}`];
            const said = run('mariadb-binlog', [...range, ...logs.map((name) => join(logFolder, name))]);
            client(second, 'mariadb', ['--binary-mode', 'postern_test'], said);
          },
        },
        backends,
      );
    } finally {
      await Promise.all([first.stop(), second.stop()]);
      rmSync(logFolder, { recursive: true, force: true });
    }
  });

  it.skipIf(missing !== undefined)('on MySQL', { timeout: 120_000 }, async () => {
    const servers: MysqlServer[] = [await startMysql('binary'), await startMysql()];
    const [first, second] = servers as [MysqlServer, MysqlServer];
    try {
      await expectAnyInstantBack(
        {
          ...{ first, second, logFolder: first.folder },
          dump() {
            const options = [
              '--single-transaction',
              '--routines',
              '--source-data=2',
              '--hex-blob',
              '--set-gtid-purged=OFF',
            ];
            const base = first.client('mysqldump', [...options, '--no-tablespaces', 'postern_test']);
            return { base, ...placeIn(base, /SOURCE_LOG_FILE='([^']+)', SOURCE_LOG_POS=(\d+)/) };
          },
          load: (base) => void second.client('mysql', ['postern_test'], base),
          replay(logs, position, stop) {
            const range = [`--start-position=${position}`, `--stop-datetime=${stop}`];
            const said = first.client('mysqlbinlog', [...range, ...logs.map((name) => first.inside(name))]);
            second.client('mysql', ['--binary-mode', 'postern_test'], said);
          },
        },
        backends,
      );
    } finally {
      for (const server of servers) await server.stop();
    }
  });
});

/** Where in the log a base backup was taken, as its head says. */
function placeIn(base: Buffer, pattern: RegExp): { log: string; position: string } {
  const [, log = '', position = ''] = pattern.exec(base.toString('latin1', 0, 10_000)) ?? [];
  return { log, position };
}

/** A program of Debian's mariadb-client on one of the servers; its output. */
function client(server: TestDatabase, name: string, args: readonly string[], input?: Buffer): Buffer {
  const { username, password } = new URL(server.url);
  const access = ['--no-defaults', '--protocol=tcp', '-h', '127.0.0.1', '-P', String(server.port), '-u', username];
  return run(name, [...access, ...args], { MYSQL_PWD: password }, input);
}

function run(name: string, args: readonly string[], environment = {}, input?: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync(name, args, {
    env: { ...process.env, ...environment },
    maxBuffer: 268_435_456,
    ...(input === undefined ? {} : { input }),
  });
  if (status !== 0) throw new Error(`${name}: ${stderr.toString()}`);
  return stdout;
}
