import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectImap } from '../support/imap-dialogue.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

/**
 * Two kinds of people, one mail system: somebody with a Unix account of this host, whose password saslauthd knows (shadow, PAM), beside accounts whose
 * password the directory knows. A Unix account is made for it and removed again.
 */
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('shell-people: only root may make a Unix account and read shadow; its tests are left out');

const PEOPLE = 'ou=people,dc=myhosting,dc=example';
const LOGIN = `pstrn${process.pid}`;
const PASSWORD = 'Unix password 42';
const DEADLINE_MS = 60_000;

let folder: string;
let pki: TestPki;
let slapd: Slapd;
let database: TestDatabase;
const stores: StoreProcess[] = [];
const daemons: ChildProcess[] = [];

/** Debian's saslauthd with a socket of its own, in the foreground. */
async function startSaslauthd(mechanism: 'shadow' | 'pam'): Promise<{ socket: string; stop(): Promise<void> }> {
  const run = join(folder, mechanism);
  mkdirSync(run, { mode: 0o700 });
  const child = spawn('/usr/sbin/saslauthd', ['-d', '-a', mechanism, '-m', run, '-n', '1'], {
    stdio: 'ignore',
    // When it ends, it ends its whole process group.
    detached: true,
  });
  daemons.push(child);
  const socket = join(run, 'mux');
  await expect.poll(() => existsSync(socket), { timeout: DEADLINE_MS }).toBe(true);
  return {
    socket,
    async stop() {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function storeWith(shellPasswords: object | undefined): Promise<number> {
  const store = await startStore({
    pki,
    slapd,
    databaseUrl: database.url,
    config: {
      imap: { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true },
      directory: { shellUsersBaseDn: PEOPLE },
      ...(shellPasswords === undefined ? {} : { shellPasswords }),
    },
  });
  stores.push(store);
  return Number(store.ready.imap);
}

/** The tagged answer to LOGIN. */
async function login(port: number, user: string, password: string): Promise<string> {
  const client = await connectImap(port);
  const answer = await client.command(`LOGIN ${user} "${password}"`);
  client.close();
  return /^TAG .*$/m.exec(answer)?.[0] ?? answer;
}

beforeAll(async () => {
  if (!isRoot) return;
  folder = mkdtempSync(join(tmpdir(), 'postern-shell-'));
  execFileSync('useradd', ['--no-create-home', '--shell', '/bin/sh', LOGIN]);
  execFileSync('chpasswd', { input: `${LOGIN}:${PASSWORD}\n` });
  [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  // The entry says that the person is there; it has no password.
  await slapd.modify(
    [
      ...[`dn: ${PEOPLE}`, 'changetype: add', 'objectClass: organizationalUnit', 'ou: people', ''],
      ...[`dn: uid=${LOGIN},${PEOPLE}`, 'changetype: add', 'objectClass: account', 'objectClass: posixAccount'],
      ...[`uid: ${LOGIN}`, 'cn: Shelly', 'uidNumber: 4242', 'gidNumber: 4242', `homeDirectory: ${folder}`, ''],
    ].join('\n'),
  );
});
afterAll(async () => {
  if (!isRoot) return;
  for (const store of stores) await store.stop();
  for (const daemon of daemons) daemon.kill('SIGKILL');
  await Promise.all([slapd?.stop(), database?.stop()]);
  pki?.remove();
  execFileSync('userdel', [LOGIN], { stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
});

test.runIf(isRoot)('off unless it is configured: a Unix password opens nothing', async () => {
  const port = await storeWith(undefined);
  expect(await login(port, `${LOGIN}@domain1.example`, PASSWORD)).toContain('NO [AUTHENTICATIONFAILED]');
  expect(await login(port, 'user1@domain1.example', 'user1')).toContain('OK');
});

test.runIf(isRoot).each(['shadow', 'pam'] as const)(
  'saslauthd -a %s: people of the host and of the directory sign in side by side; away is “not now”, never “wrong”',
  async (mechanism) => {
    const daemon = await startSaslauthd(mechanism);
    const port = await storeWith({ saslauthd: daemon.socket });
    expect(await login(port, `${LOGIN}@domain1.example`, PASSWORD)).toContain('OK');
    // A bare name is one of the default domain.
    expect(await login(port, LOGIN, PASSWORD)).toContain('OK');
    expect(await login(port, 'user1@domain1.example', 'user1')).toContain('OK');
    expect(await login(port, `${LOGIN}@domain1.example`, 'wrong')).toContain('NO [AUTHENTICATIONFAILED]');
    // Names and passwords of one kind open nothing of the other.
    expect(await login(port, 'root@domain1.example', PASSWORD)).toContain('NO [AUTHENTICATIONFAILED]');
    expect(await login(port, 'user1@domain1.example', PASSWORD)).toContain('NO [AUTHENTICATIONFAILED]');
    await daemon.stop();
    expect(await login(port, `${LOGIN}@domain1.example`, PASSWORD)).toContain('NO [UNAVAILABLE]');
    expect(await login(port, 'user1@domain1.example', 'user1')).toContain('OK');
  },
);
