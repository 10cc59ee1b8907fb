import { once } from 'node:events';
import type { Socket } from 'node:net';
import { makeAppPassword } from '@postern/shared/sign-in/app-password.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSocket } from '../support/client-service.ts';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { openLmtp } from '../support/lmtp-dialogue.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';
import { talk } from '../support/talk.ts';

/**
 * A telephone is lost: its app password is taken away at one store, and the sessions that it opened end in every worker of every store, by whatever
 * protocol; those of another app password and of the main one go on. The directory is asked as `cn=store`, by the access rules of schema/ldap.
 */
const USER = 'user1@domain1.example';
const LISTEN = { address: '127.0.0.1', port: 0 };
const CLEAR = { listen: LISTEN, allowPlaintextLoopback: true };

let pki: TestPki;
let slapd: Slapd;
let database: TestDatabase;
const stores: StoreProcess[] = [];
const opened: { close(): void }[] = [];

beforeAll(async () => {
  [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  const databaseUrl = await database.createDatabase();
  for (const workers of [2, 1]) {
    stores.push(
      await startStore({
        pki,
        slapd,
        databaseUrl,
        config: {
          workers,
          signInRecheckMs: 200,
          imap: CLEAR,
          pop3: CLEAR,
          managesieve: CLEAR,
          hub: { submission: { listen: LISTEN, listenTls: LISTEN } },
          directory: { bindDn: `cn=store,${slapd.suffix}`, bindPassword: 'store', foundTtlMs: 300 },
        },
      }),
    );
  }
});
afterAll(async () => {
  for (const { close } of opened) close();
  for (const store of stores) await store.stop();
  await Promise.all([slapd?.stop(), database?.stop()]);
  pki?.remove();
});

const portOf = (store: number, service: string): number => Number(stores[store]?.ready[service]);

async function imap(store: number, password: string): Promise<ImapDialogue> {
  const client = await connectImap(portOf(store, 'imap'));
  opened.push(client);
  expect(await client.command(`LOGIN ${USER} ${password}`)).toContain('TAG OK');
  return client;
}

const setting = (client: ImapDialogue, name: string, value: string): Promise<string> =>
  client.command(`SETMETADATA "" (/private/vendor/postern/app-password/${name} ${value})`);

async function makePassword(client: ImapDialogue, label: string): Promise<{ name: string; password: string }> {
  const { name, password } = makeAppPassword();
  const services = ['imap', 'pop3', 'sieve', 'submission'];
  const value = JSON.stringify({ password: 'user1', label, services, appPassword: password });
  expect(await setting(client, name, `{${value.length}+}\r\n${value}`)).toContain('TAG OK');
  return { name, password };
}

async function socketSession(port: number, lines: string, until: RegExp): Promise<Socket> {
  const socket = await openSocket(port);
  opened.push({ close: () => socket.destroy() });
  await talk(socket, lines, until);
  return socket;
}

async function submission(store: number, password: string) {
  const smtp = await openLmtp({ port: portOf(store, 'submissions'), ca: pki.ca });
  opened.push(smtp);
  await smtp.say('EHLO phone.example');
  expect(await smtp.say(`AUTH PLAIN ${Buffer.from(`\0${USER}\0${password}`).toString('base64')}`)).toMatch(/^235/);
  return smtp;
}

test('an app password that is taken away ends its sessions in all workers and stores, and no others', async () => {
  const main = await imap(0, 'user1');
  const phone = await makePassword(main, 'Phone');
  const laptop = await makePassword(main, 'Laptop');

  // Connections go to the workers in turn: both of them have sessions of the telephone.
  const ofPhone = [];
  for (const store of [0, 0, 0, 0, 1]) ofPhone.push(await imap(store, phone.password));
  const plain = Buffer.from(`\0${USER}\0${phone.password}`).toString('base64');
  const silent = [
    await socketSession(portOf(1, 'pop3'), `USER ${USER}\r\nPASS ${phone.password}\r\n`, /(?:\+OK.*\r\n.*){3}/s),
    await socketSession(portOf(0, 'managesieve'), `AUTHENTICATE "PLAIN" "${plain}"\r\n`, /OK.*\r\n.*OK.*\r\n/s),
  ].map((socket) => once(socket.resume(), 'close'));
  const sending = await Promise.all([0, 1].map((store) => submission(store, phone.password)));
  const others = [main, await imap(0, laptop.password), await imap(1, laptop.password), await imap(1, 'user1')];
  const sendingOn = await submission(1, laptop.password);
  for (const smtp of [...sending, sendingOn]) {
    expect(await smtp.say(`MAIL FROM:<${USER}>`)).toMatch(/^250/);
    expect(await smtp.say('RSET')).toMatch(/^250/);
  }

  expect(await setting(main, phone.name, 'NIL')).toContain('TAG OK');
  for (const client of ofPhone) expect(await client.closed()).toContain('* BYE [EXPIRED] Sign in again');
  await Promise.all(silent);
  for (const smtp of sending) expect(await smtp.say(`MAIL FROM:<${USER}>`)).toMatch(/^421 4\.7\.0 Sign in again/);

  for (const client of others) expect(await client.command('NOOP')).toContain('TAG OK');
  expect(await sendingOn.say(`MAIL FROM:<${USER}>`)).toMatch(/^250/);
  const again = await connectImap(portOf(1, 'imap'));
  opened.push(again);
  expect(await again.command(`LOGIN ${USER} ${phone.password}`)).toContain('NO [AUTHENTICATIONFAILED]');
  await stores[1]?.logged({ event: 'sign-in-ended', service: 'pop3', why: 'the app password was taken away' });
});

test('who changes the main password keeps the sessions of app passwords; a session of submission signs in anew', async () => {
  const main = await imap(0, 'user1');
  const laptop = await makePassword(main, 'Other laptop');
  const [byApp, byMain] = [await imap(1, laptop.password), await imap(1, 'user1')];
  const [sendingByApp, sendingByMain] = [await submission(0, laptop.password), await submission(0, 'user1')];
  await slapd.modify(
    `dn: mail=${USER},jvd=domain1.example,${slapd.baseDn}\nchangetype: modify\nreplace: userPassword\nuserPassword: other\n`,
  );
  for (const client of [main, byMain]) expect(await client.closed()).toContain('* BYE [EXPIRED] Sign in again');
  // Another worker may know the entry as it was, for as long as it keeps answers.
  const sendAgain = async (): Promise<string> => {
    await sendingByMain.say('RSET');
    return sendingByMain.say(`MAIL FROM:<${USER}>`);
  };
  await expect.poll(sendAgain, { timeout: 60_000 }).toMatch(/^421 4\.7\.0 Sign in again/);
  expect(await sendingByApp.say(`MAIL FROM:<${USER}>`)).toMatch(/^250/);
  expect(await byApp.command('NOOP')).toContain('TAG OK');
});
