import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientService, openSocket, startClientService } from '../support/client-service.ts';
import { connectImap } from '../support/imap-dialogue.ts';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';

/** Sessions that a password has opened end when the directory would not let them in any more, on a real slapd. */
const BASE = 'jvd=domain1.example,o=hosting,dc=myhosting,dc=example';
let backends: ImapBackends;
let service: ClientService;
beforeAll(async () => {
  backends = await startImapBackends();
  service = await startClientService(backends, { signInRecheckMs: 200 });
});
afterAll(async () => {
  await service?.stop();
  await backends?.stop();
});

const change = (user: string, line: string): Promise<void> =>
  backends.slapd.modify(`dn: mail=${user}@domain1.example,${BASE}\nchangetype: modify\n${line}\n`);

/** All that a session hears from now on, until the server closes it. */
async function rest(socket: Socket): Promise<string> {
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  await once(socket, 'close');
  return heard;
}

async function signedIn(port: number, lines: string, until: RegExp): Promise<Socket> {
  const socket = await openSocket(port);
  let heard = '';
  socket.write(lines);
  while (!until.test(heard)) heard += String((await once(socket, 'data'))[0]);
  socket.removeAllListeners('data');
  return socket;
}

const idle = async (user: string) => {
  const imap = await connectImap(service.ports.imap);
  expect(await imap.command(`LOGIN ${user}@domain1.example ${user}`)).toContain('TAG OK');
  await imap.command('SELECT INBOX');
  imap.send('x IDLE\r\n');
  await imap.until(/^\+ /m);
  return imap;
};

test('suspension: an idling IMAP session hears BYE, ManageSieve too, POP3 is closed without a word', async () => {
  const imap = await idle('user1');
  const pop3 = await signedIn(
    service.ports.pop3,
    'USER user1@domain1.example\r\nPASS user1\r\n',
    /\+OK.*\r\n.*\+OK.*\r\n.*\+OK/s,
  );
  const plain = Buffer.from('\0user1@domain1.example\0user1').toString('base64');
  const sieve = await signedIn(service.ports.managesieve, `AUTHENTICATE "PLAIN" "${plain}"\r\n`, /OK.*\r\n.*OK.*\r\n/s);
  const heard = [rest(pop3), rest(sieve)];
  const other = await idle('user2');
  await change('user1', 'replace: accountActive\naccountActive: FALSE');
  expect(await imap.closed()).toContain('* BYE [EXPIRED] Sign in again');
  expect(await heard[0]).toBe('');
  expect(await heard[1]).toContain('BYE "Sign in again"');
  // Nobody else's session was touched.
  other.send('DONE\r\n');
  await other.until(/^x OK/m);
  other.close();
});

test('a service that is taken away, and a changed password', async () => {
  const first = await idle('user3');
  await change(
    'user3',
    'add: objectClass\nobjectClass: authorizedServiceObject\n-\nadd: authorizedService\nauthorizedService: pop3',
  );
  expect(await first.closed()).toContain('BYE [EXPIRED]');
  await change('user3', 'replace: authorizedService\nauthorizedService: imap');
  const second = await idle('user3');
  await change('user3', 'replace: userPassword\nuserPassword: another one');
  expect(await second.closed()).toContain('BYE [EXPIRED]');
});
