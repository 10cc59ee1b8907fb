import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LmtpDialogue, openLmtp } from '../support/lmtp-dialogue.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

let pki: TestPki;
let slapd: Slapd;
let database: TestDatabase;
let store: StoreProcess;
/** The same door that the store uses, to see what a user would see. */
let mailstore: Mailstore;
const dialogues: LmtpDialogue[] = [];

beforeAll(async () => {
  [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  store = await startStore({ pki, slapd, databaseUrl: database.url });
  mailstore = await openMailstore({ url: database.url, connections: 2, log: silentLog(), migrate: false });
});

afterAll(async () => {
  for (const dialogue of dialogues) dialogue.close();
  await mailstore?.close();
  await store?.stop();
  await Promise.all([slapd?.stop(), database?.stop()]);
  pki?.remove();
});

/** A connection with the relay's certificate, after LHLO. */
async function relay(): Promise<LmtpDialogue> {
  const dialogue = await openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: pki.relay });
  dialogues.push(dialogue);
  expect(dialogue.greeting).toMatch(/^220 store\.example LMTP/);
  expect(await dialogue.say('LHLO relay.example')).toMatch(/^250/);
  return dialogue;
}

/** The account of the sample tree that has a quota. */
const LIMITED = 'small@domain2.example';
const user = (n: 1 | 2 | 3): string => `user${n}@domain1.example`;
const mail = (text: string, id = newDeliveryId()): string =>
  [`Message-ID: <${id}@sender.example>`, 'From: a@sender.example', `Subject: ${text}`, '', text].join('\r\n');

/** The bodies in an account's INBOX, oldest first. */
async function inbox(address: string): Promise<string[]> {
  const uuid = await uuidOf(address);
  const ensured = await mailstore.accounts.ensure({ uuid, address });
  if (ensured.kind !== 'ready') throw new Error(ensured.kind);
  const found = await mailstore.mailboxes.find(ensured.account.id, 'INBOX');
  if (found === undefined) throw new Error('no INBOX');
  const opened = await mailstore.mailboxes.open(found.id, { claimRecent: false });
  if (opened === undefined) throw new Error('INBOX is gone');
  const bodies: string[] = [];
  for await (const page of mailstore.messages.fetch(found.id, opened.columns.uids.slice(0, opened.exists), {
    body: true,
  })) {
    for (const message of page) bodies.push(message.body?.toString('latin1') ?? '');
  }
  opened.close();
  return bodies;
}

async function uuidOf(address: string): Promise<string> {
  const { stdout } = spawnSync(
    'ldapsearch',
    ['-x', '-LLL', '-ZZ', '-H', slapd.url, '-D', slapd.adminDn, '-w', slapd.adminPassword].concat([
      '-b',
      slapd.baseDn,
      `(mail=${address})`,
      'entryUUID',
    ]),
    { encoding: 'utf8', env: { ...process.env, LDAPTLS_CACERT: slapd.ca } },
  );
  const uuid = /entryUUID: (\S+)/.exec(stdout)?.[1];
  if (uuid === undefined) throw new Error(`no entry of ${address}: ${stdout}`);
  return uuid;
}

const holding = async (address: string, text: string): Promise<string[]> =>
  (await inbox(address)).filter((body) => body.endsWith(`\r\n\r\n${text}\r\n`));

describe('who may speak', () => {
  it('offers what a gateway needs', async () => {
    const dialogue = await relay();
    const offer = (await dialogue.say('LHLO relay.example')).split('\r\n').map((line) => line.slice(4));
    expect(offer).toEqual(
      expect.arrayContaining(['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN', 'XDELIVERYID']),
    );
    expect(offer.some((keyword) => /^SIZE \d+$/.test(keyword))).toBe(true);
    expect(offer).not.toContain('STARTTLS');
  });

  it('refuses EHLO and HELO: no SMTP comes into the corporate network', async () => {
    const dialogue = await openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: pki.relay });
    dialogues.push(dialogue);
    expect(await dialogue.say('EHLO relay.example')).toMatch(/^500 5\.5\.1 /);
    expect(await dialogue.say('HELO relay.example')).toMatch(/^500 5\.5\.1 /);
  });

  it('refuses a client without a certificate', async () => {
    await expect(openLmtp({ port: store.ready.lmtp, ca: pki.ca })).rejects.toThrow();
  });

  it('refuses a certificate of another CA', async () => {
    const other = await makeTestPki();
    try {
      await expect(openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: other.relay })).rejects.toThrow();
    } finally {
      other.remove();
    }
  });

  it('refuses a certificate of our CA that is no gateway’s', async () => {
    const dialogue = await openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: pki.stranger });
    dialogues.push(dialogue);
    expect(dialogue.greeting).toMatch(/^554 5\.7\.1 /);
    await store.logged({ event: 'refused', stage: 'connect' });
  });
});

