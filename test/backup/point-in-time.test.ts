import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { openStoreTool } from '../support/store-tool.ts';
import { readByImap } from './account-seen-by-imap.ts';

const ANN = 'user1@domain1.example';

let folder: string;
let first: TestDatabase;
let second: TestDatabase;
let backends: ImapBackends;
const stores: ImapStore[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-pitr-'));
  first = await startTestDatabase([`--log-bin=${join(folder, 'binlog')}`, '--binlog-format=ROW', '--server-id=1']);
  second = await startTestDatabase();
  backends = await startImapBackends();
}, 120_000);

afterAll(async () => {
  for (const store of stores) await store.stop();
  await backends?.stop();
  await first?.stop();
  await second?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** A program of Debian's mariadb-client on one of the servers; its output. */
function client(server: TestDatabase, name: string, args: readonly string[], input?: string | Buffer): Buffer {
  const { username, password } = new URL(server.url);
  const access = ['--no-defaults', '--protocol=tcp', '-h', '127.0.0.1', '-P', String(server.port), '-u', username];
  const { status, stdout, stderr } = spawnSync(name, [...access, ...args], {
    env: { ...process.env, MYSQL_PWD: password },
    maxBuffer: 268_435_456,
    ...(input === undefined ? {} : { input }),
  });
  if (status !== 0) throw new Error(`${name}: ${stderr.toString()}`);
  return stdout;
}

async function storeOn(server: TestDatabase): Promise<ImapStore> {
  const store = await startImapStore(
    {},
    { ...backends, database: { ...server, createDatabase: async () => server.url } },
  );
  stores.push(store);
  return store;
}

/** The server's clock, which stamps the events of its log. */
async function serverTime(server: TestDatabase): Promise<string> {
  const connection = await createConnection({ uri: server.url, dateStrings: true });
  const [rows] = await connection.query('SELECT SYSDATE() AS now');
  await connection.end();
  return String((rows as { now: string }[])[0]?.now);
}

it('a base backup and the binary log bring the mail of any instant back: UIDs, flags, mod-sequences and all', {
  timeout: 120_000,
}, async () => {
  const store = await storeOn(first);
  const ann = await store.signIn(ANN);
  const append = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n++) {
      const text = `Subject: letter ${n}\r\n\r\nLetter ${n}.\r\n`;
      expect(await ann.command(`APPEND INBOX (\\Seen) {${text.length}+}\r\n${text}`)).toMatch(/^TAG OK/m);
    }
  };
  await append(1, 20);
  const base = join(folder, 'base.sql');
  const dump = ['--single-transaction', '--master-data=2', '--hex-blob', 'postern_test'];
  writeFileSync(base, client(first, 'mariadb-dump', dump));

  await append(21, 40);
  await ann.command('SELECT INBOX');
  await ann.command('UID STORE 5:9 +FLAGS (\\Flagged own-word)');
  await ann.command('UID STORE 1:3 +FLAGS (\\Deleted)');
  await ann.command('EXPUNGE');
  await ann.command('UNSELECT');
  const wanted = await readByImap(await store.signIn(ANN));
  const instant = await serverTime(first);
  // Times in the log are seconds: what comes after is of a later one.
  while ((await serverTime(first)) === instant) await new Promise((next) => setTimeout(next, 50));

  // The disaster: a program that marks everything and takes it away.
  await ann.command('SELECT INBOX');
  await ann.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
  await ann.command('EXPUNGE');

  client(second, 'mariadb', ['postern_test'], readFileSync(base));
  const [, log = '', position = ''] =
    /MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)/.exec(readFileSync(base, 'latin1')) ?? [];
  expect(position).toMatch(/^\d+$/);
  const logs = readdirSync(folder)
    .filter((name) => /^binlog\.\d+$/.test(name) && name >= log)
    .sort();
  // The first second that is no longer wanted.
  const next = new Date(Date.parse(`${instant.replace(' ', 'T')}Z`) + 1000)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
  const range = [`--start-position=${position}`, `--stop-datetime=${next}`];
  const replay = spawnSync('mariadb-binlog', [...range, ...logs.map((name) => join(folder, name))], {
    maxBuffer: 268_435_456,
  });
  expect(replay.status, replay.stderr.toString()).toBe(0);
  client(second, 'mariadb', ['--binary-mode', 'postern_test'], replay.stdout);

  const back = await storeOn(second);
  const seen = await readByImap(await back.signIn(ANN));
  expect(seen.list).toBe(wanted.list);
  for (const [name, mailbox] of wanted.mailboxes) expect(seen.mailboxes.get(name), name).toEqual(mailbox);
  expect(seen.mailboxes.get('INBOX')?.status).toContain('MESSAGES 37');
  const tool = openStoreTool(second.url, backends.slapd);
  try {
    expect((await tool.run(['check', '--bodies'])).output).toBe('ok: 1 accounts\n');
  } finally {
    tool.remove();
  }
});
