import { readFileSync } from 'node:fs';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Mailstore, openMailstore, type StoredAccount } from '@postern/store/mailstore/mailstore.ts';
import { ImapFlow } from 'imapflow';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { type LmtpDialogue, openLmtp } from '../support/lmtp-dialogue.ts';
import { startTestDatabase } from '../support/mariadb.ts';
import { makeTestPki } from '../support/pki.ts';
import { startSlapd } from '../support/slapd.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

/** A message on its way in. */
export interface Letter {
  readonly to: string;
  readonly from?: string;
  readonly subject?: string;
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly id?: string;
  readonly parameters?: string;
  readonly orcpt?: string;
}

/** The store as a process, with mail brought by LMTP and read by IMAP; rows are seen through the mailstore's door. */
export interface SieveStore {
  readonly process: StoreProcess;
  readonly mailstore: Mailstore;
  /** What it takes, by name: the store, its database, the directory. */
  readonly programs: readonly { readonly name: string; readonly pid: number }[];
  /** Final reply of LMTP. */
  deliver(letter: Letter): Promise<string>;
  /** A further connection; messages on it go one after the other. */
  connect(): Promise<{ deliverText(to: string, text: string): Promise<void>; close(): void }>;
  account(address: string): Promise<StoredAccount>;
  /** The account's only script, compiled or not. */
  useScript(address: string, text: string): Promise<void>;
  imap(address: string): Promise<ImapFlow>;
  /** Subjects and flags of a mailbox, oldest first. */
  mailbox(address: string, name: string): Promise<{ subject: string; flags: string[]; source: string }[]>;
  /** What has come into the hub's queue for an account since the last time. */
  newOutgoing(address: string): Promise<{ cause: string; from: string; to: string[]; content: string }[]>;
  restart(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export function letterText({
  to,
  from = 'ann@a.example',
  subject = 'Hello',
  fields = [],
  body = 'Text.',
}: Letter): string {
  return [`From: <${from || 'ann@a.example'}>`, `To: <${to}>`, `Subject: ${subject}`, ...fields, '', body].join('\r\n');
}

export async function startSieveStore(sieve: object = {}): Promise<SieveStore> {
  const [pki, slapd, database] = await Promise.all([makeTestPki(), startSlapd(), startTestDatabase()]);
  const config = {
    sieve,
    imap: { listen: { address: '127.0.0.1', port: 0 }, allowPlaintextLoopback: true },
  };
  const start = (): Promise<StoreProcess> => startStore({ pki, slapd, databaseUrl: database.url, config });
  let process = await start();
  const mailstore = await openMailstore({ url: database.url, connections: 2, log: silentLog(), migrate: false });
  let lmtp: LmtpDialogue | undefined;
  const clients: ImapFlow[] = [];
  const seen = new Set<string>();
  const connected = async (): Promise<LmtpDialogue> => {
    lmtp ??= await openLmtp({ port: process.ready.lmtp, ca: pki.ca, identity: pki.relay });
    await lmtp.say('LHLO relay.example');
    return lmtp;
  };
  const account = async (address: string): Promise<StoredAccount> => {
    const found = await mailstore.accounts.find(address);
    if (found !== undefined) return found;
    // RCPT makes the account.
    const dialogue = await connected();
    await dialogue.say('MAIL FROM:<ann@a.example>');
    await dialogue.say(`RCPT TO:<${address}>`);
    await dialogue.say('RSET');
    return (await mailstore.accounts.find(address)) ?? Promise.reject(new Error(`no account ${address}`));
  };
  const store: SieveStore = {
    get process() {
      return process;
    },
    mailstore,
    get programs() {
      return [
        { name: 'store', pid: process.pid },
        { name: 'mariadbd', pid: database.pid },
        { name: 'slapd', pid: slapd.pid },
      ];
    },
    account,
    async deliver(letter) {
      const dialogue = await connected();
      const id = letter.id ?? newDeliveryId();
      const from = letter.from ?? 'ann@a.example';
      await dialogue.say(`MAIL FROM:<${from}> XDELIVERYID=${id}${letter.parameters ?? ''}`);
      const orcpt = letter.orcpt === undefined ? '' : ` ORCPT=rfc822;${letter.orcpt}`;
      const accepted = await dialogue.say(`RCPT TO:<${letter.to}>${orcpt}`);
      if (!accepted.startsWith('250')) throw new Error(accepted);
      const [reply = ''] = await dialogue.data(`Message-ID: <${id}@a.example>\r\n${letterText(letter)}`, 1);
      return reply;
    },
    async connect() {
      const dialogue = await openLmtp({ port: process.ready.lmtp, ca: pki.ca, identity: pki.relay });
      await dialogue.say('LHLO relay.example');
      return {
        async deliverText(to, text) {
          await dialogue.say(`MAIL FROM:<ann@a.example> XDELIVERYID=${newDeliveryId()}`);
          await dialogue.say(`RCPT TO:<${to}>`);
          const [reply = ''] = await dialogue.data(text, 1);
          if (!reply.startsWith('250')) throw new Error(reply);
        },
        close: () => dialogue.close(),
      };
    },
    async useScript(address, text) {
      const { id } = await account(address);
      await mailstore.scripts.put(id, 'main', text);
      await mailstore.scripts.setActive(id, 'main');
    },
    async imap(address) {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: process.ready.imap as number,
        secure: false,
        tls: { ca: readFileSync(pki.ca), servername: 'localhost' },
        auth: { user: address, pass: address.split('@')[0] ?? '' },
        logger: false,
        disableAutoIdle: true,
      });
      await client.connect();
      clients.push(client);
      return client;
    },
    async mailbox(address, name) {
      const client = await this.imap(address);
      try {
        await client.mailboxOpen(name);
        const found: { subject: string; flags: string[]; source: string }[] = [];
        if (client.mailbox === false || client.mailbox.exists === 0) return found;
        for await (const each of client.fetch('1:*', { envelope: true, flags: true, source: true })) {
          found.push({
            subject: each.envelope?.subject ?? '',
            flags: [...(each.flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
            source: each.source?.toString('utf8') ?? '',
          });
        }
        return found;
      } finally {
        await client.logout();
      }
    },
    async newOutgoing(address) {
      const { id } = await account(address);
      // The hub is at work on the queue: what it was given is in the rows, whatever has become of it. DSNs are the hub's own.
      const connection = await createConnection(database.url);
      try {
        const [rows] = await connection.query<RowDataPacket[]>(
          `SELECT o.id, o.cause, CAST(o.envelope AS CHAR) AS envelope, o.content_id,
             (SELECT GROUP_CONCAT(r.address) FROM outgoing_recipient r WHERE r.outgoing_id = o.id) AS recipients
           FROM outgoing o WHERE o.account_id = ? AND o.cause <> 'dsn' ORDER BY o.created_at, o.id`,
          [id],
        );
        const fresh = rows.filter((row) => !seen.has(row.id));
        for (const row of fresh) seen.add(row.id);
        return await Promise.all(
          fresh.map(async (row) => ({
            cause: row.cause as string,
            from: (JSON.parse(row.envelope) as { reversePath: string }).reversePath,
            to: (row.recipients as string).split(','),
            content: (await mailstore.messages.readBody(row.content_id)).toString('utf8'),
          })),
        );
      } finally {
        await connection.end();
      }
    },
    async restart() {
      lmtp?.close();
      lmtp = undefined;
      process = await start();
    },
    async kill() {
      await process.kill();
    },
    async stop() {
      lmtp?.close();
      for (const client of clients) client.close();
      await mailstore.close();
      await process.stop();
      await Promise.all([slapd.stop(), database.stop()]);
      pki.remove();
    },
  };
  return store;
}
