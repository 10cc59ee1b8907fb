import { readFileSync } from 'node:fs';
import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { awaitMailstore } from '@postern/store/awaited-mailstore.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { type ImapServer, startImapServer } from '@postern/store/imap/server.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

/** What stands before the mailbox: greeting, TLS, sign-in, limits. The database is away all the time. */
describe('before a mailbox is opened', () => {
  let pki: TestPki;
  let slapd: Slapd;
  const servers: ImapServer[] = [];
  const clients: ImapDialogue[] = [];
  const closings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    [pki, slapd] = await Promise.all([makeTestPki(), startSlapd()]);
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    for (const server of servers) await server.close();
    for (const close of closings) await close();
    await slapd.stop();
  });

  async function start(imap: object): Promise<ImapServer> {
    const config = storeConfigSchema.parse({
      hostname: 'store.example',
      tls: pki.store,
      ca: pki.ca,
      lmtp: { listen: { address: '127.0.0.1' } },
      imap: {
        listen: { address: '127.0.0.1', port: 0 },
        listenTls: { address: '127.0.0.1', port: 0 },
        ...imap,
      },
      database: { url: 'mysql://nobody@127.0.0.1:1/none' },
      directory: {
        urls: [slapd.url],
        baseDn: slapd.baseDn,
        bindDn: slapd.adminDn,
        bindPassword: slapd.adminPassword,
        ca: slapd.ca,
        defaultDomain: 'domain1.example',
      },
    });
    const log = silentLog();
    const { mailstore } = awaitMailstore({
      open: () => Promise.reject(new Error('away')),
      onUnavailable: () => undefined,
      onAvailable: () => undefined,
      retryMs: 60_000,
      maxRetryMs: 60_000,
    });
    const directory = cachedDirectory(openLdapDirectory(config.directory, log), config.directory);
    const server = await startImapServer({ config, mailstore, directory, log });
    servers.push(server);
    closings.push(
      () => mailstore.close(),
      () => directory.close(),
    );
    return server;
  }

  const open = async (server: ImapServer, ca?: string): Promise<ImapDialogue> => {
    const at = ca === undefined ? server.listening.imap : server.listening.imaps;
    const client = await connectImap(at?.port ?? 0, ca === undefined ? {} : { ca });
    clients.push(client);
    return client;
  };

  test('RFC 9051 §6.2.1: no password in clear; STARTTLS opens the way, and what came before it does not count', async () => {
    const server = await start({});
    const client = await open(server);
    expect(client.greeting).toMatch(/^\* OK \[CAPABILITY IMAP4rev1 .*STARTTLS LOGINDISABLED\]/);
    expect(await client.command('LOGIN user1@domain1.example user1')).toBe('TAG NO [PRIVACYREQUIRED] Begin TLS first');
    client.send('s STARTTLS\r\nx LOGOUT\r\n');
    expect(await client.until(/\r\n/)).toMatch(/^s OK/);
    await client.secure(readFileSync(pki.ca, 'utf8'));
    const capability = await client.command('CAPABILITY');
    expect(capability).toContain('AUTH=PLAIN');
    expect(capability).not.toContain('STARTTLS');
  });

  test('the database away is "try again", a directory that refuses is one text for all reasons', async () => {
    const client = await open(await start({}), readFileSync(pki.ca, 'utf8'));
    expect(await client.command('LOGIN user1@domain1.example user1')).toMatch(/^TAG NO \[UNAVAILABLE\]/);
    const refused = 'TAG NO [AUTHENTICATIONFAILED] Authentication failed';
    expect(await client.command('LOGIN user1@domain1.example wrong')).toBe(refused);
    expect(await client.command('LOGIN nobody@domain1.example user1')).toBe(refused);
    expect(await client.command('LOGIN user1@domain1.example ""')).toBe(refused);
    // This account may use POP3 alone; by now the throttle slows the answer down.
    expect(await client.command('LOGIN poponly@domain1.example poponly')).toBe(refused);
  });

  test('RFC 4959: AUTHENTICATE PLAIN with and without an initial response; cancelled; another mechanism', async () => {
    const client = await open(await start({ allowPlaintextLoopback: true }));
    const plain = Buffer.from('\0user1@domain1.example\0user1').toString('base64');
    expect(await client.command(`AUTHENTICATE PLAIN ${plain}`)).toMatch(/^TAG NO \[UNAVAILABLE\]/);
    client.send('a AUTHENTICATE PLAIN\r\n');
    await client.until(/^\+ \r\n/);
    client.send(`${plain}\r\n`);
    expect(await client.until(/a .*\r\n/)).toMatch(/^a NO \[UNAVAILABLE\]/);
    client.send('b AUTHENTICATE PLAIN\r\n');
    await client.until(/^\+ \r\n/);
    client.send('*\r\n');
    expect(await client.until(/b .*\r\n/)).toMatch(/^b BAD/);
    expect(await client.command('AUTHENTICATE GSSAPI')).toMatch(/^TAG NO \[CANNOT\]/);
  });

  test('bad input gets BAD under its tag, and the connection stays in step', async () => {
    const client = await open(await start({ allowPlaintextLoopback: true }));
    expect(await client.command('FROBNICATE')).toBe('TAG BAD Unknown command');
    expect(await client.command('SELECT INBOX')).toBe('TAG BAD Sign in first');
    expect(await client.command('LOGIN a {2000}')).toMatch(/^TAG NO \[TOOBIG\]/);
    expect(await client.command(`LOGIN a {2000+}\r\n${'x\n'.repeat(1000)} b`)).toMatch(/^TAG NO \[TOOBIG\]/);
    expect(await client.command('x'.repeat(9000))).toBe('TAG BAD Command line too long');
    expect(await client.command('NOOP')).toBe('TAG OK NOOP completed');
    client.send('l LOGIN {4}\r\n');
    await client.until(/^\+ .*\r\n/);
    client.send('user {1+}\r\nx\r\n');
    expect(await client.until(/l .*\r\n/)).toContain('AUTHENTICATIONFAILED');
  });

  test('an endless row of bad commands, a literal beyond all bounds and a slow sign-in end with BYE', async () => {
    const server = await start({ allowPlaintextLoopback: true, loginTimeoutMs: 1000 });
    const stranger = await open(server);
    stranger.send('GET / HTTP/1.1\r\nHost: x\r\n'.repeat(6));
    expect(await stranger.closed()).toContain('* BYE Too many bad commands');
    const giant = await open(server);
    giant.send('a LOGIN {99999999+}\r\n');
    expect(await giant.closed()).toContain('* BYE [TOOBIG]');
    expect(await (await open(server)).closed()).toBe('* BYE Sign-in took too long\r\n');
  });

  test('a stop says BYE; LOGOUT too', async () => {
    const server = await start({});
    const leaving = await open(server);
    expect(await leaving.command('LOGOUT')).toBe('* BYE Goodbye\nTAG OK LOGOUT completed');
    await leaving.closed();
    const staying = await open(server);
    await server.close();
    expect(await staying.closed()).toBe('* BYE [UNAVAILABLE] The server is stopping\r\n');
    expect(server.sessions).toBe(0);
  });
});
