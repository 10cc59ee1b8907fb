import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ProgramOptions, type ProgramResult, runProgram } from './program.ts';
import type { Slapd } from './slapd.ts';

/** The administrator's tool of the store, on a database of a test. */
export interface StoreTool {
  run(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** Runs it, kills it (SIGKILL) as soon as `until` says so, and waits for its end; rejects when it ends before. */
  killWhen(args: readonly string[], until: () => Promise<boolean>): Promise<void>;
  remove(): void;
}

const PROGRAM = new URL('../../store/cli/postern-store.ts', import.meta.url).pathname;

/** @param slapd the directory, for commands that ask it */
export function openStoreTool(databaseUrl: string, slapd?: Slapd): StoreTool {
  const folder = mkdtempSync(join(tmpdir(), 'postern-tool-'));
  const config = join(folder, 'store.yaml');
  const directory = {
    urls: [slapd?.url ?? 'ldap://127.0.0.1'],
    ca: slapd?.ca ?? '/ca.pem',
    baseDn: slapd?.baseDn ?? 'o=hosting',
    bindDn: slapd === undefined ? 'cn=x' : `cn=store,${slapd.suffix}`,
    bindPassword: 'store',
    defaultDomain: 'domain1.example',
  };
  const settings = {
    hostname: 'store.example',
    tls: { cert: '/c.pem', key: '/k.pem' },
    ca: '/ca.pem',
    lmtp: { listen: { address: '127.0.0.1' } },
    imap: {},
    database: { url: databaseUrl },
    directory,
  };
  writeFileSync(config, stringify(settings));
  const words = (args: readonly string[]): string[] => [PROGRAM, ...args, '--config', config];
  return {
    run: (args, options) => runProgram(process.execPath, words(args), { deadlineMs: 120_000, ...options }),
    async killWhen(args, until) {
      const child = spawn(process.execPath, words(args), { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
      const ended = new Promise<void>((done) => child.once('close', () => done()));
      while (running(child) && !(await until())) await new Promise((next) => setTimeout(next, 5));
      child.kill('SIGKILL');
      await ended;
      if (child.signalCode !== 'SIGKILL') throw new Error(`it ended before it could be killed: ${output}`);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function running(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
