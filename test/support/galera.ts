import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../../infra/demo/free-port.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const SHARE = '/usr/share/mysql';
const SYSTEM_TABLES = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql'];
const START_DEADLINE_MS = 90_000;

export interface GaleraNode {
  /** The same database, through this node. */
  readonly url: string;
  readonly pid: number;
}

export interface GaleraCluster {
  readonly nodes: readonly GaleraNode[];
  stop(): Promise<void>;
}

/** Why no cluster can be started here; undefined when one can. */
export function galeraMissing(): string | undefined {
  for (const file of [PROVIDER, '/usr/bin/wsrep_sst_rsync', '/usr/bin/rsync', '/usr/sbin/mariadbd']) {
    if (!existsSync(file)) return `${file} is not installed (Debian's galera-4, mariadb-server)`;
  }
  return undefined;
}

/** Starts a cluster of MariaDB nodes on loopback, each a private process with a copy of all data. */
export async function startGalera(size = 3): Promise<GaleraCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-galera-'));
  const children: ChildProcess[] = [];
  const cleanUp = (): void => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const nodes: GaleraNode[] = [];
  const groupPorts: number[] = [];
  for (let n = 0; n < size; n++) {
    const home = join(folder, String(n));
    mkdirSync(join(home, 'data'), { recursive: true, mode: 0o700 });
    giveAway(folder);
    if (n === 0) initialise(home);
    const [port, group, transfer, increments] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    groupPorts.push(group as number);
    const child = spawn(
      'setpriv',
      [
        ...bound(),
        '/usr/sbin/mariadbd',
        ...common(home),
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(home, 's')}`,
        `--pid-file=${join(home, 'pid')}`,
        '--innodb-flush-log-at-trx-commit=1',
        '--innodb-buffer-pool-size=64M',
        '--innodb-autoinc-lock-mode=2',
        '--binlog-format=ROW',
        '--character-set-server=utf8mb4',
        '--max-connections=200',
        '--wsrep-on=ON',
        `--wsrep-provider=${PROVIDER}`,
        '--wsrep-cluster-name=postern',
        `--wsrep-cluster-address=gcomm://${groupPorts
          .slice(0, n)
          .map((at) => `127.0.0.1:${at}`)
          .join(',')}`,
        `--wsrep-node-name=node${n}`,
        '--wsrep-node-address=127.0.0.1',
        '--wsrep-sst-method=rsync',
        `--wsrep-sst-receive-address=127.0.0.1:${transfer}`,
        `--wsrep-provider-options=base_port=${group};gmcast.listen_addr=tcp://127.0.0.1:${group};ist.recv_addr=127.0.0.1:${increments};gcache.size=32M`,
        '--wsrep-slave-threads=2',
        ...(n === 0 ? ['--wsrep-new-cluster'] : []),
      ],
      { stdio: 'ignore', cwd: home },
    );
    children.push(child);
    await answers(home, child);
    nodes.push({ url: `mysql://postern:postern@127.0.0.1:${port}/postern_test`, pid: child.pid ?? 0 });
  }
  return {
    nodes,
    async stop() {
      const ended = children.map((child) => new Promise<void>((done) => child.once('exit', () => done())));
      // Nobody needs the data any more.
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      process.off('exit', cleanUp);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function common(home: string): string[] {
  return [
    '--no-defaults',
    `--datadir=${join(home, 'data')}`,
    `--tmpdir=${home}`,
    `--log-error=${join(home, 'log.err')}`,
  ];
}

/** A node ends with the process of the test, however that one dies; as root it runs as Debian's user `mysql`. */
function bound(): string[] {
  const user = process.getuid?.() === 0 ? ['--reuid=mysql', '--regid=mysql', '--clear-groups'] : [];
  return [...user, '--pdeathsig=KILL'];
}

/** As root the nodes run as Debian's user `mysql`: the rsync that copies the data refuses to work as root. */
function giveAway(folder: string): void {
  if (process.getuid?.() === 0) spawnSync('chown', ['-R', 'mysql:mysql', folder]);
}

function initialise(home: string): void {
  const input = `CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n${SYSTEM_TABLES.map((name) =>
    readFileSync(join(SHARE, name), 'utf8'),
  ).join('\n')}
    FLUSH PRIVILEGES;
    CREATE DATABASE postern_test CHARACTER SET utf8mb4;
    CREATE USER postern@'127.0.0.1' IDENTIFIED BY 'postern';
    GRANT ALL ON *.* TO postern@'127.0.0.1';\n`;
  const args = [...common(home), '--bootstrap', '--skip-grant-tables', '--innodb-flush-log-at-trx-commit=0'];
  const { status } = spawnSync('setpriv', [...bound(), '/usr/sbin/mariadbd', ...args], { input });
  if (status !== 0) throw new Error(`mariadbd could not make its data: ${logEnd(home)}`);
}

/** Waits until the node has joined and answers. */
async function answers(home: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      const connection = await createConnection({ socketPath: join(home, 's'), user: 'root' });
      const [rows] = await connection.query(`SHOW STATUS LIKE 'wsrep_ready'`).finally(() => connection.destroy());
      if ((rows as { Value: string }[])[0]?.Value !== 'ON') throw new Error('not ready');
      return;
    } catch (fault) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        throw new Error(`a node of the cluster did not start: ${logEnd(home)}`, { cause: fault });
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

function logEnd(home: string): string {
  const log = join(home, 'log.err');
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-8).join('\n') : '';
}
