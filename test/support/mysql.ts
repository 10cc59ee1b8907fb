import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../../infra/demo/free-port.ts';

/** Where a Debian with MySQL's server lies: MySQL is in no Debian release, so it comes from unstable, in a folder of its own. */
const TREE = process.env.POSTERN_TEST_MYSQL ?? '/var/cache/postern/mysql';

export interface MysqlServer {
  readonly url: string;
  readonly version: string;
  /** Folder of its data and its binary logs (`binlog.000001`, …), as we see it. */
  readonly folder: string;
  /** Path of a file of this folder, as its programs see it. */
  inside(name: string): string;
  /**
   * Runs a program of its own client package (`mysql`, `mysqldump`, `mysqlbinlog`), which has access to the server.
   *
   * @throws with what it printed, when it fails
   */
  client(program: string, args: readonly string[], input?: Buffer): Buffer;
  stop(): Promise<void>;
}

/** Why no MySQL server can be started here; undefined when one can. The long form of the tests fetches it first (root, network). */
export function mysqlMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'MySQL runs in a chroot, which only root can enter';
  if (existsSync(join(TREE, 'usr/sbin/mysqld'))) return clientsMissing();
  if (process.env.POSTERN_TEST_FULL !== '1') return `no MySQL below ${TREE}; npm run test:full fetches it`;
  if (!existsSync('/usr/sbin/debootstrap')) return 'debootstrap is not installed';
  mkdirSync(TREE, { recursive: true });
  const args = [
    '--variant=minbase',
    '--include=mysql-server-core,mysql-client-core',
    'sid',
    TREE,
    'http://deb.debian.org/debian',
  ];
  const { status } = spawnSync('debootstrap', args, { stdio: 'ignore', timeout: 300_000 });
  return status === 0 ? undefined : 'debootstrap could not fetch MySQL from Debian unstable';
}

/** A tree that was made for the server alone gets the clients; without them the long form of the tests cannot run whole. */
function clientsMissing(): string | undefined {
  if (existsSync(join(TREE, 'usr/bin/mysqldump'))) return undefined;
  if (process.env.POSTERN_TEST_FULL !== '1') return `no mysqldump below ${TREE}; npm run test:full fetches it`;
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'mysql-client-core']])
    if (spawnSync('chroot', [TREE, 'apt-get', ...args], { stdio: 'ignore', timeout: 300_000 }).status !== 0)
      return 'apt-get could not fetch MySQL’s clients from Debian unstable';
  return undefined;
}

/**
 * Starts a private MySQL server with one empty database.
 *
 * @param log `binary`: with the binary log, as for a restore to a point in time
 */
export async function startMysql(log: 'none' | 'binary' = 'none'): Promise<MysqlServer> {
  mkdirSync(join(TREE, 'tmp'), { recursive: true });
  const folder = mkdtempSync(join(TREE, 'tmp/postern-mysql-'));
  const inside = folder.slice(TREE.length);
  const common = ['/usr/sbin/mysqld', '--no-defaults', '--user=root', `--datadir=${inside}/data`, '--mysqlx=OFF'];
  const made = spawnSync('chroot', [TREE, ...common, '--secure-file-priv=NULL', '--initialize-insecure'], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`mysqld --initialize failed: ${made.stderr.slice(-500)}`);
  const port = await freePort();
  const args = [
    ...common,
    '--secure-file-priv=NULL',
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${inside}/s`,
    `--pid-file=${inside}/pid`,
    '--innodb-flush-log-at-trx-commit=1',
    ...(log === 'none' ? ['--disable-log-bin'] : [`--log-bin=${inside}/binlog`, '--server-id=1']),
  ];
  const child = spawn('setpriv', ['--pdeathsig=KILL', 'chroot', TREE, ...args], { stdio: 'ignore' });
  const cleanUp = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const root = { socketPath: join(folder, 's'), user: 'root', password: '' };
  const deadline = Date.now() + 60_000;
  const password = randomBytes(12).toString('hex');
  let version = '';
  for (;;) {
    try {
      const connection = await createConnection(root);
      await connection.query('CREATE DATABASE postern_test CHARACTER SET utf8mb4');
      await connection.query(`CREATE USER postern@'%' IDENTIFIED BY '${password}'`);
      await connection.query(`GRANT ALL ON *.* TO postern@'%'`);
      const [rows] = await connection.query('SELECT VERSION() AS version');
      version = (rows as { version: string }[])[0]?.version ?? '';
      await connection.end();
      break;
    } catch (fault) {
      if (Date.now() > deadline || child.exitCode !== null) throw fault;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  return {
    url: `mysql://postern:${password}@127.0.0.1:${port}/postern_test`,
    version,
    folder,
    inside: (name) => `${inside}/${name}`,
    client(program, clientArgs, input) {
      const access = program === 'mysqlbinlog' ? [] : ['-h', '127.0.0.1', '-P', String(port), '-u', 'postern'];
      const ran = spawnSync('chroot', [TREE, `/usr/bin/${program}`, '--no-defaults', ...access, ...clientArgs], {
        env: { ...process.env, MYSQL_PWD: password },
        maxBuffer: 268_435_456,
        ...(input === undefined ? {} : { input }),
      });
      if (ran.status !== 0) throw new Error(`${program}: ${ran.stderr.toString()}`);
      return ran.stdout;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', cleanUp);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
