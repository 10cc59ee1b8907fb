import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../../infra/demo/free-port.ts';
import { buildNodeNetwork, type NodeNetwork } from './node-network.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const SHARE = '/usr/share/mysql';
const SYSTEM_TABLES = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql'];
/** A neighbour on the same machine is missed sooner than one far away. */
const QUICK_TO_SUSPECT =
  'evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.1S;evs.suspect_timeout=PT1.5S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S';
const START_DEADLINE_MS = 90_000;

export interface GaleraNode {
  /** The same database, through this node. */
  readonly url: string;
  readonly pid: number;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts it anew on its data; resolves when it has caught up with the others. */
  rejoin(): Promise<void>;
  /** Resolves when it serves: it belongs to a majority, and has caught up. */
  serves(): Promise<void>;
}

export interface GaleraCluster {
  readonly nodes: readonly GaleraNode[];
  /** The network between the nodes; undefined on loopback. Clients reach a node whose cable is pulled. */
  readonly network: NodeNetwork | undefined;
  stop(): Promise<void>;
}

/** Where a node lives. */
interface Place {
  readonly address: string;
  readonly port: number;
  readonly group: number;
  readonly transfer: number;
  readonly increments: number;
  readonly within: (command: readonly string[]) => [string, string[]];
}

/** Why no cluster can be started here; undefined when one can. */
export function galeraMissing(): string | undefined {
  for (const file of [PROVIDER, '/usr/bin/wsrep_sst_rsync', '/usr/bin/rsync', '/usr/sbin/mariadbd']) {
    if (!existsSync(file)) return `${file} is not installed (Debian's galera-4, mariadb-server)`;
  }
  return undefined;
}

/**
 * Starts a cluster of MariaDB nodes, each a private process with a copy of all data: on loopback, or (`networked`, which asks for
 * {@link nodeNetworkMissing}) on machines of a network that can be cut.
 */
export async function startGalera(size = 3, networked = false): Promise<GaleraCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-galera-'));
  const network = networked ? await buildNodeNetwork(size) : undefined;
  const children: ChildProcess[] = [];
  const doors: Server[] = [];
  const cleanUp = (): void => {
    for (const child of children) child.kill('SIGKILL');
    network?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const nodes: GaleraNode[] = [];
  const places: Place[] = [];
  for (let n = 0; n < size; n++) {
    const home = join(folder, String(n));
    mkdirSync(join(home, 'data'), { recursive: true, mode: 0o700 });
    giveAway(folder);
    if (n === 0) initialise(home);
    const place = network === undefined ? await onLoopback() : onNetwork(network, n);
    const launch = async (others: readonly Place[]): Promise<void> => {
      const options = [...common(home), ...nodeOptions(n, home, place, others)];
      const [program, args] = place.within(['setpriv', ...bound(), '/usr/sbin/mariadbd', ...options]);
      const child = spawn(program, args, { stdio: 'ignore', cwd: home });
      children[n] = child;
      await answers(home, child);
    };
    await launch(places);
    places.push(place);
    let { port } = place;
    if (network !== undefined) {
      const door = await openDoor(join(home, 's'));
      doors.push(door);
      ({ port } = door.address() as AddressInfo);
    }
    nodes.push({
      url: `mysql://postern:postern@127.0.0.1:${port}/postern_test`,
      get pid() {
        return children[n]?.pid ?? 0;
      },
      kill: () => ended(children[n]),
      rejoin: () => launch(places.filter((other) => other !== place)),
      serves: () => answers(home, children[n] as ChildProcess),
    });
  }
  return {
    nodes,
    network,
    async stop() {
      // Nobody needs the data any more.
      await Promise.all(children.map(ended));
      for (const door of doors) door.close();
      network?.stop();
      process.off('exit', cleanUp);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function onLoopback(): Promise<Place> {
  const [port, group, transfer, increments] = [await freePort(), await freePort(), await freePort(), await freePort()];
  return {
    address: '127.0.0.1',
    port,
    group,
    transfer,
    increments,
    within: ([program = '', ...args]) => [program, args],
  };
}

function onNetwork(network: NodeNetwork, n: number): Place {
  const ports = { port: 3306, group: 4567, transfer: 4444, increments: 4568 };
  return { address: network.address(n), ...ports, within: (command) => network.within(n, command) };
}

/** Leads clients to a node of another network, by its socket in the file system: only the nodes' network is ever cut. */
function openDoor(socketPath: string): Promise<Server> {
  const door = createServer((client) => {
    const node = connect(socketPath);
    for (const [from, to] of [
      [client, node],
      [node, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  return new Promise((done) => door.listen(0, '127.0.0.1', () => done(door)));
}

/** Kills it and waits for its end. */
async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGKILL');
  await gone;
}

function nodeOptions(n: number, home: string, place: Place, others: readonly Place[]): string[] {
  const { address, port, group, transfer, increments } = place;
  return [
    `--port=${port}`,
    `--bind-address=${address}`,
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
    `--wsrep-cluster-address=gcomm://${others.map((other) => `${other.address}:${other.group}`).join(',')}`,
    `--wsrep-node-name=node${n}`,
    `--wsrep-node-address=${address}`,
    '--wsrep-sst-method=rsync',
    `--wsrep-sst-receive-address=${address}:${transfer}`,
    `--wsrep-provider-options=base_port=${group};gmcast.listen_addr=tcp://${address}:${group};ist.recv_addr=${address}:${increments};gcache.size=32M;${QUICK_TO_SUSPECT}`,
    '--wsrep-slave-threads=2',
    ...(others.length === 0 ? ['--wsrep-new-cluster'] : []),
  ];
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
    GRANT ALL ON *.* TO postern@'127.0.0.1';
    CREATE USER postern@localhost IDENTIFIED BY 'postern';
    GRANT ALL ON *.* TO postern@localhost;\n`;
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
