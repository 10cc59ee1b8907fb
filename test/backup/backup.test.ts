import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';
import { openStoreTool, type StoreTool } from '../support/store-tool.ts';
import { type AccountSeen, messagesWithoutIds, readByImap } from './account-seen-by-imap.ts';

const ANN = 'user1@domain1.example';
const BOB = 'user2@domain1.example';
/** Enough that a kill finds the work half done. */
const MANY = 250;

let backends: ImapBackends;
let original: ImapStore;
const stores: ImapStore[] = [];
const tools: StoreTool[] = [];
let folder: string;
let before: AccountSeen;

beforeAll(async () => {
  backends = await startImapBackends();
  original = await newStore();
  folder = mkdtempSync(join(tmpdir(), 'postern-backup-'));
  await live(original);
  const imap = await original.signIn(ANN);
  before = await readByImap(imap);
}, 120_000);

afterAll(async () => {
  for (const tool of tools) tool.remove();
  for (const store of stores) await store.stop();
  await backends?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function newStore(): Promise<ImapStore> {
  const store = await startImapStore({}, backends);
  stores.push(store);
  return store;
}

function toolOf(store: ImapStore): StoreTool {
  const tool = openStoreTool(store.databaseUrl, backends.slapd);
  tools.push(tool);
  return tool;
}

/** An account with something of everything: flags, keywords beyond 64, copies, expunges, rights, scripts, METADATA. */
async function live(store: ImapStore): Promise<void> {
  const ann = await store.signIn(ANN);
  const bob = await store.signIn(BOB);
  const ok = async (command: string): Promise<string> => {
    const answer = await ann.command(command);
    expect(answer, command).toMatch(/^TAG OK/m);
    return answer;
  };
  for (const name of ['Work', 'Work/2026', '"Gr&APwA3w-e"', 'Gone']) await ok(`CREATE ${name}`);
  await ok('SUBSCRIBE Work/2026');
  await ok('SUBSCRIBE "no such mailbox"');
  const append = async (mailbox: string, text: string, flags = ''): Promise<void> => {
    await ok(`APPEND ${mailbox} (${flags}) "02-Feb-2026 10:11:12 +0100" {${text.length}+}\r\n${text}`);
  };
  for (let n = 1; n <= MANY; n++) {
    const flags = ['\\Seen', '\\Flagged $Label1', '', '\\Answered', `k${n % 70}`][n % 5] ?? '';
    await append('INBOX', `Subject: letter ${n}\r\nMessage-ID: <${n}@a.example>\r\n\r\nLetter ${n}.\r\n`, flags);
  }
  await append('Work', `Subject: large\r\n\r\n${'0123456789abcdef\r\n'.repeat(80_000)}`);
  await append('Gone', 'Subject: gone\r\n\r\nGone.\r\n');
  await ok('DELETE Gone');
  await ok('SELECT INBOX');
  await ok('UID COPY 1:20 Work/2026');
  await ok('UID MOVE 21:25 Work/2026');
  await ok('UID STORE 30:40 +FLAGS.SILENT (\\Deleted)');
  await ok('UID EXPUNGE 30:35');
  await ok('UID STORE 50:60 +FLAGS.SILENT (late)');
  await ok(`SETACL Work ${BOB} lrs`);
  await ok('SETMETADATA "" (/private/comment "mine")');
  await ok('SETMETADATA Work (/private/comment "of work")');
  await bob.command(`SELECT "Other Users/${ANN}/Work"`);
  await bob.command('UID STORE 1 +FLAGS (\\Seen)');
  const account = await store.mailstore.accounts.find(ANN);
  await store.mailstore.scripts.put(account?.id ?? 0, 'main', 'keep;');
  await store.mailstore.scripts.setActive(account?.id ?? 0, 'main');
  const inbox = await store.mailstore.mailboxes.find(account?.id ?? 0, 'INBOX');
  await store.mailstore.imports.note(account?.id ?? 0, 'maildir:/old', 'INBOX/1', inbox?.id ?? 0);
}

function bodiesIn(path: string): number {
  if (!existsSync(path)) return 0;
  return readdirSync(path, { recursive: true }).filter((name) => /[0-9a-f]{64}$/.test(String(name))).length;
}

async function ask(url: string, sql: string): Promise<RowDataPacket[]> {
  const connection = await createConnection(url);
  const [rows] = await connection.query<RowDataPacket[]>(sql);
  await connection.end();
  return rows;
}

async function expectSame(store: ImapStore): Promise<void> {
  const after = await readByImap(await store.signIn(ANN));
  expect(after.list).toBe(before.list);
  expect(after.metadata).toBe(before.metadata);
  for (const [name, seen] of before.mailboxes) expect(after.mailboxes.get(name), name).toEqual(seen);
}

describe('postern-store backup', () => {
  it('killed in the middle, goes on; reads all of it back; a second one writes what is new', {
    timeout: 120_000,
  }, async () => {
    const tool = toolOf(original);
    await tool.killWhen(['backup', folder], async () => bodiesIn(join(folder, 'bodies')) > 50);
    expect(readdirSync(join(folder, 'snapshots'))).toEqual([expect.stringMatching(/\.unfinished$/)]);
    const first = await tool.run(['backup', folder, '--verify', '--json']);
    expect(first.status, first.output).toBe(0);
    const told = JSON.parse(first.stdout.toString());
    expect(told).toMatchObject({ resumed: true, accounts: 2, missingBodies: 0, verified: { faults: [] } });
    expect(told.newBodies).toBeLessThan(MANY - 40);

    const imap = await original.signIn(ANN);
    await imap.command(`APPEND Work {${12}+}\r\nSubject: x\r\n`);
    before = await readByImap(await original.signIn(ANN));
    const second = await tool.run(['backup', folder, '--json']);
    expect(JSON.parse(second.stdout.toString())).toMatchObject({ resumed: false, newBodies: 1 });
  });
});

describe('postern-store restore', () => {
  it('everything into an empty database, killed in the middle and run again: IMAP tells no difference', {
    timeout: 120_000,
  }, async () => {
    const store = await newStore();
    const tool = toolOf(store);
    await tool.killWhen(['restore', folder], async () => {
      const [row] = await ask(store.databaseUrl, 'SELECT COUNT(*) AS n FROM content');
      return (row?.n as number) > 60;
    });
    // Nothing is to be seen of an account that is not whole.
    expect(await ask(store.databaseUrl, `SELECT 1 FROM account WHERE address = '${ANN}'`)).toEqual([]);
    const again = await tool.run(['restore', folder]);
    expect(again.status, again.output).toBe(0);
    await expectSame(store);
    const check = await tool.run(['check', '--bodies']);
    expect(check.output).toBe('ok: 2 accounts\n');

    const bob = await store.signIn(BOB, `"Other Users/${ANN}/Work"`);
    expect(await bob.command('UID FETCH 1 (FLAGS)')).toContain('FLAGS (\\Seen)');
    const account = await store.mailstore.accounts.find(ANN);
    expect(await store.mailstore.scripts.active(account?.id ?? 0)).toEqual({ name: 'main', text: 'keep;' });
    // An import that is run again after a restore brings nothing twice.
    expect(await store.mailstore.imports.known(account?.id ?? 0, 'maildir:/old', ['INBOX/1'])).toHaveProperty(
      'size',
      1,
    );
    // New mail goes on with UIDs and mod-sequences as if nothing had been.
    const ann = await store.signIn(ANN);
    expect(await ann.command(`APPEND INBOX {${12}+}\r\nSubject: y\r\n`)).toContain(` ${MANY + 1}]`);
    const third = await tool.run(['restore', folder]);
    expect(third.output).toContain('2 accounts were there already');
  });

  it('refuses to restore everything beside other accounts', { timeout: 60_000 }, async () => {
    const store = await newStore();
    await store.signIn('user3@domain1.example');
    const result = await toolOf(store).run(['restore', folder]);
    expect(result.status).toBe(1);
    expect(result.output).toContain('1 accounts that are not of this backup');
  });

  it('one mailbox into an account that lives, killed in the middle and run again: UIDs, flags and dates stay', {
    timeout: 120_000,
  }, async () => {
    const tool = toolOf(original);
    const ann = await original.signIn(ANN);
    await ann.command('SELECT INBOX');
    await ann.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
    await ann.command('EXPUNGE');
    const args = ['restore', folder, '--account', ANN, '--mailbox', 'INBOX', '--into', 'Back'];
    await tool.killWhen(args, async () => {
      const [row] = await ask(
        original.databaseUrl,
        `SELECT COUNT(*) AS n FROM message m JOIN mailbox b ON b.id = m.mailbox_id WHERE b.name = 'Back'`,
      );
      return (row?.n as number) > 0;
    });
    expect(await ann.command('LIST "" Back')).toMatch(/^TAG OK/);
    const again = await tool.run(args);
    expect(again.status, again.output).toBe(0);
    const after = (await readByImap(await original.signIn(ANN))).mailboxes.get('Back');
    const was = before.mailboxes.get('INBOX');
    expect(messagesWithoutIds(after?.messages ?? '')).toBe(messagesWithoutIds(was?.messages ?? ''));
    const uidValidity = (status = ''): string | undefined => /UIDVALIDITY (\d+)/.exec(status)?.[1];
    expect(uidValidity(after?.status)).not.toBe(uidValidity(was?.status));
    expect((await tool.run(['check', '--bodies'])).output).toMatch(/^ok:/);
    expect((await tool.run(args)).output).toContain('is there already');
  });

  it('all mailboxes into an account that lives, with scripts, subscriptions and settings that it lost', {
    timeout: 60_000,
  }, async () => {
    const account = await original.mailstore.accounts.find(ANN);
    const id = account?.id ?? 0;
    const ann = await original.signIn(ANN);
    await ann.command('UNSUBSCRIBE Work/2026');
    await ann.command('SETMETADATA "" (/private/comment NIL)');
    await original.mailstore.scripts.put(id, 'main', 'discard;');
    const newest = await ann.command('STATUS INBOX (HIGHESTMODSEQ)');
    const args = ['restore', folder, '--account', ANN, '--into', 'All'];
    const result = await toolOf(original).run([...args, '--json']);
    expect(result.status, result.output).toBe(0);
    const told = JSON.parse(result.stdout.toString());
    const label = String(told.snapshot).slice(0, 10);
    expect(told).toMatchObject({ subscriptions: 1, scripts: [`main (${label})`] });
    // What the account has of its own stays.
    expect((await original.mailstore.scripts.active(id))?.text).toBe('discard;');
    expect(await original.mailstore.scripts.get(id, `main (${label})`)).toBe('keep;');
    expect(await ann.command('GETMETADATA "" /private/comment')).toContain('"mine"');
    expect(await ann.command('GETMETADATA All/Work /private/comment')).toContain('"of work"');
    expect(await ann.command('LSUB "" *')).toContain('Work/2026');
    // UIDs, flags and dates as they were; numbers that only grow are new, in the order of UIDs.
    const after = await readByImap(await original.signIn(ANN));
    for (const name of ['INBOX', 'Work', 'Work/2026']) {
      const [was, is] = [before.mailboxes.get(name), after.mailboxes.get(`All/${name}`)];
      expect(messagesWithoutIds(is?.messages ?? ''), name).toBe(messagesWithoutIds(was?.messages ?? ''));
      const modSeqs = [...(is?.messages ?? '').matchAll(/MODSEQ \((\d+)\)/g)].map((match) => Number(match[1]));
      expect(modSeqs).toEqual([...modSeqs].sort((a, b) => a - b));
      expect(modSeqs[0]).toBeGreaterThan(Number(/HIGHESTMODSEQ (\d+)/.exec(newest)?.[1]));
    }
    expect(JSON.parse((await toolOf(original).run([...args, '--json'])).stdout.toString())).toMatchObject({
      subscriptions: 0,
      scripts: [],
      settings: 0,
    });
    expect((await toolOf(original).run(['check', '--bodies'])).output).toMatch(/^ok:/);
  });

  it('one account that is gone, with new UIDVALIDITYs', { timeout: 60_000 }, async () => {
    const account = await original.mailstore.accounts.find(ANN);
    await original.mailstore.administration.purge(account?.uuid ?? '');
    const result = await toolOf(original).run(['restore', folder, '--account', ANN]);
    expect(result.output).toContain(`restored ${ANN} with new UIDVALIDITYs`);
    const fresh = await newStore();
    await toolOf(fresh).run(['restore', folder, '--account', ANN]);
    const after = await readByImap(await fresh.signIn(ANN));
    const uidValidity = (status = ''): string | undefined => /UIDVALIDITY (\d+)/.exec(status)?.[1];
    for (const [name, was] of before.mailboxes) {
      const now = after.mailboxes.get(name);
      expect(now?.messages, name).toBe(was.messages);
      expect(uidValidity(now?.status), name).not.toBe(uidValidity(was.status));
    }
  });

  it('backup --verify tells of a damaged body', { timeout: 60_000 }, async () => {
    const bodies = join(folder, 'bodies');
    const victim = readdirSync(bodies, { recursive: true })
      .map(String)
      .find((name) => /[0-9a-f]{64}$/.test(name));
    writeFileSync(join(bodies, victim ?? ''), 'other bytes');
    const result = await toolOf(original).run(['backup', folder, '--verify']);
    expect(result.status).toBe(1);
    expect(result.output).toContain('is damaged');
  });
});