describe('recipients', () => {
  it.each([
    ['user1@domain1.example', /^250 2\.1\.5 /],
    ['USER1@Domain1.Example', /^250 2\.1\.5 /],
    ['nobody@domain1.example', /^550 5\.1\.1 /],
    ['suspended@domain1.example', /^550 5\.2\.1 /],
    ['leaver@domain1.example', /^550 5\.1\.1 /],
    ['user1@suspended.example', /^550 5\.2\.1 /],
    ['user1@elsewhere.example', /^550 5\.1\.2 /],
    ['postmaster@domain1.example', /^250 2\.1\.5 /],
    ['team@domain1.example', /^550 5\.3\.5 /],
  ])('%s', async (address, expected) => {
    const dialogue = await relay();
    await dialogue.say('MAIL FROM:<a@sender.example>');
    expect(await dialogue.say(`RCPT TO:<${address}>`)).toMatch(expected);
  });

  it('says “try again” while the directory is away, and never “no such user”', async () => {
    const dialogue = await relay();
    await slapd.kill();
    try {
      await dialogue.say('MAIL FROM:<a@sender.example>');
      expect(await dialogue.say('RCPT TO:<user3@domain1.example>')).toMatch(/^451 4\.4\.3 /);
    } finally {
      await slapd.restart();
    }
    await expect.poll(() => dialogue.say('RCPT TO:<user3@domain1.example>'), { timeout: 10_000 }).toMatch(/^250 /);
  });
});

