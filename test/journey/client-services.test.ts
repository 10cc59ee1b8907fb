import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { issueCertificate } from '@postern/infra/pki/authority.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSocket } from '../support/client-service.ts';
import { type CommitWire, layCommitWire } from '../support/commit-wire.ts';
import { letter, NO_QUOTA } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';
import { talk } from '../support/talk.ts';

/** POP3 and ManageSieve of a store with two workers, as a process of its own: what happens around a session. */
const USER = 'user1@domain1.example';
const POP3_SIGN_IN = `USER ${USER}\r\nPASS user1\r\n`;
const SIEVE_SIGN_IN = `AUTHENTICATE "PLAIN" "${Buffer.from(`\0${USER}\0user1`).toString('base64')}"\r\n`;
const SIGNED_IN = { pop3: /octets\)\r\n$/, managesieve: /OK "Signed in"\r\n$/ };
/** More than the pieces in which it is read and the buffers of the kernel. */
const LARGE = letter('large', `${'x'.repeat(76)}\r\n`.repeat(400_000));

let pki: TestPki;
let slapd: Slapd;
let database: TestDatabase;
let wire: CommitWire;
let store: StoreProcess;
let mailstore: Mailstore;
const sockets: Socket[] = [];

beforeAll(async () => {
  [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  wire = await layCommitWire(database.url);
  const listen = { address: '127.0.0.1', port: 0 };
  const clear = { allowPlaintextLoopback: true };
  store = await startStore({
    pki,
    slapd,
    databaseUrl: wire.url,
    config: { workers: 2, pop3: { listen, listenTls: listen, ...clear }, managesieve: { listen, ...clear } },
  });
  mailstore = await openMailstore({ url: database.url, connections: 2, log: silentLog(), migrate: false });
}, 120_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await mailstore?.close();
  await store?.stop();
  wire?.close();
  await Promise.all([slapd?.stop(), database?.stop()]);
  pki?.remove();
});

type Service = keyof typeof SIGNED_IN;

/** A session that is signed in. */
async function signedIn(service: Service): Promise<Socket> {
  const socket = await openSocket(store.ready[service] as number);
  socket.on('error', () => socket.destroy());
  sockets.push(socket);
  await talk(socket, service === 'pop3' ? POP3_SIGN_IN : SIEVE_SIGN_IN, SIGNED_IN[service]);
  return socket;
}

/** Puts messages into the INBOX beside the store. */
async function append(...messages: readonly Buffer[]): Promise<void> {
  const inbox = await inboxNow();
  const contents = await Promise.all(messages.map((message) => mailstore.contents.put(message)));
  const items = contents.map((content) => ({
    content,
    flags: { system: 0, keywords: [] },
    internalDate: new Date('2026-02-02T10:00:00Z'),
  }));
  const appended = await mailstore.messages.append(inbox.id, items, NO_QUOTA);
  expect(appended.kind).toBe('appended');
}

async function inboxNow(): Promise<{ readonly id: number; readonly counters: { readonly messages: number } }> {
  const account = await mailstore.accounts.find(USER);
  const inbox = account && (await mailstore.mailboxes.find(account.id, 'INBOX'));
  if (inbox === undefined) throw new Error('no INBOX');
  return inbox;
}

const messages = async (): Promise<number> => (await inboxNow()).counters.messages;

test('both workers serve both protocols, and agree about messages, unique ids and scripts', async () => {
  const pop = await Promise.all([1, 2, 3, 4].map(() => signedIn('pop3')));
  await append(letter('one'), letter('two'));
  const sieve = await Promise.all([1, 2, 3, 4].map(() => signedIn('managesieve')));
  for (const service of ['pop3', 'sieve']) {
    const signIns = () => store.log().filter((line) => line.event === 'signed-in' && line.service === service);
    await expect.poll(() => new Set(signIns().map(({ pid }) => pid)).size, { timeout: 60_000 }).toBe(2);
  }
  // A session keeps the picture that it began with.
  for (const socket of pop) expect(await talk(socket, 'STAT\r\nQUIT\r\n', /Bye\r\n$/)).toMatch(/^\+OK 0 0\r\n/);
  const again = await Promise.all([1, 2, 3, 4].map(() => signedIn('pop3')));
  const ids = await Promise.all(again.map((socket) => talk(socket, 'UIDL\r\n', /\r\n\.\r\n$/)));
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toMatch(/\r\n1 \d+\.1\r\n2 \d+\.2\r\n/);

  const [writer, ...readers] = sieve as [Socket, ...Socket[]];
  await talk(writer, 'PUTSCRIPT "mine" "keep;"\r\nSETACTIVE "mine"\r\n', /OK .*\r\nOK .*\r\n$/);
  for (const reader of readers) expect(await talk(reader, 'LISTSCRIPTS\r\n', /OK .*\r\n$/)).toMatch(/^"mine" ACTIVE/);
}, 60_000);

