import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PrivateDatabase, startPrivateDatabase } from '@postern/infra/demo/private-database.ts';
import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** A real MariaDB (or MySQL) of one test file, with data of its own; ends with the process at the latest. */
export interface TestDatabase {
  /** A first, empty database: `mysql://user:password@127.0.0.1:port/name`. The user may create further ones. */
  readonly url: string;
  readonly port: number;
  readonly socketPath: string;
  /** Folder of everything that the server keeps; its data is in `data`. */
  readonly folder: string;
  readonly pid: number;
  /** Creates an empty database on the same server (milliseconds), and returns its URL. */
  createDatabase(name?: string): Promise<string>;
  /** SIGKILL, as a crash would; `start` brings it back. */
  kill(): Promise<void>;
  /** Starts the server anew on the same data, port and socket, after `kill` or `shutdown`. */
  start(): Promise<void>;
  /** Ends the server in good order and keeps its data, so that `start` may follow. */
  shutdown(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/** Options of a server whose power nobody cuts: it need not wait for the disk. Killed, it loses nothing: the system has what was written. */
export const WITHOUT_POWER_CUTS: readonly string[] = ['--debug-no-sync'];

/**
 * Starts a private database server below the temporary folder (under a second), and creates one database.
 *
 * @param serverOptions further options of the server, e.g. `['--innodb-lock-wait-timeout=2']`
 * @param below folder below which its data shall lie
 */
export async function startTestDatabase(
  serverOptions: readonly string[] = [],
  below = tmpdir(),
): Promise<TestDatabase> {
  const directory = mkdtempSync(join(below, 'postern-db-'));
  const password = randomBytes(12).toString('hex');
  const launch = (port?: number): Promise<PrivateDatabase> =>
    startPrivateDatabase({
      directory,
      password,
      port,
      database: 'postern_test',
      grantEverything: true,
      bufferPoolMiB: 64,
      serverOptions,
    });
  let server = await launch();
  // A process ends without its `afterAll` when it is interrupted; no server and no folder stays behind.
  const cleanUp = (): void => {
    server.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const urlOf = (name: string): string => server.url.replace(/[^/]+$/, name);
  return {
    url: server.url,
    port: server.port,
    socketPath: server.socketPath,
    folder: directory,
    get pid() {
      return server.pid;
    },
    async createDatabase(name = `test_${randomBytes(6).toString('hex')}`) {
      const connection = await createConnection(server.url);
      await connection.query(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
      await connection.end();
      return urlOf(name);
    },
    async kill() {
      server.kill();
      await server.ended;
    },
    async start() {
      server = await launch(server.port);
    },
    async shutdown() {
      await server.stop();
    },
    async stop() {
      await server.stop();
      process.off('exit', cleanUp);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Statements that empty a migrated database; all have the same tables. */
let emptying: string | undefined;

/** Empties a migrated database that nobody uses, and lets its numbers begin anew: a tenth of the work of another one. */
export async function emptyTables(url: string): Promise<void> {
  const connection = await createConnection({ uri: url, multipleStatements: true });
  try {
    if (emptying === undefined) {
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT table_name AS name, auto_increment AS next FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name NOT LIKE 'knex%' AND table_name <> 'migration_turn'`,
      );
      const deletes = rows.map(({ name }) => `DELETE FROM ${name};`).join('');
      const numbered = rows.filter(({ next }) => next !== null);
      const renumbers = numbered.map(({ name }) => `ALTER TABLE ${name} AUTO_INCREMENT = 1;`).join('');
      emptying = `START TRANSACTION;${deletes}COMMIT;${renumbers}`;
    }
    await connection.query(emptying);
  } finally {
    await connection.end();
  }
}