describe('a message', () => {
  it('lies in the INBOX when 250 is said, byte for byte below the trace headers', async () => {
    const dialogue = await relay();
    const id = newDeliveryId();
    const message = mail('byte for byte: .\r\n.dots\r\n  and \u00e4', id);
    await dialogue.say(`MAIL FROM:<a@sender.example> BODY=8BITMIME XDELIVERYID=${id}`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    expect(await dialogue.data(message, 1)).toEqual(['250 2.0.0 Delivered']);
    const [stored] = (await inbox(user(1))).filter((body) => body.includes(id));
    const [trace, ...rest] = stored?.split('Message-ID:') ?? [];
    expect(Buffer.from(`Message-ID:${rest.join('Message-ID:')}`, 'latin1').toString('utf8')).toBe(`${message}\r\n`);
    const lines = trace?.split('\r\n') ?? [];
    expect(lines[0]).toBe('Return-Path: <a@sender.example>');
    expect(lines[1]).toMatch(/^Received: from relay\.example \(\[127\.0\.0\.1\]\)$/);
    expect(lines[2]).toBe(`\tby store.example with LMTPS id ${id}`);
    expect(trace).toContain(`for <${user(1)}>;\r\n`);
    const event = await store.logged({ event: 'delivered', deliveryId: id });
    expect(event).toMatchObject({ messageId: `<${id}@sender.example>`, to: user(1), mailbox: 'INBOX' });
    expect(event.uid).toBeTypeOf('number');
    expect(event.emailId).toBeTypeOf('string');
  });

  it('with two recipients is one body with one trace, and names neither of them', async () => {
    const dialogue = await relay();
    await dialogue.say(`MAIL FROM:<> XDELIVERYID=${newDeliveryId()}`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    await dialogue.say(`RCPT TO:<${user(2)}>`);
    expect(await dialogue.data(mail('for two'), 2)).toEqual(['250 2.0.0 Delivered', '250 2.0.0 Delivered']);
    const [first] = await holding(user(1), 'for two');
    const [second] = await holding(user(2), 'for two');
    expect(first).toBe(second);
    expect(first).toMatch(/^Return-Path: <>\r\n/);
    expect(first).not.toContain('user');
  });

  it('with the same recipient twice is delivered once and answered twice', async () => {
    const dialogue = await relay();
    await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${newDeliveryId()}`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    await dialogue.say(`RCPT TO:<${user(1).toUpperCase()}>`);
    expect(await dialogue.data(mail('twice named'), 2)).toEqual(['250 2.0.0 Delivered', '250 2.0.0 Delivered']);
    expect(await holding(user(1), 'twice named')).toHaveLength(1);
  });

  it('that policy placed goes to Junk, and to no other place that the peer makes up', async () => {
    const dialogue = await relay();
    const deliveryId = newDeliveryId();
    await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${deliveryId} XPLACEMENT=JUNK`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    expect(await dialogue.data(mail('doubtful'), 1)).toEqual(['250 2.0.0 Delivered']);
    expect(await store.logged({ event: 'delivered', deliveryId })).toMatchObject({ mailbox: 'Junk' });
    expect(await holding(user(1), 'doubtful')).toHaveLength(0);
    expect(await dialogue.say('MAIL FROM:<a@sender.example> XPLACEMENT=Trash')).toMatch(/^501 5\.5\.4 /);
  });

  it('that comes again with its delivery id is not stored again', async () => {
    const id = newDeliveryId();
    const message = mail('comes again', id);
    for (const round of [1, 2]) {
      const dialogue = await relay();
      await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${id}`);
      await dialogue.say(`RCPT TO:<${user(2)}>`);
      expect(await dialogue.data(message, 1), `round ${round}`).toEqual(['250 2.0.0 Delivered']);
    }
    expect(await holding(user(2), 'comes again')).toHaveLength(1);
    await store.logged({ event: 'delivered', deliveryId: id, duplicate: true });
  });

  it('with the delivery id of another one is put off, and raises an alarm', async () => {
    const id = newDeliveryId();
    const dialogue = await relay();
    const send = async (text: string): Promise<string[]> => {
      await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${id}`);
      await dialogue.say(`RCPT TO:<${user(2)}>`);
      return dialogue.data(mail(text), 1);
    };
    expect(await send('the first')).toEqual(['250 2.0.0 Delivered']);
    expect((await send('the other'))[0]).toMatch(/^451 4\.3\.5 /);
    expect(await holding(user(2), 'the other')).toHaveLength(0);
    await store.logged({ event: 'delivery-id-conflict', deliveryId: id });
  });

  it('with a malformed delivery id is refused', async () => {
    const dialogue = await relay();
    expect(await dialogue.say('MAIL FROM:<a@sender.example> XDELIVERYID=123')).toMatch(/^501 5\.5\.4 /);
  });
});

describe('a full mailbox', () => {
  it('is refused at RCPT when the announced size does not fit; the other recipient gets the message', async () => {
    const dialogue = await relay();
    await dialogue.say(`MAIL FROM:<a@sender.example> SIZE=300000 XDELIVERYID=${newDeliveryId()}`);
    expect(await dialogue.say(`RCPT TO:<${LIMITED}>`)).toMatch(/^552 5\.2\.2 /);
    expect(await dialogue.say(`RCPT TO:<${user(1)}>`)).toMatch(/^250 /);
    expect(await dialogue.data(mail('beside a full one'), 1)).toEqual(['250 2.0.0 Delivered']);
    expect(await holding(user(1), 'beside a full one')).toHaveLength(1);
  });

  it('is refused after DATA when the size was not announced', async () => {
    const dialogue = await relay();
    await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${newDeliveryId()}`);
    await dialogue.say(`RCPT TO:<${LIMITED}>`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    const [full, free] = await dialogue.data(`${mail('large')}\r\n${'x\r\n'.repeat(100_000)}`, 2);
    expect(full).toMatch(/^552 5\.2\.2 /);
    expect(free).toMatch(/^250 /);
    expect(await inbox(LIMITED)).toHaveLength(0);
  });
});

describe('a database that is away', () => {
  it('means “try again”, and is used again by itself when it returns', async () => {
    const dialogue = await relay();
    const id = newDeliveryId();
    const message = mail('after the outage', id);
    await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${id}`);
    await dialogue.say(`RCPT TO:<${user(1)}>`);
    await database.kill();
    expect((await dialogue.data(message, 1))[0]).toMatch(/^451 4\.3\.0 /);
    await dialogue.say('MAIL FROM:<a@sender.example>');
    expect(await dialogue.say(`RCPT TO:<${LIMITED}>`)).toMatch(/^451 4\.3\.0 /);
    await database.start();
    const retry = async (): Promise<string | undefined> => {
      await dialogue.say('RSET');
      await dialogue.say(`MAIL FROM:<a@sender.example> XDELIVERYID=${id}`);
      if (!(await dialogue.say(`RCPT TO:<${user(1)}>`)).startsWith('250')) return undefined;
      return (await dialogue.data(message, 1))[0];
    };
    await expect.poll(retry, { timeout: 20_000, interval: 200 }).toBe('250 2.0.0 Delivered');
    expect(await holding(user(1), 'after the outage')).toHaveLength(1);
  });

  it('at start keeps nobody out: 451 until it is there', async () => {
    const url = await database.createDatabase();
    await database.shutdown();
    const imap = { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true };
    const early = await startStore({ pki, slapd, databaseUrl: url, config: { imap } });
    const login = (): string =>
      spawnSync('curl', ['-sv', '-u', `${user(1)}:user1`, `imap://127.0.0.1:${early.ready.imap}/`], {
        encoding: 'utf8',
      }).stderr;
    try {
      expect(early.ready.database).toBe(false);
      const fault = await early.logged({ event: 'database-unavailable' });
      expect(fault.cause).toMatch(/^The database .* is not listening there\.$/);
      const dialogue = await openLmtp({ port: early.ready.lmtp, ca: pki.ca, identity: pki.relay });
      dialogues.push(dialogue);
      await dialogue.say('LHLO relay.example');
      await dialogue.say('MAIL FROM:<a@sender.example>');
      expect(await dialogue.say(`RCPT TO:<${user(1)}>`)).toMatch(/^451 4\.3\.0 /);
      expect(login()).toMatch(/^< \S+ NO \[UNAVAILABLE\]/m);
      await database.start();
      await early.logged({ event: 'database-available' });
      await expect.poll(() => dialogue.say(`RCPT TO:<${user(1)}>`), { timeout: 10_000 }).toMatch(/^250 /);
      expect(login()).toMatch(/^< \S+ OK .*LOGIN|^< \S+ OK .*AUTHENTICATE|^< \* LIST .*INBOX/m);
    } finally {
      await early.stop();
    }
  });
});

