import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClientService, openSocket, startClientService } from '../support/client-service.ts';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';
import { letter } from '../support/mailstore.ts';
import { talk } from '../support/talk.ts';

/** What a dialogue cannot show of POP3 and ManageSieve: TLS, restarts, slow readers, a stop, lost connections. */
let backends: ImapBackends;
const services: ClientService[] = [];
beforeAll(async () => {
  backends = await startImapBackends();
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
});
afterAll(() => backends?.stop());

async function start(settings: Parameters<typeof startClientService>[1] = {}): Promise<ClientService> {
  const service = await startClientService(backends, settings);
  services.push(service);
  return service;
}

const USER = 'user1@domain1.example';
const SIGN_IN = `USER ${USER}\r\nPASS user1\r\n`;

async function messagesIn(service: ClientService): Promise<number> {
  const { id } = await service.account(USER);
  return (await service.mailstore.mailboxes.find(id, 'INBOX'))?.counters.messages ?? -1;
}

test.each([
  ['pop3', /^\+OK .*\r\n$/, 'STLS\r\n', 'CAPA\r\n', /\r\n\.\r\n$/, 'STLS'],
  ['managesieve', /OK ".*"\r\n$/, 'STARTTLS\r\n', '', /OK ".*"\r\n$/, '"STARTTLS"'],
] as const)(
  '%s: TLS by command; what was sent in clear behind it is never heard',
  async (name, greeting, begin, ask, end, offer) => {
    const service = await start({
      pop3: { allowPlaintextLoopback: false },
      managesieve: { allowPlaintextLoopback: false },
    });
    const plain = await openSocket(service.ports[name]);
    await talk(plain, '', greeting);
    // RFC 2595 §7, CVE-2011-0411: a command injected behind STLS must not count as one of the TLS session.
    await talk(plain, `${begin}NOOP\r\nXINJECTED\r\n`, /OK.*\r\n$/);
    plain.removeAllListeners();
    const secure = connectTls({ socket: plain, ca: readFileSync(backends.pki.ca), servername: 'store.example' });
    const capabilities = await talk(secure, ask, end);
    expect(secure.authorized).toBe(true);
    expect(capabilities).not.toMatch(/ERR|NO /);
    expect(capabilities).not.toContain(offer);
    expect(capabilities).toContain('PLAIN');
    const twice = await talk(secure, begin, /\r\n$/);
    expect(twice).toMatch(/^(?:-ERR|NO) /);
    secure.destroy();
  },
);

test('unique ids are the same after a restart of the store', async () => {
  const before = await start();
  await before.append(USER, [letter('one'), letter('two')]);
  const ids = async (service: ClientService): Promise<string> => {
    const socket = await openSocket(service.ports.pop3);
    const heard = await talk(socket, `${SIGN_IN}UIDL\r\n`, /\r\n\.\r\n$/);
    socket.destroy();
    return heard.slice(heard.indexOf('\r\n1 '));
  };
  const first = await ids(before);
  expect(first).toMatch(/^\r\n1 \d+\.1\r\n2 \d+\.2\r\n\.\r\n$/);
  await services.pop()?.stop();
  const after = await start({ databaseUrl: before.databaseUrl });
  expect(await ids(after)).toBe(first);
});

test('a connection that is lost, and a stop of the server, remove nothing', async () => {
  const service = await start({ pop3: { stopGraceMs: 100 } });
  await service.append(USER, [letter('one'), letter('two')]);
  const marked = /It will be removed at QUIT\r\n$/;
  const lost = await openSocket(service.ports.pop3);
  await talk(lost, `${SIGN_IN}DELE 1\r\n`, marked);
  lost.destroy();
  const idle = await openSocket(service.ports.pop3);
  await talk(idle, `${SIGN_IN}DELE 2\r\n`, marked);
  const halfQuit = await openSocket(service.ports.pop3);
  await talk(halfQuit, `${SIGN_IN}DELE 1\r\nQUI`, marked);
  halfQuit.end();
  await once(halfQuit, 'close');
  const closed = once(idle, 'close');
  await services.pop()?.stop();
  await closed;
  const after = await start({ databaseUrl: service.databaseUrl });
  expect(await messagesIn(after)).toBe(2);
});

test('a reader that does not read holds a few pieces of its message in memory, and is cut off', async () => {
  const service = await start({ pop3: { writeTimeoutMs: 1000 } });
  const large = letter('large', `${'x'.repeat(76)}\r\n`.repeat(500_000));
  await service.append(USER, [large]);
  const { messages } = service.mailstore;
  const readBody = messages.readBody.bind(messages);
  let readBytes = 0;
  messages.readBody = async (...args) => {
    const piece = await readBody(...args);
    readBytes += piece.length;
    return piece;
  };
  const socket = await openSocket(service.ports.pop3);
  await talk(socket, SIGN_IN, /octets\)\r\n$/);
  socket.pause();
  const cutOff = once(socket, 'close');
  socket.write('RETR 1\r\n');
  const other = await openSocket(service.ports.pop3);
  // Nobody else waits for it.
  await talk(other, `${SIGN_IN}STAT\r\n`, /\+OK 1 \d+\r\n$/);
  other.destroy();
  socket.on('error', () => undefined);
  await expect.poll(() => service.sessions.pop3, { timeout: 60_000 }).toBe(0);
  socket.resume();
  await cutOff;
  // What the kernel's buffers of both ends take, and a few pieces.
  expect(readBytes).toBeLessThan(large.length / 2);
}, 60_000);

test('who guesses passwords by POP3 waits in IMAP and ManageSieve as well', async () => {
  const service = await start();
  const socket = await openSocket(service.ports.pop3);
  await talk(socket, '', /\r\n$/);
  const guess = `USER ${USER}\r\nPASS wrong\r\n`;
  for (let n = 0; n < 3; n++) await talk(socket, guess, /-ERR \[AUTH\].*\r\n$/);
  expect(service.throttle.delayMs([`account ${USER}`])).toBeGreaterThan(0);
  await talk(socket, SIGN_IN, /\+OK 0 messages.*\r\n$/);
  expect(service.throttle.delayMs([`account ${USER}`])).toBe(0);
  socket.destroy();
});

test('an account needs the service of each protocol', async () => {
  const service = await start();
  const plain = Buffer.from('\0poponly@domain1.example\0poponly').toString('base64');
  const pop = await openSocket(service.ports.pop3);
  expect(await talk(pop, `AUTH PLAIN ${plain}\r\n`, /(?:\+OK \d|-ERR).*\r\n$/)).toMatch(/\+OK 0 messages/);
  pop.destroy();
  const sieve = await openSocket(service.ports.managesieve);
  expect(await talk(sieve, `AUTHENTICATE "PLAIN" "${plain}"\r\n`, /(?:NO|OK "Signed).*\r\n$/)).toMatch(
    /NO "Authentication failed"/,
  );
  sieve.destroy();
});
