import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientService, startClientService } from '../support/client-service.ts';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';
import { range } from '../support/mailstore.ts';
import { mustRun, runProgram } from '../support/program.ts';
import { maildirFiles } from './maildir.ts';

/** POP3 clients that nobody here wrote, each with an account of its own. */
let backends: ImapBackends;
let service: ClientService;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-pop3-'));
  backends = await startImapBackends();
  service = await startClientService(backends);
});
afterAll(async () => {
  await service?.stop();
  await backends?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const letterOf = (n: number): Buffer =>
  Buffer.from(
    `From: a@a.example\r\nSubject: letter ${n}\r\nMessage-ID: <${n}@a.example>\r\n\r\n.dot ${n}\r\n.\r\n..\r\nend\r\n`,
  );

/** user4 and user5 of the sample tree are in the second domain. */
const addressOf = (user: string): string => `${user}@domain${/[45]$/.test(user) ? 2 : 1}.example`;

/** As many as there are numbers, in the INBOX of an account of the sample tree. */
const fill = (user: string, numbers: readonly number[]): Promise<void> =>
  service.append(addressOf(user), numbers.map(letterOf));

async function left(user: string): Promise<number> {
  const { id } = await service.account(addressOf(user));
  return (await service.mailstore.mailboxes.find(id, 'INBOX'))?.counters.messages ?? -1;
}

/** The messages of a Maildir, as the client wrote them, without the fields that clients put before. */
function received(path: string): string[] {
  return maildirFiles(path)
    .map((file) => readFileSync(file, 'latin1').replaceAll('\r\n', '\n'))
    .map((text) => text.slice(text.indexOf('From: a@a.example')))
    .sort();
}

const sent = (numbers: readonly number[]): string[] =>
  numbers.map((n) => letterOf(n).toString('latin1').replaceAll('\r\n', '\n')).sort();

test('curl lists, fetches and deletes, by STLS and by TLS', async () => {
  await fill('user1', [1, 2]);
  const curl = (scheme: 'pop3' | 'pop3s', path: string, ...args: string[]): Promise<string> => {
    const port = service.ports[scheme];
    return mustRun('curl', [
      ...['-sS', '-m', '60', '--cacert', backends.pki.ca, '--ssl-reqd', '-u', 'user1@domain1.example:user1', ...args],
      `${scheme}://localhost:${port}/${path}`,
    ]);
  };
  expect(await curl('pop3', '')).toBe(`1 ${letterOf(1).length}\r\n2 ${letterOf(2).length}\r\n`);
  expect(await curl('pop3', '2')).toBe(letterOf(2).toString());
  expect(await curl('pop3s', '1')).toBe(letterOf(1).toString());
  await curl('pop3s', '1', '-X', 'DELE', '-I');
  expect(await left('user1')).toBe(1);
});

test('getmail fetches over TLS into a Maildir, knows what it has, then deletes', async () => {
  const home = join(folder, 'getmail');
  const maildir = join(home, 'mail');
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, part), { recursive: true });
  const configuration = (remove: boolean): string => {
    const path = join(home, `getmailrc-${remove}`);
    const lines = [
      ...['[retriever]', 'type = SimplePOP3SSLRetriever', 'server = localhost', `port = ${service.ports.pop3s}`],
      ...['username = user2@domain1.example', 'password = user2', `ca_certs = ${join(home, 'ca.pem')}`],
      ...['[destination]', 'type = Maildir', `path = ${maildir}/`],
      ...['[options]', 'read_all = false', `delete = ${remove}`, 'delivered_to = false', 'received = false', ''],
    ];
    writeFileSync(path, lines.join('\n'));
    return path;
  };
  copyFileSync(backends.pki.ca, join(home, 'ca.pem'));
  // It delivers to nobody's Maildir as root.
  const asNobody = process.getuid?.() === 0 ? ['--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  if (asNobody.length > 0) {
    chmodSync(folder, 0o755);
    for (const path of [home, maildir, ...['cur', 'new', 'tmp'].map((part) => join(maildir, part))]) {
      chownSync(path, 65_534, 65_534);
    }
  }
  const getmail = (remove: boolean): Promise<string> =>
    mustRun('setpriv', [...asNobody, 'getmail', '--getmaildir', home, '--rcfile', configuration(remove)], {
      env: { HOME: home },
    });
  const first = range(1, 20);
  await fill('user2', first);
  await getmail(false);
  expect(received(maildir)).toEqual(sent(first));
  expect(await left('user2')).toBe(20);
  // UIDL tells it which ones are new.
  await fill('user2', [21]);
  await getmail(false);
  expect(received(maildir)).toEqual(sent([...first, 21]));
  await getmail(true);
  expect(received(maildir)).toEqual(sent([...first, 21]));
  expect(await left('user2')).toBe(0);
});

