import { readFileSync } from 'node:fs';
import { DELIVERY_ID_KEYWORD } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Listener, type ReceivedEnvelope, startListener } from '@postern/shared/smtp/listener.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { ImapFlow } from 'imapflow';
import { createTransport, type Transporter } from 'nodemailer';
import { connectImap, type ImapDialogue } from './imap-dialogue.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from './mariadb.ts';
import { makeTestPki, type TestPki } from './pki.ts';
import { type Slapd, startSlapd } from './slapd.ts';
import { type StoreProcess, startStore } from './store-process.ts';

const NO_RELAY: Reply = reply(451, '4.3.2', 'Not now');
const LISTEN = { address: '127.0.0.1', port: 0 };

/** A message that came to the relay's side. */
export interface Relayed {
  readonly envelope: ReceivedEnvelope;
  readonly deliveryId: string | undefined;
  readonly content: string;
}

/** What the hub sees of a relay: STARTTLS, a client certificate demanded, XDELIVERYID remembered. */
export interface RelaySide {
  readonly port: number;
  /** Each recipient of a delivery id once, as a relay that remembers them has it. */
  readonly messages: Relayed[];
  /** How often a transaction came again whose id was known. */
  readonly repetitions: number;
  /** Refuses recipients; undefined takes them. */
  refuse: (address: string) => Reply | undefined;
  /** Called after a message was taken, before the reply: a reply in its place, or nothing. */
  afterTaking: () => Promise<Reply | undefined> | Reply | undefined;
  /** The first message that satisfies; waits for it. */
  next(what: (message: Relayed) => boolean): Promise<Relayed>;
  close(): Promise<void>;
}

export async function startRelaySide(pki: TestPki, port = 0): Promise<RelaySide> {
  const messages: Relayed[] = [];
  const known = new Map<string, { bytes: string; had: Set<string> }>();
  const side = {
    repetitions: 0,
    refuse: (_address: string): Reply | undefined => undefined,
    afterTaking: (): Promise<Reply | undefined> | Reply | undefined => undefined,
  };
  const listener: Listener = await startListener({
    protocol: 'smtp',
    hostname: 'relay.example',
    address: '127.0.0.1',
    port,
    tls: {
      mode: 'starttls',
      cert: readFileSync(pki.relay.cert, 'utf8'),
      key: readFileSync(pki.relay.key, 'utf8'),
      clientCa: readFileSync(pki.ca, 'utf8'),
    },
    extraMailParameters: [DELIVERY_ID_KEYWORD],
    log: silentLog(),
    handlers: {
      onMail: (session) => (session.tls?.peer?.commonName === 'store.example' ? reply(250, '2.1.0', 'OK') : NO_RELAY),
      onRecipient: (_, { address }) => side.refuse(address) ?? reply(250, '2.1.5', 'OK'),
      async onData(_, envelope, { content }) {
        const deliveryId = envelope.extra.get(DELIVERY_ID_KEYWORD);
        const bytes = content.toString('latin1');
        const before = known.get(deliveryId ?? '') ?? { bytes, had: new Set<string>() };
        // Other bytes under the same id would be an alarm.
        if (before.bytes !== bytes) return reply(451, '4.3.5', 'The same id with other bytes');
        if (deliveryId !== undefined) known.set(deliveryId, before);
        const fresh = envelope.recipients.filter(({ address }) => !before.had.has(address));
        for (const { address } of fresh) before.had.add(address);
        if (fresh.length > 0)
          messages.push({ envelope: { ...envelope, recipients: fresh }, deliveryId, content: bytes });
        else side.repetitions++;
        return (await side.afterTaking()) ?? reply(250, '2.0.0', 'Queued');
      },
    },
  });
  return Object.assign(side, {
    port: listener.port,
    messages,
    next: (what: (message: Relayed) => boolean) => eventually(() => messages.find(what)),
    close: () => listener.close(0),
  });
}

