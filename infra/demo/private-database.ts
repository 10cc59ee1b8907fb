import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from './free-port.ts';

export interface PrivateDatabaseOptions {
  /** Folder of everything that the server keeps: data, log, pid. Created, with mode 0700. */
  readonly directory: string;
  /** TCP port on 127.0.0.1; a free one when undefined. */
  readonly port?: number | undefined;
  /** Unix socket; by default in `directory`, or below the temporary folder where that path would be too long. */
  readonly socketPath?: string | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password: string;
  /** Lets the user create further databases: for tests alone. */
  readonly grantEverything?: boolean | undefined;
  /** Size of the InnoDB buffer pool in MiB. */
  readonly bufferPoolMiB?: number | undefined;
  readonly logFile?: string | undefined;
  /** Further options of the server, e.g. `--general-log`. */
  readonly serverOptions?: readonly string[] | undefined;
}

export interface PrivateDatabase {
  /** `mysql://user:password@127.0.0.1:port/database`. */
  readonly url: string;
  readonly port: number;
  readonly socketPath: string;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends the server in good order, and waits. */
  stop(): Promise<void>;
  /** SIGKILL: what a power cut leaves behind, but for the page cache. */
  kill(): void;
}

/** A server program that was found on the machine. */
export interface DatabaseProgram {
  readonly path: string;
  readonly flavour: 'mariadb' | 'mysql';
}

/** A cause that the newcomer can remove; the message is one sentence for the screen. */
export class DatabaseUnavailable extends Error {}

const PROGRAMS = ['mariadbd', 'mysqld'];
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/usr/bin', '/usr/libexec', '/opt/homebrew/bin'];
const SYSTEM_TABLES = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql'];
/** Limit of a Unix socket's path: 108 octets with the closing NUL, 104 on some systems. */
const MAX_SOCKET_PATH = 100;
const START_DEADLINE_MS = 60_000;

/** The first MariaDB or MySQL server program of this machine. */
export function findDatabaseProgram(): DatabaseProgram | undefined {
  for (const name of PROGRAMS) {
    for (const folder of FOLDERS) {
      const path = join(folder, name);
      if (!existsSync(path)) continue;
      const { stdout } = spawnSync(path, ['--no-defaults', '--version'], { encoding: 'utf8' });
      return { path, flavour: stdout.includes('MariaDB') ? 'mariadb' : 'mysql' };
    }
  }
  return undefined;
}

/**
 * Starts a private MariaDB or MySQL server as a child: its data below `directory`, durable at every commit, reachable from this
 * machine alone. The first start makes the data directory; a later one takes about a second, after a crash too. A
 * server left over from a launcher that was killed is ended first.
 *
 * @throws DatabaseUnavailable with one sentence, when no server is installed or it does not start
 */
