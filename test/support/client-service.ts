import { once } from 'node:events';
import { connect } from 'node:net';
import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { openLog, silentLog } from '@postern/shared/runtime/log.ts';
import { type StoreConfig, storeConfigSchema } from '@postern/store/config.ts';
import type { SessionServer } from '@postern/store/connection/session-server.ts';
import { startImapServer } from '@postern/store/imap/server.ts';
import { type Mailstore, openMailstore, type StoredAccount } from '@postern/store/mailstore/mailstore.ts';
import { startManageSieveServer } from '@postern/store/managesieve/server.ts';
import { startPop3Server } from '@postern/store/pop3/server.ts';
import type { LoginThrottle } from '@postern/store/sign-in/login-throttle.ts';
import { OpenSessions } from '@postern/store/sign-in/open-sessions.ts';
import { OwnLimits } from '@postern/store/sign-in/sign-in-limits.ts';
import type { ImapBackends } from './imap-store.ts';
import { NO_QUOTA } from './mailstore.ts';

/** POP3 and ManageSieve with IMAP beside them, over one mailstore, in the process of the test. */
export interface ClientService {
  readonly mailstore: Mailstore;
  readonly throttle: LoginThrottle;
  readonly databaseUrl: string;
  readonly ports: Readonly<Record<'pop3' | 'pop3s' | 'managesieve' | 'imap', number>>;
  /** How many are open now. */
  readonly sessions: { readonly pop3: number };
  /** The account of an address of the sample tree. */
  account(address: string): Promise<StoredAccount>;
  /** Puts messages into an INBOX, as they are. */
  append(address: string, messages: readonly Buffer[]): Promise<void>;
  stop(): Promise<void>;
}

export interface ClientSettings {
  readonly pop3?: object;
  readonly managesieve?: object;
  readonly sieve?: object;
  /** A database that has been used before. */
  readonly databaseUrl?: string;
  /** Sessions are judged again so often; left out: never. */
  readonly signInRecheckMs?: number;
}

const LISTEN = { address: '127.0.0.1', port: 0 };

/** Starts the services on an empty database. */
export async function startClientService(
  backends: ImapBackends,
  settings: ClientSettings = {},
): Promise<ClientService> {
  const { pki, slapd } = backends;
  const databaseUrl = settings.databaseUrl ?? (await backends.database.createDatabase());
  const clear = { allowPlaintextLoopback: true };
  const config: StoreConfig = storeConfigSchema.parse({
    hostname: 'store.example',
    tls: pki.store,
    ca: pki.ca,
    lmtp: { listen: LISTEN },
    imap: { listen: LISTEN, ...clear },
    pop3: { listen: LISTEN, listenTls: LISTEN, ...clear, ...settings.pop3 },
    managesieve: { listen: LISTEN, ...clear, ...settings.managesieve },
    sieve: settings.sieve,
    database: { url: databaseUrl },
    directory: {
      urls: [slapd.url],
      baseDn: slapd.baseDn,
      bindDn: slapd.adminDn,
      bindPassword: slapd.adminPassword,
      ca: slapd.ca,
      defaultDomain: 'domain1.example',
      // Who judges sessions often wants to hear soon what changed.
      ...(settings.signInRecheckMs === undefined ? {} : { foundTtlMs: settings.signInRecheckMs }),
    },
  });
  const log = process.env.POSTERN_TEST_LOG === undefined ? silentLog() : openLog({ name: 'test', level: 'debug' });
  const mailstore = await openMailstore({ url: databaseUrl, connections: 8, log });
  const directory = cachedDirectory(openLdapDirectory(config.directory, log), config.directory);
  const openSessions =
    settings.signInRecheckMs === undefined
      ? undefined
      : new OpenSessions(directory, log, settings.signInRecheckMs, config.directory.foundTtlMs);
  const parts = { config, mailstore, directory, log, limits: new OwnLimits(), openSessions };
  const imap = await startImapServer(parts);
  const pop3 = (await startPop3Server(parts)) as SessionServer;
  const managesieve = (await startManageSieveServer(parts)) as SessionServer;
  const account = async (address: string): Promise<StoredAccount> => {
    const answer = await directory.lookUp(address);
    if (answer.kind !== 'account') throw new Error(`${address}: ${answer.kind}`);
    const ensured = await mailstore.accounts.ensure(answer.account);
    if (ensured.kind !== 'ready') throw new Error(ensured.kind);
    return ensured.account;
  };
  return {
    mailstore,
    throttle: parts.limits.throttle,
    databaseUrl,
    ports: {
      pop3: pop3.listening.plain?.port ?? 0,
      pop3s: pop3.listening.tls?.port ?? 0,
      managesieve: managesieve.listening.plain?.port ?? 0,
      imap: imap.listening.imap?.port ?? 0,
    },
    sessions: {
      get pop3() {
        return pop3.sessions;
      },
    },
    account,
    async append(address, messages) {
      const inbox = await mailstore.mailboxes.find((await account(address)).id, 'INBOX');
      if (inbox === undefined) throw new Error('no INBOX');
      for (let from = 0; from < messages.length; from += 500) {
        const appended = await mailstore.messages.append(
          inbox.id,
          await Promise.all(
            messages.slice(from, from + 500).map(async (message) => ({
              content: await mailstore.contents.put(message),
              flags: { system: 0, keywords: [] },
              internalDate: new Date('2026-02-02T10:00:00Z'),
            })),
          ),
          NO_QUOTA,
        );
        if (appended.kind !== 'appended') throw new Error(appended.kind);
      }
    },
    async stop() {
      await Promise.all([imap.close(), pop3.close(), managesieve.close()]);
      await openSessions?.close();
      await directory.close();
      await mailstore.close();
    },
  };
}

/** A connection to a port of this machine, open. */
export async function openSocket(port: number): Promise<ReturnType<typeof connect>> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  return socket;
}