/** A store with its hub on real backends, and the relay's side. */
export interface HubStack {
  readonly pki: TestPki;
  readonly slapd: Slapd;
  readonly database: TestDatabase;
  readonly databaseUrl: string;
  readonly relay: RelaySide;
  /** The process that runs now. */
  store: StoreProcess;
  /** Starts the store anew, after it was killed or stopped. */
  restart(): Promise<void>;
  /** A mail program of this user, over STARTTLS. */
  mailer(user: string, options?: object): Transporter;
  /** Sources of the messages in a mailbox, latin1. */
  read(user: string, mailbox?: string): Promise<string[]>;
  /** The first message that has the text; waits for it. */
  arrived(user: string, text: string, mailbox?: string): Promise<string>;
  imap(user: string): Promise<ImapFlow>;
  /** A bare IMAP connection on which the user has signed in. */
  dialogue(user: string): Promise<ImapDialogue>;
  stop(): Promise<void>;
}

export interface HubStackOptions {
  /** Further settings of the hub; asked for at each start of the store. */
  readonly hub?: object | (() => object);
  readonly queue?: object;
  /** Called when directory and database stand, before the store starts. */
  readonly beforeStore?: (parts: Pick<HubStack, 'pki' | 'slapd' | 'database'>) => Promise<void>;
  readonly workers?: number;
}

export async function startHubStack(options: HubStackOptions = {}): Promise<HubStack> {
  const [pki, slapd, database] = await Promise.all([
    makeTestPki(),
    startSlapd(),
    startTestDatabase(WITHOUT_POWER_CUTS),
  ]);
  const databaseUrl = await database.createDatabase();
  const relay = await startRelaySide(pki);
  const start = (): Promise<StoreProcess> =>
    startStore({
      pki,
      slapd,
      databaseUrl,
      config: {
        ...(options.workers === undefined ? {} : { workers: options.workers }),
        imap: { listen: LISTEN, listenTls: LISTEN, allowPlaintextLoopback: true },
        hub: {
          submission: { listen: LISTEN, listenTls: LISTEN },
          relay: { host: '127.0.0.1', port: relay.port, serverName: 'relay.example', identity: pki.store },
          queue: { pollMs: 50, retryMs: 100, maxRetryMs: 400, leaseMs: 1_500, ...options.queue },
          ...(typeof options.hub === 'function' ? options.hub() : options.hub),
        },
      },
    });
  await options.beforeStore?.({ pki, slapd, database });
  const stack: HubStack = {
    pki,
    slapd,
    database,
    databaseUrl,
    relay,
    store: await start(),
    async restart() {
      stack.store = await start();
    },
    mailer: (user, more = {}) =>
      createTransport({
        host: '127.0.0.1',
        port: stack.store.ready.submission as number,
        requireTLS: true,
        tls: { ca: readFileSync(pki.ca, 'utf8'), servername: 'store.example' },
        auth: { user, pass: user.split('@')[0] ?? '' },
        ...more,
      }),
    async imap(user) {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: stack.store.ready.imaps as number,
        secure: true,
        tls: { ca: readFileSync(pki.ca), servername: 'store.example' },
        auth: { user, pass: user.split('@')[0] ?? '' },
        logger: false,
        disableAutoIdle: true,
      });
      await client.connect();
      return client;
    },
    async dialogue(user) {
      const client = await connectImap(stack.store.ready.imap as number);
      const answer = await client.command(`LOGIN ${user} ${user.split('@')[0]}`);
      if (!answer.startsWith('TAG OK')) throw new Error(answer);
      return client;
    },
    async read(user, mailbox = 'INBOX') {
      const client = await stack.imap(user);
      try {
        await client.mailboxOpen(mailbox, { readOnly: true });
        const found: string[] = [];
        for await (const { source } of client.fetch('1:*', { source: true }))
          found.push(source?.toString('latin1') ?? '');
        return found;
      } finally {
        client.close();
      }
    },
    arrived: (user, text, mailbox) =>
      eventually(async () => (await stack.read(user, mailbox)).find((source) => source.includes(text))),
    async stop() {
      await stack.store.stop();
      await relay.close();
      await Promise.all([slapd.stop(), database.stop()]);
      pki.remove();
    },
  };
  return stack;
}

const DEADLINE_MS = 60_000;

/** The first answer that is not undefined; asked again until a generous deadline. */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const until = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error('what was waited for did not happen');
    await new Promise((done) => setTimeout(done, 40));
  }
}
