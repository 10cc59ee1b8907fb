import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addAccount, readMailbox, signInByImap, smallMessage } from '../support/mailbox.ts';
import { mustRun } from '../support/program.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { addToMaildir, contentLine, type MailboxContents, maildirContents, maildirFiles } from './maildir.ts';

/** Programs that keep a Maildir and an account alike, in both directions. Both ends are compared by hash and flags. */
const HOST = '127.0.0.1';
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-sync-'));
  stack = await startStack({
    // Both programs compare names alone, no addresses: the certificate carries `localhost`.
    store: (settings) => ({
      ...settings,
      imap: { ...settings.imap, listenTls: { address: HOST, port: settings.imap.listenTls?.port } },
    }),
  });
  for (const name of ['mbsync', 'offlineimap']) await addAccount(stack.slapd, name);
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Name in IMAP, and as a path of the Maildir. One is nested, one is not ASCII (RFC 3501 §5.1.3 on the wire). */
const MAILBOXES = ['INBOX', 'Projekte', 'Projekte/2024', 'Büro & Küche'] as const;
type MailboxName = (typeof MAILBOXES)[number];
const EACH = 50;

async function farContents(user: string): Promise<Record<string, MailboxContents>> {
  const sides: Record<string, MailboxContents> = {};
  for (const name of MAILBOXES) {
    const messages = await readMailbox(stack, user, name, HOST);
    sides[name] = messages.map(({ source, flags }) => contentLine(source, flags)).sort();
  }
  return sides;
}

function nearContents(pathOf: (name: MailboxName) => string): Record<string, MailboxContents> {
  return Object.fromEntries(MAILBOXES.map((name) => [name, maildirContents(pathOf(name))]));
}

const total = (sides: Record<string, MailboxContents>): number =>
  Object.values(sides).reduce((sum, { length }) => sum + length, 0);

const mark = (name: MailboxName, n: number): Buffer => smallMessage(`sync-${MAILBOXES.indexOf(name)}-${n}`);

/** Puts messages into the account by APPEND, some of them with flags; makes the mailboxes. */
async function fillFar(user: string, numbers: readonly number[]): Promise<void> {
  const client = await signInByImap(stack, user, undefined, HOST);
  for (const name of MAILBOXES) {
    if (name !== 'INBOX') await client.mailboxCreate(name);
    for (const n of numbers) {
      const flags = n % 3 === 0 ? ['\\Seen'] : n % 7 === 0 ? ['\\Flagged', '\\Answered'] : [];
      await client.append(name, mark(name, n), flags);
    }
  }
  await client.logout();
}

/** Changes flags of the messages of one side's Maildir: those whose place is a multiple of `step`. */
function flagNear(path: string, step: number, letters: string): void {
  for (const [i, file] of maildirFiles(path).sort().entries()) {
    if (i % step !== 0) continue;
    const base = file.replace(/:2,.*$/, '').replace('/new/', '/cur/');
    renameSync(file, `${base}:2,${letters}`);
  }
}

async function changeFar(user: string): Promise<void> {
  const client = await signInByImap(stack, user, undefined, HOST);
  for (const name of MAILBOXES) {
    await client.mailboxOpen(name);
    const uids = ((await client.search({ all: true }, { uid: true })) || []).sort((a, b) => a - b);
    await client.messageFlagsAdd(uids.slice(-3, -2), ['\\Flagged'], { uid: true });
    await client.messageFlagsRemove(uids.slice(-4, -3), ['\\Seen'], { uid: true });
    await client.messageDelete(uids.slice(-2, -1), { uid: true });
    if (name === 'INBOX') await client.messageMove(uids.slice(-1), 'Projekte', { uid: true });
    await client.append(name, mark(name, 900), ['\\Seen']);
  }
  await client.logout();
}