describe('the settings of the database', () => {
  it.each([
    ['a wrong password', (url: string) => url.replace(/:[^:@]+@/, ':wrong@'), /refuses the user or the password\.$/],
    ['a wrong name', (url: string) => `${url}_missing`, /has no database of that name\.$/],
    ['a closed port', (url: string) => url.replace(/:\d+\//, ':1/'), /is not listening there\.$/],
  ])('%s is said in one sentence, without the password', async (_, spoil, sentence) => {
    const databaseUrl = spoil(database.url);
    const other = await startStore({ pki, slapd, databaseUrl });
    try {
      expect(other.ready.database).toBe(false);
      const { cause } = await other.logged({ event: 'database-unavailable' });
      expect(cause).toMatch(sentence);
      expect(JSON.stringify(other.log())).not.toContain(new URL(databaseUrl).password);
    } finally {
      await other.stop();
    }
  });
});

describe('the process', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [resolve(import.meta.dirname, '../../store/main.ts'), ...args], { encoding: 'utf8' });

  it('checks its configuration, and names every error at once', () => {
    expect(run('--config', store.configFile, '--check-config')).toMatchObject({ status: 0 });
    const wrong = join(pki.folder, 'wrong.yaml');
    writeFileSync(wrong, 'hostname: x\nlmtp: { listen: { address: 0.0.0.0 } }\nimap: {}\nnonsense: 1\n');
    const { status, stderr } = run('--config', wrong);
    expect(status).toBe(2);
    for (const setting of ['tls', 'ca', 'lmtp.listen.address', 'database', 'directory', 'nonsense']) {
      expect(stderr).toMatch(new RegExp(`^${wrong}: ${setting}: `, 'm'));
    }
  });

  it('ends at once with one sentence when its port is taken', async () => {
    const second = startStore({ pki, slapd, databaseUrl: database.url, lmtpPort: store.ready.lmtp });
    await expect(second).rejects.toThrow(/ended with 1: .*store: .*EADDRINUSE/s);
  });

  it('ends in good order on SIGTERM, with connections open', async () => {
    const other = await startStore({ pki, slapd, databaseUrl: database.url });
    const dialogue = await openLmtp({ port: other.ready.lmtp, ca: pki.ca, identity: pki.relay });
    dialogues.push(dialogue);
    const before = performance.now();
    expect(await other.stop()).toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});