test('mpop fetches by STLS, keeps what it is told to keep, deletes the rest', async () => {
  const home = join(folder, 'mpop');
  const maildir = join(home, 'mail');
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, part), { recursive: true });
  const file = join(home, 'mpoprc');
  const lines = [
    ...[
      'account default',
      'host localhost',
      `port ${service.ports.pop3}`,
      'user user3@domain1.example',
      'password user3',
    ],
    ...['auth plain', 'tls on', 'tls_starttls on', `tls_trust_file ${backends.pki.ca}`, 'pipelining on'],
    ...[`delivery maildir ${maildir}`, `uidls_file ${join(home, 'uidls')}`, 'received_header off', ''],
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  await fill('user3', range(1, 20));
  await mustRun('mpop', ['-C', file, '--keep=on']);
  expect(received(maildir)).toEqual(sent(range(1, 20)));
  expect(await left('user3')).toBe(20);
  await fill('user3', [21]);
  await mustRun('mpop', ['-C', file, '--keep=off']);
  expect(received(maildir)).toEqual(sent(range(1, 21)));
  expect(await left('user3')).toBe(0);
});

test('fetchmail fetches by STLS and hands each message to its program', async () => {
  const home = join(folder, 'fetchmail');
  mkdirSync(home);
  const file = join(home, 'fetchmailrc');
  const box = join(home, 'box');
  const lines = [
    `poll localhost service ${service.ports.pop3} protocol POP3 auth password uidl`,
    ` user "user4@domain2.example" password "user4" sslproto tls1.2+ sslcertck sslcertfile "${backends.pki.ca}"`,
    ` keep no rewrite mda "cat >> ${box}"`,
    '',
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  await fill('user4', range(1, 5));
  const fetchmail = (): ReturnType<typeof runProgram> =>
    runProgram(
      'fetchmail',
      ['-f', file, '--nosyslog', '--pidfile', join(home, 'pid'), '-i', join(home, 'ids'), '--invisible'],
      {
        env: { HOME: home, FETCHMAILHOME: home, LC_ALL: 'C' },
      },
    );
  const first = await fetchmail();
  expect(`${first.status} ${first.output}`).toMatch(/^0 /);
  const text = readFileSync(box, 'latin1').replaceAll('\r\n', '\n');
  for (const n of range(1, 5)) {
    expect(text).toContain(`Subject: letter ${n}\n`);
    expect(text).toContain(`\n.dot ${n}\n.\n..\nend\n`);
  }
  expect(await left('user4')).toBe(5);
  // 1: no new mail, by the ids that it kept.
  expect((await fetchmail()).status).toBe(1);
});

test('poplib retrieves 5,000 messages in one session, each the same byte for byte, and deletes them', async () => {
  const numbers = range(1, 5000);
  await fill('user5', numbers);
  const script = `
import hashlib, poplib, ssl, sys
pop = poplib.POP3_SSL('localhost', int(sys.argv[1]), context=ssl.create_default_context(cafile=sys.argv[2]))
pop.user('user5@domain2.example'); pop.pass_('user5')
count, size = pop.stat()
ids = pop.uidl()[1]
assert len(ids) == count == len(set(line.split()[1] for line in ids))
total = 0
digest = hashlib.sha256()
for n in range(1, count + 1):
    lines = pop.retr(n)[1]
    text = b'\\r\\n'.join(lines) + b'\\r\\n'
    total += len(text)
    digest.update(text)
    pop.dele(n)
assert total == size, (total, size)
pop.quit()
print(count, digest.hexdigest())
`;
  const { createHash } = await import('node:crypto');
  const digest = createHash('sha256');
  for (const n of numbers) digest.update(letterOf(n));
  const said = await mustRun('/usr/bin/python3', ['-c', script, String(service.ports.pop3s), backends.pki.ca], {
    deadlineMs: 120_000,
  });
  expect(said.trim()).toBe(`5000 ${digest.digest('hex')}`);
  expect(await left('user5')).toBe(0);
});
