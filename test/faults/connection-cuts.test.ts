import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, untilSpoolIsEmpty } from './after-a-fault.ts';
import { afterOctets, type CuttingProxy, type Direction, startTcpProxy } from './cutting-proxy.ts';
import { openChance } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import { type Attempt, NotReached, SmtpSender } from './smtp-sender.ts';

const FULL = process.env.POSTERN_TEST_FULL === '1';
const DIRECTIONS: readonly Direction[] = ['commands', 'replies'];
/** A connection that is cut needs one that is made: every look-up asks anew. */
const NO_CACHE = { foundTtlMs: 0, notFoundTtlMs: 0 };

let stack: TestStack;
let ldap: CuttingProxy;
let mysql: CuttingProxy;
const attempts: Attempt[] = [];
const chance = openChance('connections cut at any place');
let sent = 0;

beforeAll(async () => {
  stack = await startStack({ relay: impatient, without: ['store', 'relay'] });
  const { slapd, database } = stack;
  ldap = await startTcpProxy({ host: '127.0.0.1', port: slapd?.port ?? 0 });
  mysql = await startTcpProxy({ host: '127.0.0.1', port: database.port });
  const url = new URL(database.url);
  url.port = String(mysql.port);
  const urls = [`ldap://127.0.0.1:${ldap.port}`];
  await stack.restart('store', {
    store: (settings) => ({
      ...settings,
      database: { ...settings.database, url: url.href },
      directory: { ...settings.directory, urls, ...NO_CACHE },
    }),
    relay: (settings) => ({ ...impatient(settings), directory: { ...settings.directory, urls, ...NO_CACHE } }),
  });
  await stack.restart('relay');
}, 120_000);

afterAll(async () => {
  await stack?.stop();
  for (const proxy of [ldap, mysql]) await proxy?.close();
});

/** A sender that tries again when it cannot connect, or is told "later", as they all do; never after it was left without an answer. */
async function send(target: { readonly host: string; readonly port: number }): Promise<Attempt> {
  const message = makeMessage(chance, sent++, { maxBytes: 800 });
  for (;;) {
    const sender = await SmtpSender.open(target).catch((fault: unknown) => {
      if (fault instanceof NotReached) return undefined;
      throw fault;
    });
    if (sender === undefined) continue;
    const attempt = await sender.send(message);
    sender.close();
    if (attempt.kind === 'refused' && attempt.reply.startsWith('4')) {
      await pause(50);
      continue;
    }
    attempts.push(attempt);
    return attempt;
  }
}

/** Cuts once after so and so many octets, one place after the other, until a place is no longer reached. */
async function everywhere(
  proxy: CuttingProxy,
  steps: Readonly<Record<Direction, number>>,
  work: () => Promise<void>,
): Promise<void> {
  for (const direction of DIRECTIONS) {
    const step = FULL ? Math.ceil(steps[direction] / 10) : steps[direction];
    let places = 0;
    for (let octets = chance.int(0, step - 1); ; octets += step) {
      proxy.arm(afterOctets(direction, octets));
      await work();
      if (proxy.disarm() === 0) break;
      places++;
    }
    console.log(`cut after ${places} places of the ${direction}`);
    expect(places).toBeGreaterThan(5);
  }
}

describe('a connection is cut at any place', () => {
  test('sender to gateway: SMTP', { timeout: 300_000 }, async () => {
    const proxy = await startTcpProxy(stack.endpoints.smtp);
    await everywhere(proxy, { commands: 60, replies: 30 }, async () => {
      await send({ host: '127.0.0.1', port: proxy.port });
    });
    await proxy.close();
  });

  test('store to database: what is not answered is repeated under its id', { timeout: 300_000 }, async () => {
    await everywhere(mysql, { commands: 300, replies: 60 }, async () => {
      expect((await send(stack.endpoints.smtp)).kind).toBe('accepted');
      await untilSpoolIsEmpty(stack);
    });
  });

  test('gateway and store to directory: "later", never "no such user"', { timeout: 300_000 }, async () => {
    await everywhere(ldap, { commands: 150, replies: 300 }, async () => {
      ldap.drop();
      // A refusal for good ends the test: the sender tries again on 4xx alone.
      expect((await send(stack.endpoints.smtp)).kind).toBe('accepted');
      await untilSpoolIsEmpty(stack);
    });
  });

  test('mail program to store: APPEND', { timeout: 300_000 }, async () => {
    const proxy = await startTcpProxy(stack.endpoints.imap);
    const open = async (): Promise<ImapDialogue> => {
      const session = await connectImap(proxy.port);
      for (const command of ['LOGIN user2@domain1.example user2', 'SELECT Cuts']) {
        const answer = await session.command(command);
        if (!/^TAG OK/m.test(answer) && command.startsWith('LOGIN')) throw new Error(answer);
      }
      return session;
    };
    const first = await open();
    await first.command('CREATE Cuts');
    const answered = new Map<string, string>();
    await everywhere(proxy, { commands: 12, replies: 80 }, async () => {
      const id = `append-${sent++}`;
      const text = `X-Cut-Id: ${id}\r\n\r\nText of ${id}.\r\n`;
      const session = await reopened(open);
      const answer = await session.command(`APPEND Cuts {${text.length}+}\r\n${text}`).catch(() => '');
      answered.set(id, answer);
      session.close();
    });
    const last = await reopened(open);
    const fetched = await last.command('UID FETCH 1:* (BODY.PEEK[])');
    for (const [id, answer] of answered) {
      const times = fetched.split(`Text of ${id}.\n`).length - 1;
      if (answer.includes('TAG OK')) expect(times, id).toBe(1);
      else expect(times, id).toBeLessThanOrEqual(1);
    }
    // No half of a message.
    expect(fetched.split('X-Cut-Id: ').length).toBe(fetched.split('Text of ').length);
    await last.command('STORE 1:* +FLAGS.SILENT (\\Deleted)');
    expect(await last.command('EXPUNGE')).toMatch(/^TAG OK/m);
    last.close();
    await proxy.close();
  });

  test('and all is well', { timeout: 120_000 }, () => expectAllIsWell(stack, attempts));
});

/** A session, though the first try may meet the cut. */
async function reopened(open: () => Promise<ImapDialogue>): Promise<ImapDialogue> {
  return open().catch(() => open());
}

test('the proxy itself passes what it is given', async () => {
  const proxy = await startTcpProxy(stack.endpoints.smtp);
  const socket = connect(proxy.port, '127.0.0.1');
  const [greeting] = await new Promise<[Buffer]>((done) => socket.once('data', (...args) => done(args as [Buffer])));
  expect(greeting.toString()).toMatch(/^220 /);
  socket.destroy();
  await proxy.close();
});
