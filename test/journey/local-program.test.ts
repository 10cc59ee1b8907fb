import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type LmtpDialogue, openLmtp } from '../support/lmtp-dialogue.ts';
import { type LocalDeliveryHelper, startLocalDeliveryHelper } from '../support/local-delivery-helper.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

/** Delivery by a program of a person with a shell account, run as that person: procmail and maildrop of Debian, and programs that go wrong. */
const NOBODY = 65_534;
const PEOPLE = 'ou=people,dc=myhosting,dc=example';
const ADDRESS = 'shelly@domain1.example';
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('local-program: only root may run programs as somebody else; its tests are left out');

let pki: TestPki;
let slapd: Slapd;
let database: TestDatabase;
let store: StoreProcess;
let mailstore: Mailstore;
let folder: string;
let home: string;
let relay: LmtpDialogue;

beforeAll(async () => {
  if (!isRoot) return;
  folder = mkdtempSync(join(tmpdir(), 'postern-local-'));
  chmodSync(folder, 0o755);
  home = join(folder, 'home');
  [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  await slapd.modify(
    [
      ...[`dn: ${PEOPLE}`, 'changetype: add', 'objectClass: organizationalUnit', 'ou: people', ''],
      ...[`dn: uid=shelly,${PEOPLE}`, 'changetype: add', 'objectClass: account', 'objectClass: posixAccount'],
      ...['uid: shelly', 'cn: Shelly', `uidNumber: ${NOBODY}`, `gidNumber: ${NOBODY}`, `homeDirectory: ${home}`, ''],
    ].join('\n'),
  );
  store = await startStore({
    pki,
    slapd,
    databaseUrl: database.url,
    config: {
      delivery: { localProgram: { socket: join(folder, 'helper.sock') } },
      directory: { shellUsersBaseDn: PEOPLE },
      hub: {
        intranet: { listen: { address: '127.0.0.1', port: 0 }, networks: ['127.0.0.0/8'] },
        queue: { pollMs: 50, retryMs: 100, maxRetryMs: 200 },
      },
      metrics: { listen: { address: '127.0.0.1', port: 0 } },
    },
  });
  mailstore = await openMailstore({ url: database.url, connections: 2, log: silentLog(), migrate: false });
  relay = await openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: pki.relay });
  await relay.say('LHLO relay.example');
});
afterAll(async () => {
  relay?.close();
  await mailstore?.close();
  await store?.stop();
  await Promise.all([slapd?.stop(), database?.stop()]);
  pki?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  if (!isRoot) return;
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, NOBODY, NOBODY);
});

/** A file of the person, in their home. */
function place(name: string, text: string, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, text, { mode });
  chownSync(path, NOBODY, NOBODY);
  return path;
}

const script = (body: string): object => ({ program: [place('program', `#!/bin/sh\n${body}\n`, 0o700)] });

/** The reply to one message, while the helper runs with these settings. */
async function deliver(subject: string, settings?: object, id = newDeliveryId()): Promise<string> {
  let helper: LocalDeliveryHelper | undefined;
  if (settings !== undefined) helper = await startLocalDeliveryHelper(folder, settings);
  try {
    await relay.say(`MAIL FROM:<o'b$x&y@sender.example> XDELIVERYID=${id}`);
    await relay.say(`RCPT TO:<${ADDRESS}>`);
    const text = [`Subject: ${subject}`, 'From: a@sender.example', '', '.dot', 'end'].join('\r\n');
    const [reply = ''] = await relay.data(text, 1);
    return reply;
  } finally {
    await helper?.stop();
  }
}

async function inbox(): Promise<number> {
  const account = await mailstore.accounts.find(ADDRESS);
  const found = account && (await mailstore.mailboxes.find(account.id, 'INBOX'));
  return found?.counters.messages ?? 0;
}

test.skipIf(!isRoot)('procmail sorts by the recipe of the person, as the person; the store keeps no copy', async () => {
  mkdirSync(join(home, 'Mail'));
  chownSync(join(home, 'Mail'), NOBODY, NOBODY);
  place('.procmailrc', 'MAILDIR=$MAILBOXES\nDEFAULT=$MAILDIR/inbox\n:0:\n* ^Subject: list\nlists\n');
  const kept = await inbox();
  const settings = { program: ['/usr/bin/procmail', '-t', `MAILBOXES=${home}/Mail`, join(home, '.procmailrc')] };
  expect(await deliver('list one', settings)).toMatch(/^250 2\.0\.0 /);
  expect(await deliver('other', settings)).toMatch(/^250 /);
  const lists = readFileSync(join(home, 'Mail/lists'), 'latin1');
  expect(lists).toMatch(/^Return-Path: <o'b\$x&y@sender\.example>$/m);
  expect(lists).toContain('Subject: list one\n');
  expect(lists).toContain('\n\n.dot\nend\n');
  expect(lists).not.toContain('\r');
  expect(readFileSync(join(home, 'Mail/inbox'), 'latin1')).toContain('Subject: other\n');
  expect(await inbox()).toBe(kept);
});

test.skipIf(!isRoot)('maildrop delivers into a Maildir by the filter of the person', async () => {
  mkdirSync(join(home, 'Maildir'));
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home, 'Maildir', part));
  for (const path of ['Maildir', 'Maildir/cur', 'Maildir/new', 'Maildir/tmp'])
    chownSync(join(home, path), NOBODY, NOBODY);
  const filter = place(
    '.mailfilter',
    `if (/^Subject: no thanks/)\n{\n  EXITCODE=77\n  exit\n}\nto "${home}/Maildir/"\n`,
  );
  const settings = { program: ['/usr/bin/maildrop', filter] };
  expect(await deliver('for the Maildir', settings)).toMatch(/^250 /);
  const [file = ''] = readdirSync(join(home, 'Maildir/new'));
  expect(readFileSync(join(home, 'Maildir/new', file), 'latin1')).toContain('Subject: for the Maildir\n');
  expect(await deliver('no thanks', settings)).toMatch(/^550 5\.7\.1 /);
});