/** Serial number that a service shows: by TLS from the first octet, or behind the command that begins it. */
async function serialOf(service: 'pop3' | 'pop3s' | 'managesieve'): Promise<string> {
  const plain = await openSocket(store.ready[service] as number);
  if (service !== 'pop3s') await talk(plain, '', service === 'pop3' ? /^\+OK .*\r\n$/ : /OK ".*"\r\n$/);
  if (service === 'pop3') await talk(plain, 'STLS\r\n', /^\+OK .*\r\n$/);
  if (service === 'managesieve') await talk(plain, 'STARTTLS\r\n', /^OK .*\r\n$/);
  plain.removeAllListeners();
  const secure: TLSSocket = connectTls({ socket: plain, ca: readFileSync(pki.ca), servername: 'store.example' });
  await once(secure, 'secureConnect');
  const { serialNumber } = secure.getPeerCertificate();
  secure.destroy();
  return serialNumber;
}

const shown = (): Promise<string[]> => Promise.all((['pop3', 'pop3s', 'managesieve'] as const).map(serialOf));

test('SIGHUP: a new certificate for connections to come; one that does not load changes nothing; sessions stay', async () => {
  const [pop, sieve] = [await signedIn('pop3'), await signedIn('managesieve')];
  const before = await shown();
  expect(new Set(before).size).toBe(1);
  const authority = { cert: readFileSync(pki.ca, 'utf8'), key: readFileSync(join(pki.folder, 'ca.key'), 'utf8') };
  const fresh = await issueCertificate(authority, {
    commonName: 'store.example',
    names: ['store.example', 'localhost'],
    uses: ['server', 'client'],
    days: 30,
  });
  const [cert, key] = [pki.store.cert, pki.store.key];
  copyFileSync(cert, `${cert}.old`);
  writeFileSync(cert, 'no certificate\n');
  process.kill(store.pid, 'SIGHUP');
  const notReloaded = (): number => store.log().filter(({ event }) => event === 'certificates-not-reloaded').length;
  await expect.poll(notReloaded, { timeout: 60_000 }).toBe(2);
  copyFileSync(`${cert}.old`, cert);
  expect(await shown()).toEqual(before);

  writeFileSync(cert, fresh.cert);
  writeFileSync(key, fresh.key);
  process.kill(store.pid, 'SIGHUP');
  const reloaded = (): number => store.log().filter(({ event }) => event === 'certificates-reloaded').length;
  await expect.poll(reloaded, { timeout: 60_000 }).toBe(2);
  // Whichever worker answers.
  for (let n = 0; n < 2; n++) {
    const after = await shown();
    expect(new Set(after).size).toBe(1);
    expect(after[0]).not.toBe(before[0]);
  }
  expect(await talk(pop, 'NOOP\r\n', /\r\n$/)).toMatch(/^\+OK/);
  expect(await talk(sieve, 'NOOP\r\n', /\r\n$/)).toMatch(/^OK/);
}, 120_000);

test('the database goes away in the middle: a clear answer, nothing removed, and sessions work on when it is back', async () => {
  const before = await messages();
  const [idle, leaving, sieve] = [await signedIn('pop3'), await signedIn('pop3'), await signedIn('managesieve')];
  for (const socket of [idle, leaving]) await talk(socket, 'DELE 1\r\n', /^\+OK .*\r\n$/);
  await database.kill();

  expect(await talk(idle, 'NOOP\r\nSTAT\r\n', /\+OK.*\r\n\+OK.*\r\n$/)).toMatch(/\+OK 1 \d+/);
  expect(await talk(idle, 'RETR 2\r\n', /\r\n$/)).toMatch(/^-ERR \[SYS\/TEMP\] .*later\r\n$/);
  const left = once(leaving, 'close');
  expect(await talk(leaving, 'QUIT\r\n', /\r\n$/)).toMatch(/^-ERR \[SYS\/TEMP\] .*later\r\n$/);
  await left;
  // RFC 3206 §4: not [AUTH], by which a client would ask for another password.
  const stranger = await openSocket(store.ready.pop3 as number);
  sockets.push(stranger);
  expect(await talk(stranger, POP3_SIGN_IN, /-ERR .*\r\n$/)).toMatch(/-ERR \[SYS\/TEMP\]/);
  for (const command of ['LISTSCRIPTS', 'GETSCRIPT "mine"', 'PUTSCRIPT "other" "keep;"', 'DELETESCRIPT "mine"']) {
    expect(await talk(sieve, `${command}\r\n`, /\r\n$/)).toMatch(/^NO \(TRYLATER\) /);
  }
  expect(await talk(sieve, 'CHECKSCRIPT "keep;"\r\n', /\r\n$/)).toMatch(/^OK /);

  await database.start();
  // The marks of this session are still there; QUIT removes now.
  await expect.poll(() => talk(idle, 'RETR 2\r\n', /(?:-ERR .*|\r\n\.)\r\n$/), { timeout: 60_000 }).toMatch(/^\+OK/);
  expect(await messages()).toBe(before);
  await expect
    .poll(() => talk(sieve, 'LISTSCRIPTS\r\n', /(?:NO|OK) .*\r\n$/), { timeout: 60_000 })
    .toMatch(/^"mine" ACTIVE\r\nOK /);
  expect(await talk(idle, 'QUIT\r\n', /\r\n$/)).toBe('+OK 1 messages removed\r\n');
  await expect.poll(messages, { timeout: 60_000 }).toBe(before - 1);
}, 120_000);

