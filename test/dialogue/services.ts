import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ListenerLimits } from '@postern/shared/smtp/listener.ts';
import { type Surroundings, startRelayUnderTest, startSurroundings } from '../policy/relay-under-test.ts';
import { startTestListener } from '../smtp/support.ts';
import { openSocket, startClientService } from '../support/client-service.ts';
import { type ImapBackends, startImapBackends, startImapStore } from '../support/imap-store.ts';
import { emptyTables } from '../support/mariadb.ts';
import { type Scanner, startClamd } from '../support/scanners.ts';
import type { DialogueService } from './dialogue.ts';

/** How the service of each folder beside this file is started. A new protocol adds its folder here. */
export const services: Readonly<
  Record<string, (settings: Readonly<Record<string, unknown>>) => Promise<DialogueService>>
> = {
  smtp: (settings) => listener('smtp', settings),
  lmtp: (settings) => listener('lmtp', settings),
  imap,
  relay,
  pop3,
  managesieve,
};

let imapBackends: Promise<ImapBackends> | undefined;

/** Beside the sample tree: an account that may keep three messages (RFC 9208 §5.2). */
const FEW = `dn: mail=few@domain2.example,jvd=domain2.example,o=hosting,dc=myhosting,dc=example
changetype: add
objectClass: top
objectClass: JammMailAccount
mail: few@domain2.example
cn: Few Messages
accountActive: TRUE
quota: 200000S,3C
userPassword: few
`;

async function startDialogueBackends(): Promise<ImapBackends> {
  const backends = await startImapBackends();
  await backends.slapd.modify(FEW);
  return backends;
}

/** Databases that dialogues have left: emptied, each saves the next one the migrations, which take longer than it. */
const left: string[] = [];

/** The backends that dialogues share, with an empty database for a store; `giveBack` when that has stopped. */
async function sharedBackends(): Promise<{ readonly backends: ImapBackends; giveBack(): void }> {
  imapBackends ??= startDialogueBackends();
  const shared = await imapBackends;
  let url: string | undefined;
  const createDatabase = async (): Promise<string> => {
    url = left.pop();
    if (url === undefined) url = await shared.database.createDatabase();
    else await emptyTables(url);
    return url;
  };
  return {
    backends: { ...shared, database: { ...shared.database, createDatabase } },
    giveBack: () => {
      if (url !== undefined) left.push(url);
    },
  };
}

/**
 * IMAP on an empty database, with slapd and MariaDB shared by all dialogues; settings are those of `imap`, and `certificates`:
 * `{ "1": "relay" }` has connection 1 come by TLS with this certificate of the tests.
 */
async function imap(settings: Readonly<Record<string, unknown>>): Promise<DialogueService> {
  const { backends, giveBack } = await sharedBackends();
  const { certificates = {}, ...own } = settings as {
    readonly certificates?: Readonly<Record<string, 'relay' | 'stranger'>>;
  };
  const store = await startImapStore(own, backends);
  return {
    open: async (n) => {
      const identity = certificates[String(n)];
      if (identity !== undefined) {
        const { cert, key } = store.pki[identity];
        const secure = connectTls({
          host: '127.0.0.1',
          port: store.tlsPort,
          ca: store.ca,
          cert: readFileSync(cert),
          key: readFileSync(key),
        });
        await once(secure, 'secureConnect');
        return secure;
      }
      const socket = connect({ host: '127.0.0.1', port: store.port });
      await once(socket, 'connect');
      return socket;
    },
    close: () => store.stop().then(giveBack),
  };
}

/** POP3 on an empty database; settings are those of `pop3`. Connection 9 speaks IMAP with the same store. */
async function pop3(settings: Readonly<Record<string, unknown>>): Promise<DialogueService> {
  const { backends, giveBack } = await sharedBackends();
  const { ports, stop } = await startClientService(backends, { pop3: settings });
  return { open: (n) => openSocket(n === 9 ? ports.imap : ports.pop3), close: () => stop().then(giveBack) };
}

/** ManageSieve on an empty database; settings are those of `managesieve`, and the section `sieve`. Connection 9 speaks IMAP with the same store. */
async function managesieve(settings: Readonly<Record<string, unknown>>): Promise<DialogueService> {
  const { backends, giveBack } = await sharedBackends();
  const { sieve, ...managesieve } = settings;
  const { ports, stop } = await startClientService(backends, { managesieve, sieve: Object(sieve) });
  return { open: (n) => openSocket(n === 9 ? ports.imap : ports.managesieve), close: () => stop().then(giveBack) };
}

let surroundings: Promise<Surroundings> | undefined;
let clamd: Promise<Scanner> | undefined;

/** The whole relay before real slapd and an LMTP service that takes everything; settings are those of gateway.yaml, and `scanner`. */
async function relay(settings: Readonly<Record<string, unknown>>): Promise<DialogueService> {
  const { scanner, content, ...own } = settings;
  surroundings ??= startSurroundings();
  if (scanner === 'clamd') clamd ??= startClamd();
  const clamav = scanner === 'clamd' ? { clamav: { socketPath: (await clamd)?.socketPath } } : {};
  const started = await startRelayUnderTest(await surroundings, {
    hostname: 'gateway.test',
    authentication: { enabled: false },
    content: { ...(content as object | undefined), ...clamav },
    ...own,
  });
  return {
    open: () => openSocket(started.relay.ports[0] ?? 0),
    close: () => started.stop(),
  };
}

/** Ends what dialogues share. */
export async function stopSharedServices(): Promise<void> {
  await (await imapBackends)?.stop();
  await (await clamd)?.stop();
  await (await surroundings)?.stop();
}

/** The listener with handlers that take everything but recipients that begin with `no`; settings are its limits, and `proxies`. */
async function listener(
  protocol: 'smtp' | 'lmtp',
  settings: Readonly<Record<string, unknown>>,
): Promise<DialogueService> {
  const { proxies, ...own } = settings;
  const limits: Partial<ListenerLimits> = { softErrorDelayMs: 0, ...own };
  const started = await startTestListener({
    protocol,
    limits,
    proxies: proxies as readonly string[] | undefined,
    extraMailParameters: protocol === 'lmtp' ? ['XDELIVERYID'] : [],
  });
  return {
    open: async () => {
      const socket = connect({ host: started.listener.address, port: started.listener.port });
      await once(socket, 'connect');
      return socket;
    },
    close: () => started.listener.close(1),
  };
}