export async function startPrivateDatabase(options: PrivateDatabaseOptions): Promise<PrivateDatabase> {
  const program = findDatabaseProgram();
  if (program === undefined) {
    throw new DatabaseUnavailable(
      'No MariaDB or MySQL server is installed: install mariadb-server-core, or set DATABASE_URL.',
    );
  }
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const logFile = options.logFile ?? join(directory, 'server.log');
  const pidFile = join(directory, 'server.pid');
  await endLeftover(pidFile, directory);
  const dataDirectory = join(directory, 'data');
  if (!existsSync(join(directory, 'initialised'))) {
    rmSync(dataDirectory, { recursive: true, force: true });
    initialise(program, directory, dataDirectory, logFile);
    writeFileSync(join(directory, 'initialised'), '');
  }

  const port = options.port ?? (await freePort());
  const socketPath = options.socketPath ?? shortSocketPath(directory);
  const initFile = join(directory, 'init.sql');
  writeFileSync(initFile, accountStatements(options), { mode: 0o600 });
  const log = openSync(logFile, 'a', 0o600);
  const args = [
    ...commonArguments(directory, dataDirectory),
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${socketPath}`,
    `--pid-file=${join(directory, 'mysqld.pid')}`,
    `--init-file=${initFile}`,
    '--innodb-flush-log-at-trx-commit=1',
    `--innodb-buffer-pool-size=${options.bufferPoolMiB ?? 128}M`,
    '--max-allowed-packet=80M',
    '--max-connections=300',
    '--skip-name-resolve',
    '--character-set-server=utf8mb4',
    '--transaction-isolation=READ-COMMITTED',
    ...(program.flavour === 'mysql' ? ['--mysqlx=OFF', '--secure-file-priv=NULL', '--disable-log-bin'] : []),
    ...(options.serverOptions ?? []),
  ];
  // A session of its own: Ctrl-C at the terminal reaches the launcher, which ends the store first.
  const child = spawnBound(program.path, args, log);
  closeSync(log);
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
    child.once('error', () => done());
  });
  if (child.pid === undefined) throw new DatabaseUnavailable(`${program.path} could not be started.`);
  writeFileSync(pidFile, String(child.pid));
  if (!(await answers(child, port))) {
    child.kill('SIGKILL');
    await ended;
    throw new DatabaseUnavailable(`The private database did not start; ${logFile} says: ${lastError(logFile)}`);
  }
  unlinkSync(initFile);
  const user = options.user ?? 'postern';
  return {
    url: `mysql://${user}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${options.database ?? 'postern'}`,
    port,
    socketPath,
    pid: child.pid,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(pidFile, { force: true });
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function commonArguments(directory: string, dataDirectory: string): string[] {
  return [
    '--no-defaults',
    `--datadir=${dataDirectory}`,
    `--tmpdir=${directory}`,
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
}

/**
 * Makes the data directory. Debian's mariadb-server-core lacks a program that its mariadb-install-db calls, so the system
 * tables are fed to `mariadbd --bootstrap` directly; MySQL has `--initialize-insecure`.
 */
function initialise(program: DatabaseProgram, directory: string, dataDirectory: string, logFile: string): void {
  const common = commonArguments(directory, dataDirectory);
  let args: string[];
  let input = '';
  if (program.flavour === 'mysql') {
    args = [...common, '--initialize-insecure', '--innodb-flush-log-at-trx-commit=0', '--disable-log-bin'];
  } else {
    mkdirSync(dataDirectory, { mode: 0o700 });
    const share = [
      '/usr/share/mysql',
      '/usr/share/mariadb',
      '/usr/local/share/mysql',
      '/opt/homebrew/share/mysql',
    ].find((folder) => existsSync(join(folder, SYSTEM_TABLES[0] ?? '')));
    if (share === undefined) {
      throw new DatabaseUnavailable(
        'MariaDB’s system tables (mysql_system_tables.sql) were not found on this machine.',
      );
    }
    input = `CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n${SYSTEM_TABLES.map((name) =>
      readFileSync(join(share, name), 'utf8'),
    ).join('\n')}\nDELETE FROM global_priv WHERE User='' OR (User='root' AND Host<>'localhost');\n`;
    args = [...common, '--bootstrap', '--skip-grant-tables', '--innodb-flush-log-at-trx-commit=0', '--silent-startup'];
  }
  const { status, signal, stderr, error } = spawnSync(program.path, args, { input, encoding: 'utf8' });
  writeFileSync(logFile, stderr ?? '', { flag: 'a', mode: 0o600 });
  if (status !== 0) {
    const why = error?.message ?? (lastError(logFile) || `it ended with ${status ?? signal}`);
    throw new DatabaseUnavailable(`${program.path} could not make its data directory ${dataDirectory}: ${why}`);
  }
}

/** The account of the store is made (or given its present password) at each start, so that it needs no administrator. */
function accountStatements(options: PrivateDatabaseOptions): string {
  const user = options.user ?? 'postern';
  const database = options.database ?? 'postern';
  if (!/^\w+$/.test(user) || !/^\w+$/.test(database) || /['\\]/.test(options.password)) {
    throw new TypeError('user, database and password of the private database must be plain words');
  }
  const scope = options.grantEverything === true ? '*.*' : `\`${database}\`.*`;
  // The installation's root has no password: nobody needs it.
  const lines = [`ALTER USER IF EXISTS 'root'@'localhost' ACCOUNT LOCK;`];
  lines.push(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4;`);
  for (const host of ['127.0.0.1', 'localhost']) {
    lines.push(
      `CREATE USER IF NOT EXISTS '${user}'@'${host}' IDENTIFIED BY '${options.password}';`,
      `ALTER USER '${user}'@'${host}' IDENTIFIED BY '${options.password}';`,
      `GRANT ALL ON ${scope} TO '${user}'@'${host}'${options.grantEverything ? ' WITH GRANT OPTION' : ''};`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Where util-linux is there, the kernel ends the server with its launcher, even one that was killed by SIGKILL. */
function spawnBound(path: string, args: readonly string[], log: number): ChildProcess {
  const setpriv = '/usr/bin/setpriv';
  const command = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'TERM', path, ...args] : [path, ...args];
  return spawn(command[0] ?? path, command.slice(1), { detached: true, stdio: ['ignore', log, log] });
}

/** Ends a server that still runs on our data: a launcher that died could not. Only a process with our folder in its command line. */
async function endLeftover(pidFile: string, directory: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const ours = (): boolean => {
    const commandLine = `/proc/${pid}/cmdline`;
    return pid > 1 && existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(directory);
  };
  const deadline = Date.now() + 30_000;
  while (ours()) {
    process.kill(pid, Date.now() < deadline ? 'SIGTERM' : 'SIGKILL');
    await pause(200);
  }
  rmSync(pidFile, { force: true });
}

/** Waits for the server's greeting (protocol version 10): it comes after recovery and after the account statements. */
async function answers(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (await greets(port)) return true;
    await pause(50);
  }
  return false;
}

function greets(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(1000);
    const finish = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.once('data', (chunk) => finish(chunk[4] === 10));
    socket.once('error', () => finish(false));
    socket.once('timeout', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

function shortSocketPath(directory: string): string {
  const path = join(directory, 's');
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : join(mkdtempSync(join(tmpdir(), 'postern-db-')), 's');
}

function lastError(logFile: string): string {
  if (!existsSync(logFile)) return '';
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  return (lines.findLast((line) => /\[ERROR\]/.test(line)) ?? lines.at(-1) ?? '').slice(0, 300);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
