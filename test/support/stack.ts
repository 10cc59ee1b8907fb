import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_ACCOUNTS, type DemoAccount } from '@postern/infra/demo/accounts.ts';
import { keepDemoCertificates, NAMES } from '@postern/infra/demo/certificates.ts';
import type { RelaySettings, StoreSettings } from '@postern/infra/demo/configuration.ts';
import { type Layout, layoutOf, type ServiceName } from '@postern/infra/demo/layout.ts';
import { checkPorts, prepareStateFolder } from '@postern/infra/demo/preconditions.ts';
import { writeSecret } from '@postern/infra/demo/secrets.ts';
import { messageOf } from '@postern/infra/demo/sentence.ts';
import {
  directoryPart,
  relayPart,
  type SettingsChanges,
  storePart,
  webmailPart,
} from '@postern/infra/demo/stack-parts.ts';
import type { RunningPart } from '@postern/infra/demo/supervisor.ts';
import { findJourneys, type Journey } from '@postern/shared/trace/journey.ts';
import { readLog } from '@postern/shared/trace/log-lines.ts';
import { startTestDatabase, type TestDatabase } from './mariadb.ts';
import { type Slapd, startSlapd } from './slapd.ts';
import { stopInItsTracks } from './stopped-process.ts';

export type PartName = 'database' | 'directory' | 'store' | 'relay' | 'webmail';

export interface StackOptions extends SettingsChanges {
  /** A real slapd with the sample tree (the default), or the demo's embedded directory. */
  readonly directory?: 'slapd' | 'embedded' | undefined;
  /** Parts that are configured but not started: `restart` brings them up. */
  readonly without?: readonly ('store' | 'relay')[] | undefined;
  /** Starts the webmail host too. */
  readonly withWebmail?: boolean | undefined;
  /** LDIF file of further entries of slapd. */
  readonly directoryEntries?: string | undefined;
  /** Further options of mariadbd. */
  readonly databaseOptions?: readonly string[] | undefined;
  /** The store reaches the database by its Unix socket, as it would where both stand on one host. */
  readonly databaseBySocket?: boolean | undefined;
  /** Folder below which the database keeps its data; the temporary folder when undefined. */
  readonly databaseFolder?: string | undefined;
}

/** A whole stack of real processes with ports, data and logs of its own. */
export interface TestStack {
  /** Temporary folder of settings, certificates, spool and logs; removed by `stop`. */
  readonly folder: string;
  readonly endpoints: Layout['endpoints'];
  /** Path of the CA's PEM file; the certificates carry {@link NAMES} and the addresses that are listened on. */
  readonly ca: string;
  readonly names: typeof NAMES;
  readonly accounts: readonly DemoAccount[];
  readonly database: TestDatabase;
  /** Undefined with the embedded directory. */
  readonly slapd: Slapd | undefined;
  /** Paths by the parts' names; JSON lines. */
  readonly logs: { readonly relay: string; readonly store: string; readonly webmail: string };
  readonly spoolFolder: string;
  /** Process id of a running part; throws when it is down. */
  pid(name: PartName): number;
  /** Sends a signal, SIGKILL by default, and waits for the end, save for SIGSTOP, SIGCONT and SIGHUP. */
  kill(name: PartName, signal?: NodeJS.Signals): Promise<void>;
  /** Ends a part in good order. The others stay. */
  end(name: PartName): Promise<void>;
  /** Starts a part that is down, or ends it (in good order) and starts it again: same ports, same data, changed settings. */
  restart(name: PartName, changes?: SettingsChanges): Promise<void>;
  /** What `postern trace` would print, as values. */
  journeys(query: string): Promise<Journey[]>;
  /** Ends every process and removes the folder. */
  stop(): Promise<void>;
}

/** Parts of ours, which are Node processes. */
type OwnPart = 'directory' | 'store' | 'relay' | 'webmail';

/**
 * Starts database, directory, store and gateway, in this order, on free ports. Call `stop` in `afterAll`; when the test process
 * dies before, everything ends with it.
 *
 * @throws with the last words of the part that did not come up; nothing is left running then
 */