test.skipIf(!isRoot)(
  'it runs as the person alone, in their home, with no privilege and little environment',
  async () => {
    const body =
      'id -u > who; id -g >> who; id -G >> who; pwd >> who; env | sort > env; grep -E "Cap|NoNewPrivs" /proc/self/status >> who; ulimit -v >> who';
    expect(await deliver('who', { ...script(body), memoryLimitBytes: 1_073_741_824 })).toMatch(/^250 /);
    const who = readFileSync(join(home, 'who'), 'utf8').split('\n');
    expect(who.slice(0, 4)).toEqual([String(NOBODY), String(NOBODY), String(NOBODY), home]);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(who).toContain(`${set}:\t0000000000000000`);
    expect(who).toContain('NoNewPrivs:\t1');
    expect(who).toContain('1048576');
    const env = readFileSync(join(home, 'env'), 'utf8');
    expect(env).toContain('SENDER=o_b_x_y@sender.example\n');
    expect(env).toContain(`RECIPIENT=${ADDRESS}\n`);
    const names = env
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0] ?? '');
    const given = ['HOME', 'LANG', 'LOGNAME', 'PATH', 'RECIPIENT', 'SENDER', 'SHELL', 'USER'];
    expect(names.filter((name) => !['OLDPWD', 'PWD', '_', 'SHLVL'].includes(name))).toEqual(given);
  },
);

test.skipIf(!isRoot).each([
  ['75: the gateway keeps it and comes again', 'exit 75', /^451 4\.3\.0 /, 0],
  ['67: refused for good', 'exit 67', /^550 5\.1\.1 /, 0],
  ['65: refused for good', 'exit 65', /^554 5\.6\.0 /, 0],
  ['1: kept in INBOX', 'exit 1', /^250 /, 1],
  ['127, no such program: kept in INBOX', 'exec /nowhere', /^250 /, 1],
  ['a signal: kept in INBOX', 'kill -SEGV $$', /^250 /, 1],
] as const)('%s', async (_, body, reply, more) => {
  const before = await inbox();
  expect(await deliver('exit', script(body))).toMatch(reply);
  expect(await inbox()).toBe(before + more);
});

test.skipIf(!isRoot)('time, memory and uid have limits; what was not delivered is in INBOX', async () => {
  const before = await inbox();
  // The child would outlive its parent if it were not ended with it.
  expect(await deliver('time', { ...script('sleep 600 & echo $! > child; wait'), timeLimitMs: 500 })).toMatch(/^250 /);
  const child = Number(readFileSync(join(home, 'child'), 'utf8'));
  await expect.poll(() => isAlive(child)).toBe(false);
  const greedy = { ...script('exec perl -e "\\$x = q(x) x 400_000_000"'), memoryLimitBytes: 100_000_000 };
  expect(await deliver('memory', greedy)).toMatch(/^250 /);
  expect(await deliver('uid', { ...script('touch ran'), minUid: 70_000 })).toMatch(/^250 /);
  expect(readdirSync(home)).not.toContain('ran');
  expect(await inbox()).toBe(before + 3);
});

test.skipIf(!isRoot)('a helper that is away: later. A repeated delivery runs nothing again', async () => {
  const id = newDeliveryId();
  expect(await deliver('once', undefined, id)).toMatch(/^451 4\.3\.0 /);
  const counting = script('echo x >> count');
  expect(await deliver('once', counting, id)).toMatch(/^250 /);
  expect(await deliver('once', counting, id)).toMatch(/^250 /);
  expect(readFileSync(join(home, 'count'), 'utf8')).toBe('x\n');
});

/** Runs so far, by verdict, as Prometheus reads them. */
async function counted(verdict: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${store.ready.metrics}/metrics`)).text();
  return Number(
    new RegExp(`^postern_local_programs_total\\{verdict="${verdict}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  );
}

test.skipIf(!isRoot)(
  'mail that the hub delivers goes the same way: later, then to the program; each run is counted',
  async () => {
    const before = await inbox();
    const runs = { later: await counted('later'), taken: await counted('taken') };
    const colleague = createTransport({ host: '127.0.0.1', port: store.ready.hub as number, ignoreTLS: true });
    const raw = 'From: user1@domain1.example\r\nSubject: from a colleague\r\n\r\n.dot\r\n';
    await colleague.sendMail({ envelope: { from: 'user1@domain1.example', to: [ADDRESS] }, raw });
    colleague.close();
    // The helper is away.
    await expect.poll(() => counted('later'), { timeout: 60_000 }).toBeGreaterThan(runs.later);
    const helper = await startLocalDeliveryHelper(folder, script('cat > message; echo "$SENDER" > sender'));
    try {
      await expect.poll(() => counted('taken'), { timeout: 60_000 }).toBe(runs.taken + 1);
    } finally {
      await helper.stop();
    }
    expect(readFileSync(join(home, 'sender'), 'utf8')).toBe('user1@domain1.example\n');
    const message = readFileSync(join(home, 'message'), 'latin1');
    expect(message).toMatch(/^Return-Path: <user1@domain1\.example>\n/);
    expect(message).toMatch(/Subject: from a colleague\n(?:.+\n)*\n\.dot\n$/);
    expect(await inbox()).toBe(before);
    for (const verdict of ['refused', 'kept']) expect(await counted(verdict)).toBeGreaterThan(0);
  },
);

/** A process that has ended and was not asked for yet (a zombie) counts as dead. */
function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) Z /.test(readFileSync(path, 'utf8'));
}