describe('mbsync', () => {
  const USER = 'mbsync@domain1.example';
  // Maildir folders carry the names of the wire: mbsync does not decode them.
  const WIRE: Readonly<Record<MailboxName, string>> = {
    INBOX: 'INBOX',
    Projekte: 'Projekte',
    'Projekte/2024': 'Projekte/2024',
    'Büro & Küche': 'B&APw-ro &- K&APw-che',
  };
  let near: string;
  const pathOf = (name: MailboxName): string => join(near, WIRE[name]);

  function sync(): Promise<string> {
    const { port } = stack.endpoints.imaps;
    const config = join(folder, 'mbsyncrc');
    const lines = [
      'IMAPAccount postern',
      'Host localhost',
      `Port ${port}`,
      `User ${USER}`,
      'Pass mbsync',
      'SSLType IMAPS',
      'SystemCertificates no',
      `CertificateFile ${stack.ca}`,
      '',
      'IMAPStore far',
      'Account postern',
      '',
      'MaildirStore near',
      `Path ${near}/`,
      `Inbox ${near}/INBOX`,
      'SubFolders Verbatim',
      '',
      'Channel both',
      'Far :far:',
      'Near :near:',
      'Patterns *',
      'Create Both',
      'Expunge Both',
      'Sync All',
      'SyncState *',
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    return mustRun('mbsync', ['-c', config, '-V', 'both']);
  }

  test('200 messages in four mailboxes, brought together from both ends, changed at both, end identical', async () => {
    near = join(folder, 'mbsync');
    mkdirSync(near);
    const numbers = Array.from({ length: EACH }, (_, n) => n);
    await fillFar(USER, numbers.slice(0, EACH / 2));
    for (const name of MAILBOXES) {
      for (const n of numbers.slice(EACH / 2))
        addToMaildir(pathOf(name), `n${n}`, mark(name, n), n % 4 === 0 ? 'S' : '');
    }
    await sync();
    const first = await farContents(USER);
    expect(total(first)).toBe(MAILBOXES.length * EACH);
    expect(nearContents(pathOf)).toEqual(first);

    await changeFar(USER);
    for (const name of MAILBOXES) {
      const oldest = maildirFiles(pathOf(name)).sort().slice(0, 10);
      for (const file of oldest.slice(0, 4)) rmSync(file);
      for (const file of oldest.slice(4))
        renameSync(file, file.replace(/:2,.*$|$/, ':2,FRS').replace('/new/', '/cur/'));
      addToMaildir(pathOf(name), 'later', mark(name, 901), 'FS');
    }
    await sync();
    const second = await farContents(USER);
    expect(nearContents(pathOf)).toEqual(second);
    // One deleted at the far end, four at the near one, one added at each; the move leaves the sum alone.
    expect(total(second)).toBe(MAILBOXES.length * (EACH - 3));
    expect(second).not.toEqual(first);

    await sync();
    expect(await farContents(USER)).toEqual(second);
    expect(nearContents(pathOf)).toEqual(second);
  });
});

describe('offlineimap', () => {
  const USER = 'offlineimap@domain1.example';
  let near: string;
  const pathOf = (name: MailboxName): string => join(near, ...NEAR_NAMES[name]);
  const NEAR_NAMES: Readonly<Record<MailboxName, readonly string[]>> = {
    INBOX: ['INBOX'],
    Projekte: ['Projekte'],
    'Projekte/2024': ['Projekte', '2024'],
    'Büro & Küche': ['B&APw-ro &- K&APw-che'],
  };

  function sync(): Promise<string> {
    const { port } = stack.endpoints.imaps;
    const config = join(folder, 'offlineimaprc');
    const lines = [
      '[general]',
      'accounts = postern',
      `metadata = ${join(folder, 'offlineimap-state')}`,
      'ui = basic',
      '',
      '[Account postern]',
      'localrepository = near',
      'remoterepository = far',
      '',
      '[Repository near]',
      'type = Maildir',
      `localfolders = ${near}`,
      'sep = /',
      '',
      '[Repository far]',
      'type = IMAP',
      'remotehost = localhost',
      `remoteport = ${port}`,
      `remoteuser = ${USER}`,
      'remotepass = offlineimap',
      'ssl = yes',
      `sslcacertfile = ${stack.ca}`,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    return mustRun('offlineimap', ['-c', config, '-o'], { env: { HOME: folder }, deadlineMs: 90_000 });
  }

  test('four mailboxes come to the Maildir; flags, deletions and new messages go back; both ends identical', async () => {
    near = join(folder, 'offlineimap');
    await fillFar(
      USER,
      Array.from({ length: 15 }, (_, n) => n),
    );
    await sync();
    const first = await farContents(USER);
    expect(total(first)).toBe(60);
    expect(nearContents(pathOf)).toEqual(first);

    await changeFar(USER);
    for (const name of MAILBOXES) {
      flagNear(pathOf(name), 4, 'FS');
      const [gone] = maildirFiles(pathOf(name)).sort();
      if (gone !== undefined) rmSync(gone);
      addToMaildir(pathOf(name), 'later', mark(name, 901), 'S');
    }
    await sync();
    const second = await farContents(USER);
    expect(nearContents(pathOf)).toEqual(second);
    expect(second).not.toEqual(first);
    // One deleted at each end, one added at each.
    expect(total(second)).toBe(60);
  });
});
