import { readFileSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

let database: TestDatabase;
let slapd: Slapd;
/** Two hosts on one database, each with two workers. */
let hosts: StoreProcess[];
let pki: TestPki;
const open: ImapDialogue[] = [];

beforeAll(async () => {
  const [certificates, directory, server] = await Promise.all([
    makeTestPki(),
    startSlapd(),
    startTestDatabase(WITHOUT_POWER_CUTS),
  ]);
  [pki, slapd, database] = [certificates, directory, server];
  const imap = { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true };
  hosts = await Promise.all(
    [1, 2].map(() => startStore({ pki, slapd, databaseUrl: database.url, config: { workers: 2, imap } })),
  );
}, 120_000);

afterAll(async () => {
  for (const session of open) session.close();
  for (const host of hosts ?? []) await host.stop();
  await Promise.all([slapd?.stop(), database?.stop()]);
});

async function selected(host: StoreProcess): Promise<ImapDialogue> {
  const session = await connectImap(host.ready.imap as number);
  open.push(session);
  await session.command('LOGIN user1@domain1.example user1');
  await session.command('SELECT INBOX');
  return session;
}

async function idle(host: StoreProcess): Promise<ImapDialogue> {
  const session = await selected(host);
  session.send('i IDLE\r\n');
  await session.until(/\+ /);
  return session;
}

async function append(session: ImapDialogue, subject: string): Promise<void> {
  const text = `Subject: ${subject}\r\n\r\nHello.\r\n`;
  const answer = await session.command(`APPEND INBOX {${text.length}+}\r\n${text}`);
  expect(answer).toContain('TAG OK');
}

/** Processes whose parent this is. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

async function questionsPerSecond(): Promise<number> {
  const connection = await createConnection(database.url);
  const asked = async (): Promise<number> => {
    const [rows] = await connection.query(`SHOW GLOBAL STATUS LIKE 'Questions'`);
    return Number((rows as { Value: string }[])[0]?.Value);
  };
  const before = await asked();
  await new Promise((done) => setTimeout(done, 2000));
  const after = await asked();
  await connection.end();
  return (after - before) / 2;
}

/** Accounts that a process has on lease, which it confirms often; those of sessions that wait are given back. */
async function leases(): Promise<number> {
  const connection = await createConnection(database.url);
  const [rows] = await connection.query('SELECT COUNT(*) AS n FROM account WHERE leased_to <> 0');
  await connection.end();
  return Number((rows as { n: number }[])[0]?.n);
}

describe('several workers of several hosts on one database', () => {
  it('wake each other’s idling sessions within a second', { timeout: 30_000 }, async () => {
    const [one, two] = hosts as [StoreProcess, StoreProcess];
    const idling = await Promise.all([one, one, one, two, two, two].map(idle));
    const writer = await selected(one);
    for (const n of [1, 2, 3]) {
      await append(writer, `number ${n}`);
      const committedAt = performance.now();
      await Promise.all(idling.map((session) => session.until(new RegExp(`\\* ${n} EXISTS\r\n`))));
      expect(performance.now() - committedAt).toBeLessThan(1000);
    }
  });

  it('tell each other’s sessions of METADATA entries (RFC 5465 §5.6, §5.7)', { timeout: 30_000 }, async () => {
    const [one, two] = hosts as [StoreProcess, StoreProcess];
    const listening = await Promise.all([one, one, two, two].map(selected));
    for (const session of listening) {
      const answer = await session.command('NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))');
      expect(answer).toContain('TAG OK');
    }
    const writer = await selected(one);
    for (const [change, told] of [
      [
        'INBOX (/shared/comment "x" /private/comment "y")',
        /\* METADATA INBOX \/private\/comment \/shared\/comment\r\n/,
      ],
      ['INBOX (/shared/comment NIL)', /\* METADATA INBOX \/shared\/comment\r\n/],
      ['"" (/private/vendor/postern/sieve/a "keep;")', /\* METADATA "" \/private\/vendor\/postern\/sieve\/a\r\n/],
    ] as const) {
      expect(await writer.command(`SETMETADATA ${change}`)).toContain('TAG OK');
      await Promise.all(listening.map((session) => session.until(told)));
    }
    for (const session of [...listening, writer]) session.close();
  });

  it('ask the database as often for forty idling sessions as for six', { timeout: 60_000 }, async () => {
    await expect.poll(leases, { timeout: 20_000 }).toBe(0);
    const few = await questionsPerSecond();
    for (let n = 0; n < 34; n++) await idle(hosts[n % 2] as StoreProcess);
    await expect.poll(leases, { timeout: 20_000 }).toBe(0);
    const many = await questionsPerSecond();
    // Four processes with one reader each, every 200 ms: 20 a second, and a little housekeeping.
    expect(few).toBeLessThan(40);
    expect(many).toBeLessThan(few + 10);
  });

  it('a worker that is killed is started anew, and its host serves on', { timeout: 30_000 }, async () => {
    const [one] = hosts as [StoreProcess];
    const [victim] = childrenOf(one.pid);
    process.kill(victim as number, 'SIGKILL');
    const line = await one.logged({ event: 'worker-ended' });
    expect(line).toMatchObject({ signal: 'SIGKILL' });
    const session = await selected(one);
    await append(session, 'after the fall');
    await expect.poll(() => childrenOf(one.pid).length, { timeout: 10_000 }).toBe(2);
  });

  it('share the limits of sign-in: sessions of an account, and the pause after wrong passwords', {
    timeout: 120_000,
  }, async () => {
    const [old] = hosts as [StoreProcess];
    await old.stop();
    const imap = { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true, maxSessionsPerAccount: 5 };
    const host = await startStore({ pki, slapd, databaseUrl: database.url, config: { workers: 2, imap } });
    hosts[0] = host;
    const connect = async (): Promise<ImapDialogue> => {
      const session = await connectImap(host.ready.imap as number);
      open.push(session);
      return session;
    };
    const admitted: ImapDialogue[] = [];
    const signInAll = async (count: number): Promise<string[]> => {
      const sessions = await Promise.all(Array.from({ length: count }, connect));
      const answers = await Promise.all(sessions.map((each) => each.command('LOGIN user2@domain1.example user2')));
      admitted.push(...sessions.filter((_, i) => answers[i]?.startsWith('TAG OK')));
      return answers.map((answer) => /^TAG (OK|NO \[LIMIT\])/.exec(answer)?.[1] ?? answer).sort();
    };
    const full = [...Array(7).fill('NO [LIMIT]'), ...Array(5).fill('OK')];
    expect(await signInAll(12)).toEqual(full);

    // The sessions of a worker that dies are free again; those of the other are not.
    const [victim] = childrenOf(host.pid);
    process.kill(victim as number, 'SIGKILL');
    await host.logged({ event: 'worker-ended' });
    await expect.poll(() => host.log().filter(({ event }) => event === 'ready').length, { timeout: 60_000 }).toBe(4);
    const answering = await Promise.all(
      admitted.map((each) =>
        each.command('NOOP').then(
          (answer) => answer.startsWith('TAG OK'),
          () => false,
        ),
      ),
    );
    const alive = answering.filter(Boolean).length;
    const again = await signInAll(6);
    expect(again.filter((answer) => answer === 'OK')).toHaveLength(5 - alive);

    // Four failures, taken in turn by both workers: each of them has seen two, which are free.
    for (let n = 0; n < 4; n++) {
      expect(await (await connect()).command('LOGIN user3@domain1.example wrong')).toMatch(/^TAG NO/);
    }
    const from = performance.now();
    expect(await (await connect()).command('LOGIN user3@domain1.example user3')).toMatch(/^TAG OK/);
    expect(performance.now() - from).toBeGreaterThan(900);
  });

  it('ends in good order, all of it', { timeout: 30_000 }, async () => {
    const host = hosts.pop() as StoreProcess;
    const workers = childrenOf(host.pid);
    expect(await host.stop()).toBe(0);
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
  });
});
