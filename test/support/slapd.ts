import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../infra/demo/free-port.ts';
import { makeTestPki } from './pki.ts';
import { stopInItsTracks } from './stopped-process.ts';

/** A real slapd, run as a private process with our schema and the sample tree, TLS by a CA of its own. */
export interface Slapd {
  readonly url: string;
  readonly port: number;
  /** Base below which domains stand: the `baseDn` of the settings. */
  readonly baseDn: string;
  readonly suffix: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  /** Path of the CA's PEM file. */
  readonly ca: string;
  readonly pid: number;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for {@link Slapd.restart}. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the same data. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Applies LDIF change records (`changetype: …`) as the administrator. */
  modify(ldif: string): Promise<void>;
}

export type SlapdTree = 'jamm' | 'courier' | 'dbmail' | 'qmail-ldap';

export interface SlapdOptions {
  /** Which schema and sample tree; `jamm` when unset. */
  readonly tree?: SlapdTree;
  /** LDIF file whose entries are added to the sample's before the start. */
  readonly moreEntries?: string;
}

const SCHEMA = resolve(import.meta.dirname, '../../schema/ldap');
const SUFFIX = 'dc=myhosting,dc=example';
const ADMIN_PASSWORD = 'admin';
const START_DEADLINE_MS = 15_000;

/** Starts slapd on a free port of 127.0.0.1; throws with its output when it does not come up. */
export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const program = ['/usr/sbin/slapd', '/usr/libexec/slapd'].find(existsSync);
  if (program === undefined) throw new Error('slapd is not installed (Debian: apt install slapd ldap-utils)');
  const folder = await mkdtemp(join(tmpdir(), 'postern-slapd-'));
  await prepare(folder, options);
  const port = await freePort();
  const url = `ldap://127.0.0.1:${port}`;
  let child = await launch(program, folder, port);

  const kill = async (): Promise<void> => {
    await end(child, 'SIGKILL');
  };
  return {
    url,
    port,
    baseDn: `o=hosting,${SUFFIX}`,
    suffix: SUFFIX,
    adminDn: `cn=admin,${SUFFIX}`,
    adminPassword: ADMIN_PASSWORD,
    ca: join(folder, 'ca.pem'),
    get pid() {
      return child.pid ?? 0;
    },
    kill,
    async restart() {
      await kill();
      child = await launch(program, folder, port);
    },
    pause() {
      stopInItsTracks(child.pid ?? 0);
    },
    resume() {
      child.kill('SIGCONT');
    },
    async modify(ldif) {
      await run(
        'ldapmodify',
        ['-x', '-ZZ', '-H', url, '-D', `cn=admin,${SUFFIX}`, '-w', ADMIN_PASSWORD],
        { LDAPTLS_CACERT: join(folder, 'ca.pem'), LDAPNETWORK_TIMEOUT: '5' },
        ldif,
      );
    },
    async stop() {
      child.kill('SIGCONT');
      await end(child, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function prepare(folder: string, { tree = 'jamm', moreEntries }: SlapdOptions): Promise<void> {
  await mkdir(join(folder, 'data'));
  await mkdir(join(folder, 'slapd.d'));
  const pki = await makeTestPki(folder);
  const template = await readFile(join(SCHEMA, 'slapd.conf.template'), 'utf8');
  const part = (name: string) => readFile(join(SCHEMA, `${tree}.${name}`), 'utf8');
  const values: Record<string, string> = {
    SCHEMA,
    PRESET: tree,
    RUN: folder,
    DATA: join(folder, 'data'),
    CERT: pki.directory.cert,
    KEY: pki.directory.key,
    CA: pki.ca,
    ROOTPW: ADMIN_PASSWORD,
    INDEXES: await part('indexes'),
    ACCESS: await part('access'),
  };
  const body = template
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  const text = body.replace(/\{\{([A-Z]+)\}\}/g, (_, name: string) => values[name] ?? '');
  const config = join(folder, 'slapd.conf');
  await writeFile(config, text);
  const sample = join(SCHEMA, tree === 'jamm' ? 'sample.ldif' : `sample-${tree}.ldif`);
  await run('/usr/sbin/slapadd', ['-q', '-f', config, '-b', SUFFIX, '-l', sample]);
  if (moreEntries !== undefined) await run('/usr/sbin/slapadd', ['-q', '-f', config, '-b', SUFFIX, '-l', moreEntries]);
  await run('/usr/sbin/slaptest', ['-f', config, '-F', join(folder, 'slapd.d')]);
}

async function launch(program: string, folder: string, port: number): Promise<ChildProcess> {
  const child = spawn(program, ['-F', join(folder, 'slapd.d'), '-h', `ldap://127.0.0.1:${port}/`, '-d', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4_000);
  });
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`slapd did not start: ${output}`);
    }
    await pause(10);
  }
  return child;
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill(signal);
  await gone;
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Promise<void> {
  const { status, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    timeout: 300_000,
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
}
