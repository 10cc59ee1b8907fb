import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CYRUS_PASSWORD, type Cyrus, startCyrus } from '../support/cyrus.ts';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';
import { mustRun } from '../support/program.ts';
import { openStoreTool, type StoreTool } from '../support/store-tool.ts';
import { mailSeen } from './mail-seen-by-imap.ts';
import { type OldServer, signInThere } from './old-server.ts';

const ANN = { user: 'user1@domain1.example', password: 'user1' };
const SCRIPT = 'require "fileinto";\r\nif header :contains "subject" "bill" { fileinto "Work"; }\r\n';

let cyrus: Cyrus;
let store: ImapStore;
let tool: StoreTool;
let folder: string;
let old: OldServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-cyrus-'));
  await mustRun('chmod', ['755', folder]);
  mkdirSync(join(folder, 'server'));
  [cyrus, store] = await Promise.all([startCyrus(join(folder, 'server')), startImapStore()]);
  tool = openStoreTool(store.databaseUrl, store.slapd);
  writeFileSync(join(folder, 'password'), `${CYRUS_PASSWORD}\n`);
  old = await signInThere(cyrus.imapPort, 'ann', CYRUS_PASSWORD);
  for (const name of ['INBOX.Work', 'INBOX.Work.2026', '"INBOX.Gr&APwA3w-e"']) await old.ok(`CREATE ${name}`);
  await old.ok('CREATE "INBOX.Sent Items" (USE (\\Sent))');
  for (const name of ['INBOX', 'INBOX.Work.2026']) await old.ok(`SUBSCRIBE ${name}`);
  for (let n = 1; n <= 40; n++)
    await old.append('INBOX', n, ['\\Seen', '\\Flagged $Label1', '', 'own-word'][n % 4] ?? '');
  await old.append('INBOX.Work.2026', 1001, '\\Draft $Forwarded');
  await old.append('"INBOX.Gr&APwA3w-e"', 1002, '');
  await old.append('"INBOX.Sent Items"', 1003, '\\Seen');
  await putScript(cyrus.sievePort);
}, 120_000);

afterAll(async () => {
  old?.close();
  tool?.remove();
  await cyrus?.stop();
  await store?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** One script, and it is active: by ManageSieve, command after command (RFC 5804). */
async function putScript(port: number): Promise<void> {
  const plain = Buffer.from(`\0ann\0${CYRUS_PASSWORD}`).toString('base64');
  const commands = [
    `AUTHENTICATE "PLAIN" "${plain}"`,
    `PUTSCRIPT "main" {${SCRIPT.length}+}\r\n${SCRIPT}`,
    'SETACTIVE "main"',
  ];
  const socket = connect(port, '127.0.0.1');
  let answers = 0;
  for await (const chunk of socket) {
    const text = String(chunk);
    if (/^NO/m.test(text)) throw new Error(text);
    if (!/^OK/m.test(text)) continue;
    const next = commands[answers++];
    if (next === undefined) return;
    socket.write(`${next}\r\n`);
  }
}

async function imported(
  ...more: string[]
): Promise<{ mailboxes: Record<string, unknown>[] } & Record<string, unknown>> {
  const server = ['import', 'imap', `127.0.0.1:${cyrus.imapPort}`, '--tls', 'none', '--user', 'ann'];
  const rest = ['--password-file', join(folder, 'password'), '--account', ANN.user, '--json', ...more];
  const result = await tool.run([...server, '--managesieve', String(cyrus.sievePort), ...rest]);
  expect(result.status, result.output).toBe(0);
  return JSON.parse(result.stdout.toString());
}

async function expectSame(): Promise<void> {
  const was = await mailSeen({ port: cyrus.imapPort, user: 'ann', password: CYRUS_PASSWORD });
  const is = await mailSeen({ port: store.port, ...ANN });
  expect([...is.keys()].sort()).toEqual([...was.keys()].sort());
  for (const [name, messages] of was) expect(is.get(name), name).toEqual(messages);
}

describe('from a Cyrus', () => {
  it('brings mail, subscriptions, special use and the active script; a short pass brings the rest', {
    timeout: 60_000,
  }, async () => {
    expect(await imported()).toMatchObject({ imported: 43, scripts: 1, failures: [] });
    await expectSame();
    const account = await store.mailstore.accounts.find(ANN.user);
    const id = account?.id ?? 0;
    expect(await store.mailstore.scripts.active(id)).toEqual({ name: 'main', text: SCRIPT });
    expect(await store.mailstore.mailboxes.subscriptions(id)).toEqual(expect.arrayContaining(['INBOX', 'Work/2026']));
    const list = await store.mailstore.mailboxes.list(id);
    expect(list.find(({ specialUse }) => specialUse === '\\Sent')?.name).toBe('Sent Items');

    // People work on, there and here: what nobody touched there stays as it was made here.
    const here = await store.signIn(ANN.user, 'INBOX');
    await here.command('UID STORE 20 +FLAGS (\\Deleted kept-here)');
    await old.append('INBOX', 2001, '\\Seen');
    await old.ok('SELECT INBOX');
    await old.ok('UID STORE 1:3 +FLAGS.SILENT (\\Answered later)');
    await old.ok('UID STORE 10:12 +FLAGS.SILENT (\\Deleted)');
    await old.ok('EXPUNGE');
    const second = await imported('--follow-deletes');
    expect(second).toMatchObject({ imported: 1, scripts: 0, failures: [] });
    const inbox = second.mailboxes.find(({ mailbox }) => mailbox === 'INBOX');
    expect(inbox).toMatchObject({ flagsChanged: 3, removed: 3 });
    expect(second.mailboxes.find(({ mailbox }) => mailbox === 'Work/2026')).toMatchObject({ unchanged: true });
    expect(await here.command('UID FETCH 20 (FLAGS)')).toContain('kept-here');
    await here.command('UID STORE 20 -FLAGS (\\Deleted kept-here)');
    await expectSame();
  });

  it('a server that refuses or is away is told of in a sentence', { timeout: 60_000 }, async () => {
    writeFileSync(join(folder, 'wrong'), 'wrong\n');
    const args = [
      'import',
      'imap',
      `127.0.0.1:${cyrus.imapPort}`,
      '--tls',
      'none',
      '--user',
      'ann',
      '--account',
      ANN.user,
    ];
    const refused = await tool.run([...args, '--password-file', join(folder, 'wrong')]);
    expect(refused.status).toBe(1);
    expect(refused.output).toContain(`127.0.0.1:${cyrus.imapPort}: `);
    expect(refused.output).not.toContain('database');
    await cyrus.stop();
    const away = await tool.run([...args, '--password-file', join(folder, 'password')]);
    expect(away.status).toBe(1);
    expect(away.output).toContain('run it again to go on');
  });
});