test('the database goes away within a message: the connection ends, and no client takes the part for the whole', async () => {
  await append(LARGE);
  const socket = await signedIn('pop3');
  const number = await messages();
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
    if (heard.length > 100_000) socket.pause();
  });
  socket.write(`DELE 1\r\nRETR ${number}\r\n`);
  await expect.poll(() => heard.length, { timeout: 60_000 }).toBeGreaterThan(100_000);
  await database.kill();
  const closed = once(socket, 'close');
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  socket.resume();
  await closed;
  expect(heard.length).toBeLessThan(LARGE.length);
  expect(heard).not.toMatch(/\r\n\.\r\n$/);
  await store.logged({ event: 'message-cut-off' });
  await database.start();
  expect(await messages()).toBe(number);
}, 120_000);

test('the answer to COMMIT is lost at QUIT and at PUTSCRIPT: said so, and the session ends', async () => {
  await expect.poll(async () => (await signedIn('pop3')).readyState, { timeout: 60_000 }).toBe('open');
  const before = await messages();
  const [pop, sieve] = [await signedIn('pop3'), await signedIn('managesieve')];
  await talk(pop, 'DELE 1\r\n', /^\+OK .*\r\n$/);
  wire.cutNext('after');
  const ends = [once(pop, 'close'), once(sieve, 'close')];
  expect(await talk(pop, 'QUIT\r\n', /\r\n$/)).toMatch(/^-ERR \[SYS\/TEMP\] Nobody knows/);
  // It was committed, and never again.
  expect(await messages()).toBe(before - 1);
  wire.cutNext('after');
  expect(await talk(sieve, 'PUTSCRIPT "late" "keep;"\r\n', /\r\n$/)).toMatch(/^BYE \(TRYLATER\) "Nobody knows/);
  await Promise.all(ends);
  const again = await signedIn('managesieve');
  expect(await talk(again, 'LISTSCRIPTS\r\n', /OK .*\r\n$/)).toContain('"late"\r\n');
}, 120_000);

test('RFC 6856 §2.2: names and passwords in UTF-8, however their letters are composed, before and without UTF8', async () => {
  const dn = 'mail=user3@domain1.example,jvd=domain1.example,o=hosting,dc=myhosting,dc=example';
  const password = Buffer.from('Grüße, cœur').toString('base64');
  await slapd.modify(`dn: ${dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: ${password}\n`);
  const answerTo = async (user: string, given: string): Promise<string> => {
    const socket = await openSocket(store.ready.pop3 as number);
    sockets.push(socket);
    const octets = Buffer.from(`USER ${user}\r\nPASS ${given}\r\n`).toString('latin1');
    return (
      (await talk(socket, octets, /ready\r\n(?:\+OK.*\r\n|)(?:\+OK \d+ m|-ERR).*\r\n$/)).split('\r\n').at(-2) ?? ''
    );
  };
  expect(await answerTo('user3@domain1.example', 'Grüße, cœur')).toMatch(/^\+OK 0 messages/);
  // A telephone that writes ü as u and two dots; another kind of space.
  expect(await answerTo('user3@domain1.example', 'Gru\u0308ße,\u00a0cœur')).toMatch(/^\+OK 0 messages/);
  expect(await answerTo('user3@domain1.example', 'Grusse, coeur')).toMatch(/^-ERR \[AUTH\]/);
  // RFC 8264 §4.3.2: what nobody can have.
  expect(await answerTo('user3@domain1.example', 'Grüße, cœur\u200b')).toMatch(/^-ERR \[AUTH\]/);
  expect(await answerTo('grün@domain1.example', 'x')).toMatch(/^-ERR \[AUTH\]/);
}, 120_000);