export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-stack-'));
  const layout = await freeLayout(folder);
  const own = new Map<OwnPart, RunningPart>();
  let changes: SettingsChanges = options;
  let database: TestDatabase | undefined;
  let slapd: Slapd | undefined;

  const never = new AbortController().signal;
  const start = async (name: OwnPart): Promise<void> => {
    const merged = slapd === undefined ? changes : withSlapd(changes, slapd);
    const part = {
      directory: directoryPart(layout),
      store: storePart(layout, merged),
      relay: relayPart(layout, merged),
      webmail: webmailPart(layout, merged),
    };
    const running = await part[name].start(never);
    own.set(name, running);
    void running.ended.then(() => {
      if (own.get(name) === running) own.delete(name);
    });
  };
  const stop = async (): Promise<void> => {
    for (const name of ['webmail', 'relay', 'store', 'directory'] as const) {
      const part = own.get(name);
      if (part !== undefined) wake(part.pid);
      await part?.stop();
    }
    if (database !== undefined) wake(database.pid);
    await slapd?.stop();
    await database?.stop();
    process.off('exit', killAll);
    rmSync(folder, { recursive: true, force: true });
  };
  const killAll = (): void => {
    for (const part of own.values()) part.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', killAll);

  try {
    prepareStateFolder(layout);
    await keepDemoCertificates(layout);
    const [startedDatabase, startedSlapd] = await Promise.allSettled([
      startTestDatabase(options.databaseOptions ?? [], options.databaseFolder),
      options.directory === 'embedded'
        ? undefined
        : startSlapd(options.directoryEntries === undefined ? {} : { moreEntries: options.directoryEntries }),
    ]);
    database = startedDatabase.status === 'fulfilled' ? startedDatabase.value : undefined;
    slapd = startedSlapd.status === 'fulfilled' ? startedSlapd.value : undefined;
    if (startedDatabase.status === 'rejected') throw startedDatabase.reason;
    if (startedSlapd.status === 'rejected') throw startedSlapd.reason;
    const { url, socketPath } = startedDatabase.value;
    const bySocket = options.databaseBySocket === true;
    writeSecret(layout, 'database-url', bySocket ? `${url}?socketPath=${encodeURIComponent(socketPath)}` : url);
    if (slapd === undefined) await start('directory');
    for (const name of ['store', 'relay'] as const) if (options.without?.includes(name) !== true) await start(name);
    if (options.withWebmail === true) await start('webmail');
  } catch (error) {
    await stop();
    throw error;
  }
  const mariadb = startedOr(database);
  const logs = {
    relay: layout.at('log', 'relay.log'),
    store: layout.at('log', 'store.log'),
    webmail: layout.at('log', 'webmail.log'),
  };

  const running = (name: OwnPart): RunningPart => {
    const part = own.get(name);
    if (part === undefined) throw new Error(`${name} is down`);
    return part;
  };
  const pid = (name: PartName): number => {
    if (name === 'database') return mariadb.pid;
    if (name === 'directory' && slapd !== undefined) return slapd.pid;
    return running(name).pid;
  };
  const kill = async (name: PartName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (signal === 'SIGSTOP') stopInItsTracks(pid(name));
    else if (signal === 'SIGCONT' || signal === 'SIGHUP') process.kill(pid(name), signal);
    else if (name === 'database') await (signal === 'SIGKILL' ? mariadb.kill() : mariadb.shutdown());
    else if (name === 'directory' && slapd !== undefined) await slapd.kill();
    else {
      const part = running(name);
      process.kill(part.pid, signal);
      await part.ended;
    }
  };
  const end = async (name: PartName): Promise<void> => {
    if (name === 'database' || (name === 'directory' && slapd !== undefined)) await kill(name, 'SIGTERM');
    else await own.get(name)?.stop();
  };

  return {
    folder,
    endpoints: {
      ...layout.endpoints,
      database: { host: '127.0.0.1', port: mariadb.port },
      ldap: slapd === undefined ? layout.endpoints.ldap : { host: '127.0.0.1', port: slapd.port },
    },
    ca: layout.at('pki', 'ca.pem'),
    names: NAMES,
    accounts: DEMO_ACCOUNTS,
    database: mariadb,
    slapd,
    logs,
    spoolFolder: layout.at('spool'),
    pid,
    kill,
    end,
    async restart(name, newChanges) {
      changes = { ...changes, ...newChanges };
      if (name === 'directory' && slapd !== undefined) return slapd.restart();
      if (name === 'database') {
        await mariadb.shutdown();
        return mariadb.start();
      }
      await own.get(name)?.stop();
      return start(name);
    },
    journeys: (query) =>
      findJourneys(query, async function* () {
        yield* readLog(logs.relay);
        yield* readLog(logs.store);
      }),
    stop,
  };
}

/** slapd has a CA of its own, and the published passwords of the sample tree (schema/ldap/sample.ldif). */
function withSlapd(changes: SettingsChanges, slapd: Slapd): SettingsChanges {
  const directory = (own: RelaySettings['directory'], service: 'relay' | 'store'): RelaySettings['directory'] => ({
    ...own,
    urls: [slapd.url],
    ca: slapd.ca,
    serverName: 'directory.example',
    bindPassword: service,
  });
  const relay = (settings: RelaySettings): RelaySettings => {
    const own = { ...settings, directory: directory(settings.directory, 'relay') };
    return changes.relay?.(own) ?? own;
  };
  const store = (settings: StoreSettings): StoreSettings => {
    const own = { ...settings, directory: directory(settings.directory, 'store') };
    return changes.store?.(own) ?? own;
  };
  return { ...changes, relay, store };
}

/** Below the range from which the kernel takes the ports of outgoing connections. */
const FIRST_PORT = 15_000;
const PORTS_A_STACK = 20;
const SLOTS = 850;
const LISTENING: readonly ServiceName[] = ['smtp', 'lmtp', 'imap', 'imaps', 'ldap', 'database', 'webmail'];

/** A run of ports that nobody uses now; stacks of processes that run side by side begin at different places. */
async function freeLayout(folder: string): Promise<Layout> {
  let fault: unknown;
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const slot = (process.pid + attempt * 37) % SLOTS;
    const layout = layoutOf(folder, FIRST_PORT + slot * PORTS_A_STACK);
    try {
      await checkPorts(layout, LISTENING);
      return layout;
    } catch (error) {
      fault = error;
    }
  }
  throw new Error(`no free ports for a stack: ${messageOf(fault)}`);
}

/** A process that a test left at SIGSTOP would not hear SIGTERM. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function startedOr<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the database was not started');
  return value;
}
