import { readFileSync } from 'node:fs';
import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { openLog, silentLog } from '@postern/shared/runtime/log.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { type ImapServer, startImapServer } from '@postern/store/imap/server.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { connectImap, type ImapDialogue } from './imap-dialogue.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from './mariadb.ts';
import { makeTestPki, type TestPki } from './pki.ts';
import { type Slapd, startSlapd } from './slapd.ts';

/** IMAP over a real mailstore on MariaDB and a real slapd, in the process of the test. */
export interface ImapStore {
  readonly server: ImapServer;
  readonly mailstore: Mailstore;
  readonly pki: TestPki;
  readonly slapd: Slapd;
  readonly port: number;
  readonly tlsPort: number;
  readonly databaseUrl: string;
  /** PEM text of the CA. */
  readonly ca: string;
  /** A connection on which the user of this address (password: its local part) has signed in and, if given, selected a mailbox. */
  signIn(address: string, select?: string): Promise<ImapDialogue>;
  stop(): Promise<void>;
}

/** What stands behind IMAP: certificates, a slapd with the sample tree, a MariaDB. One set serves many stores. */
export interface ImapBackends {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  readonly database: TestDatabase;
  stop(): Promise<void>;
}

export async function startImapBackends(): Promise<ImapBackends> {
  const starting = startTestDatabase(WITHOUT_POWER_CUTS);
  const [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), starting]);
  return {
    pki,
    slapd,
    database,
    async stop() {
      await Promise.all([slapd.stop(), database.stop()]);
    },
  };
}

/** Starts a store on an empty database, on backends of its own unless some are given. `imap` are settings of IMAP. */
export async function startImapStore(imap: object = {}, given?: ImapBackends): Promise<ImapStore> {
  const backends = given ?? (await startImapBackends());
  const { pki, slapd } = backends;
  const databaseUrl = given === undefined ? backends.database.url : await backends.database.createDatabase();
  const config = storeConfigSchema.parse({
    hostname: 'store.example',
    tls: pki.store,
    ca: pki.ca,
    lmtp: { listen: { address: '127.0.0.1' } },
    imap: {
      listen: { address: '127.0.0.1', port: 0 },
      listenTls: { address: '127.0.0.1', port: 0 },
      allowPlaintextLoopback: true,
      ...imap,
    },
    database: { url: databaseUrl, connections: 8 },
    directory: {
      urls: [slapd.url],
      baseDn: slapd.baseDn,
      bindDn: `cn=store,${slapd.suffix}`,
      bindPassword: 'store',
      ca: slapd.ca,
      defaultDomain: 'domain1.example',
    },
  });
  // POSTERN_TEST_LOG=1 shows what the server logs.
  const log = process.env.POSTERN_TEST_LOG === undefined ? silentLog() : openLog({ name: 'test', level: 'debug' });
  const mailstore = await openMailstore({ url: databaseUrl, connections: 8, log, leaseAccounts: true });
  const directory = cachedDirectory(openLdapDirectory(config.directory, log), config.directory);
  const server = await startImapServer({ config, mailstore, directory, log });
  const port = server.listening.imap?.port ?? 0;
  const clients: ImapDialogue[] = [];
  return {
    server,
    mailstore,
    pki,
    slapd,
    port,
    tlsPort: server.listening.imaps?.port ?? 0,
    databaseUrl,
    ca: readFileSync(pki.ca, 'utf8'),
    async signIn(address, select) {
      const client = await connectImap(port);
      clients.push(client);
      const answer = await client.command(`LOGIN ${address} ${address.split('@')[0]}`);
      if (!answer.startsWith('TAG OK')) throw new Error(answer);
      if (select !== undefined) await client.command(`SELECT ${select}`);
      return client;
    },
    async stop() {
      for (const client of clients) client.close();
      await server.close();
      await directory.close();
      await mailstore.close();
      if (given === undefined) await backends.stop();
    },
  };
}
