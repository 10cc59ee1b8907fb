import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOVECOT_PASSWORD, type Dovecot, startDovecot } from '../bench/sides/dovecot.ts';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';
import { mustRun } from '../support/program.ts';
import { openStoreTool, type StoreTool } from '../support/store-tool.ts';
import { mailSeen } from './mail-seen-by-imap.ts';
import { type OldServer, signInThere } from './old-server.ts';

/** Enough that a kill finds the work half done. */
const MANY = 200;

let dovecot: Dovecot;
let store: ImapStore;
let tool: StoreTool;
let folder: string;
let old: OldServer;
let passwordFile: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-migration-'));
  await mustRun('chmod', ['755', folder]);
  [dovecot, store] = await Promise.all([startDovecot(folder, 'maildir'), startImapStore()]);
  tool = openStoreTool(store.databaseUrl, store.slapd);
  passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${DOVECOT_PASSWORD}\n`);
  old = await signInThere(dovecot.imapPort, 'ann', DOVECOT_PASSWORD);
  for (const name of ['Work', 'Work.2026', 'Sent', '"Gr&APwA3w-e"']) await old.ok(`CREATE ${name}`);
  for (const name of ['INBOX', 'Work.2026', '"Gr&APwA3w-e"']) await old.ok(`SUBSCRIBE ${name}`);
  for (let n = 1; n <= MANY; n++) {
    const flags = ['\\Seen', '\\Flagged $Label1', '', '\\Answered \\Seen', 'own-word'][n % 5] ?? '';
    await old.append('INBOX', n, flags);
  }
  await old.append('Work.2026', 1001, '\\Draft $Forwarded');
  await old.append('"Gr&APwA3w-e"', 1002, '');
  await old.append('Sent', 1003, '\\Seen');
}, 120_000);

afterAll(async () => {
  old?.close();
  tool?.remove();
  await dovecot?.stop();
  await store?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const there = { user: 'ann', password: DOVECOT_PASSWORD };
const here = (n: number): { user: string; password: string } => ({
  user: `user${n}@domain1.example`,
  password: `user${n}`,
});

function byImap(n: number, ...more: string[]): string[] {
  const server = ['import', 'imap', `127.0.0.1:${dovecot.imapPort}`, '--tls', 'none', '--user', 'ann'];
  return [...server, '--password-file', passwordFile, '--account', here(n).user, '--json', ...more];
}

async function expectSame(n: number): Promise<void> {
  const [was, is] = [
    await mailSeen({ port: dovecot.imapPort, ...there }),
    await mailSeen({ port: store.port, ...here(n) }),
  ];
  expect([...is.keys()].sort()).toEqual([...was.keys()].sort());
  for (const [name, messages] of was) expect(is.get(name), name).toEqual(messages);
}

async function imported(args: string[]): Promise<Record<string, unknown> & { mailboxes: Record<string, unknown>[] }> {
  const result = await tool.run(args);
  expect(result.status, result.output).toBe(0);
  return JSON.parse(result.stdout.toString());
}

describe('from a Dovecot', () => {
  it('by IMAP: killed in the middle and run again, then short passes that follow what happens there', {
    timeout: 120_000,
  }, async () => {
    await tool.killWhen(byImap(1), async () => ((await store.mailstore.accounts.usage(1)).messages ?? 0) >= 50);
    const first = await imported(byImap(1));
    expect(first.imported).toBeLessThan(MANY);
    await expectSame(1);
    const account = await store.mailstore.accounts.find(here(1).user);
    expect(await store.mailstore.mailboxes.subscriptions(account?.id ?? 0)).toEqual(
      expect.arrayContaining(['INBOX', 'Work/2026', 'Grüße']),
    );

    // People work on at the old server meanwhile.
    await old.append('INBOX', 2001, '\\Seen');
    await old.ok('SELECT INBOX');
    await old.ok('UID STORE 1:3 +FLAGS.SILENT (\\Answered later)');
    await old.ok('UID STORE 10:12 +FLAGS.SILENT (\\Deleted)');
    await old.ok('EXPUNGE');
    const second = await imported(byImap(1, '--follow-deletes'));
    expect(second).toMatchObject({ imported: 1, failures: [] });
    expect(second.mailboxes.find(({ mailbox }) => mailbox === 'INBOX')).toMatchObject({ flagsChanged: 3, removed: 3 });
    expect(second.mailboxes.find(({ mailbox }) => mailbox === 'Sent')).toMatchObject({ unchanged: true });
    await expectSame(1);
  });

  it('from its maildir, twice: all of it, once', { timeout: 60_000 }, async () => {
    const maildir = join(folder, 'mail', 'ann', 'mail');
    // As Pigeonhole keeps them: a folder, and a link to the active one beside it.
    const scripts = join(folder, 'home', 'sieve');
    mkdirSync(scripts, { recursive: true });
    writeFileSync(join(scripts, 'main.sieve'), 'require "fileinto"; fileinto "Work";\n');
    writeFileSync(join(scripts, 'holiday.sieve'), 'keep;\n');
    symlinkSync('sieve/main.sieve', join(folder, 'home', '.dovecot.sieve'));
    const args = ['import', 'maildir', maildir, '--account', here(2).user, '--sieve', scripts, '--json'];
    expect(await imported(args)).toMatchObject({ scripts: 2 });
    expect(await imported(args)).toMatchObject({ imported: 0, failures: [] });
    await expectSame(2);
    const account = await store.mailstore.accounts.find(here(2).user);
    expect((await store.mailstore.scripts.active(account?.id ?? 0))?.name).toBe('main');
  });

  it('and back: a Dovecot shows the exported maildir, with the same UIDs', { timeout: 60_000 }, async () => {
    const maildir = join(folder, 'mail', 'back', 'mail');
    mkdirSync(maildir, { recursive: true });
    const mail = await store.signIn(here(2).user, 'INBOX');
    await mail.command('CREATE "Mr. Smith"');
    await mail.command('UID COPY 1 "Mr. Smith"');
    const args = ['export', 'maildir', maildir, '--account', here(2).user, '--json'];
    const first = await imported(args);
    // A later export follows what flags have become and what is gone, and writes nothing twice.
    await mail.command('UID STORE 2 +FLAGS (\\Flagged)');
    await mail.command('UID STORE 5 +FLAGS (\\Deleted)');
    await mail.command('EXPUNGE');
    expect(await imported(args)).toMatchObject({ messages: 0, before: Number(first.messages) - 1 });
    await mustRun('chown', ['-R', 'nobody:nogroup', join(folder, 'mail', 'back')]);
    const is = await mailSeen({ port: dovecot.imapPort, user: 'back', password: DOVECOT_PASSWORD }, { uids: true });
    const was = await mailSeen({ port: store.port, ...here(2) }, { uids: true });
    for (const [name, messages] of was) expect(is.get(name.replace('.', '\\2e')), name).toEqual(messages);
  });

  it('by mbox: exported and imported again, octet for octet', { timeout: 60_000 }, async () => {
    const path = join(folder, 'mboxes');
    await imported(['export', 'mbox', path, '--account', here(2).user, '--json']);
    const args = ['import', 'mbox', path, '--account', here(3).user, '--json'];
    await imported(args);
    expect(await imported(args)).toMatchObject({ imported: 0 });
    const was = await mailSeen({ port: store.port, ...here(2) });
    expect(await mailSeen({ port: store.port, ...here(3) })).toEqual(was);
  });

  it('from a Postern by TLS; a certificate of nobody that is trusted is refused', { timeout: 60_000 }, async () => {
    const secret = join(folder, 'user2');
    writeFileSync(secret, 'user2\n');
    const from = (tls: string, port: number): string[] => [
      ...['import', 'imap', `127.0.0.1:${port}`, '--tls', tls, '--user', here(2).user, '--password-file', secret],
      ...['--account', here(3).user, '--into', tls, '--json'],
    ];
    const untrusted = await tool.run(from('implicit', store.tlsPort));
    expect(untrusted.status).toBe(1);
    expect(untrusted.output).toMatch(/certificate/i);
    const { messages } = await store.mailstore.accounts.usage(
      (await store.mailstore.accounts.find(here(2).user))?.id ?? 0,
    );
    for (const [tls, port] of [
      ['implicit', store.tlsPort],
      ['starttls', store.port],
    ] as const) {
      expect(await imported([...from(tls, port), '--ca', store.pki.ca])).toMatchObject({
        imported: messages,
        failures: [],
      });
    }
  });

  it('what cannot be read is told in a sentence', { timeout: 60_000 }, async () => {
    const result = await tool.run(['import', 'maildir', folder, '--account', here(1).user]);
    expect(result.status).toBe(1);
    expect(result.output).toContain('is no maildir');
    expect(result.output).not.toContain('database');
    const nobody = await tool.run(['import', 'mbox', folder, '--account', 'nobody-at-all@domain2.example']);
    expect(nobody.status).toBe(1);
  });
});
