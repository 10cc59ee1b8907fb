import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { TestPki } from './pki.ts';
import type { Slapd } from './slapd.ts';

/** The store as a process of its own, as it runs in production, on ports chosen by the kernel. */
export interface StoreProcess {
  readonly pid: number;
  /** What it said when it was ready: the ports of its listeners, and whether the database was there. */
  readonly ready: { readonly lmtp: number; readonly database: boolean; readonly [name: string]: unknown };
  readonly configFile: string;
  /** Its log so far, one object a line. */
  log(): Record<string, unknown>[];
  /** The first log line that matches; waits for it up to ten seconds. */
  logged(match: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** SIGTERM; resolves with its exit code and removes its folder. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface StoreProcessOptions {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  readonly databaseUrl: string;
  /** Sections that are merged over the configuration of tests, one level deep. */
  readonly config?: Readonly<Record<string, object | number>>;
  /** Keep the port of an earlier one. */
  readonly lmtpPort?: number;
}

const MAIN = resolve(import.meta.dirname, '../../store/main.ts');
const START_DEADLINE_MS = 60_000;

/** Starts the store and resolves when it is ready; rejects with its output when it is not. */
export async function startStore(options: StoreProcessOptions): Promise<StoreProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
  const configFile = join(folder, 'store.yaml');
  const logFile = join(folder, 'store.log');
  writeFileSync(configFile, stringify(storeConfig(options, logFile)));
  const child = spawn(process.execPath, [MAIN, '--config', configFile], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-8_000);
    });
  }
  const ready = await readyOf(child, () => output).catch((error: unknown) => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const log = (): Record<string, unknown>[] =>
    // The log's file is opened in the background: a process can be ready a moment before.
    (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((done) => child.once('exit', () => done()));
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  };
  return {
    pid: child.pid ?? 0,
    ready,
    configFile,
    log,
    async logged(match) {
      const deadline = Date.now() + 60_000;
      for (;;) {
        const found = log().find((line) => Object.entries(match).every(([key, value]) => line[key] === value));
        if (found !== undefined) return found;
        if (Date.now() > deadline) throw new Error(`not in the log: ${JSON.stringify(match)}`);
        await pause(20);
      }
    },
    async stop() {
      const code = await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
    async kill() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function storeConfig(options: StoreProcessOptions, logFile: string): object {
  const { pki, slapd, databaseUrl, config } = options;
  const sections: Record<string, unknown> = {
    hostname: 'store.example',
    tls: pki.store,
    ca: pki.ca,
    lmtp: { listen: { address: '127.0.0.1', port: options.lmtpPort ?? 0 } },
    imap: {},
    database: { url: databaseUrl, connections: 8 },
    directory: {
      urls: [slapd.url],
      baseDn: slapd.baseDn,
      bindDn: slapd.adminDn,
      bindPassword: slapd.adminPassword,
      ca: slapd.ca,
      defaultDomain: 'domain1.example',
      timeoutMs: 2_000,
    },
    log: { level: 'debug', file: logFile },
  };
  for (const [name, section] of Object.entries(config ?? {})) {
    sections[name] = typeof section === 'number' ? section : { ...(sections[name] as object | undefined), ...section };
  }
  return sections;
}

function readyOf(child: ChildProcess, output: () => string): Promise<StoreProcess['ready']> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the store was not ready in time: ${output()}`)), START_DEADLINE_MS);
    child.on('message', (message: Record<string, unknown>) => {
      if (message.ready !== true) return;
      clearTimeout(timer);
      done(message as unknown as StoreProcess['ready']);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(new Error(`the store ended with ${code ?? signal}: ${output()}`));
    });
  });
}
