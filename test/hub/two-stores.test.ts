import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type HubStack, startHubStack } from '../support/hub.ts';
import { type StoreProcess, startStore } from '../support/store-process.ts';

const LISTEN = { address: '127.0.0.1', port: 0 };
const ME = 'user1@domain1.example';
const THERE = 'user4@domain2.example';
const NOWHERE = 'user5@domain2.example';

let stack: HubStack;
let north: StoreProcess;

/** Two stores of one house, each with a database of its own, and one directory; user4 lives in the second. */
beforeAll(async () => {
  let portOfNorth = 0;
  stack = await startHubStack({
    hub: () => ({ stores: { north: { host: '127.0.0.1', port: portOfNorth, serverName: 'store.example' } } }),
    async beforeStore({ pki, slapd, database }) {
      const entry = (address: string, store: string): string =>
        [
          `dn: mail=${address},jvd=domain2.example,o=hosting,dc=myhosting,dc=example`,
          'changetype: modify',
          'add: objectClass',
          'objectClass: inetLocalMailRecipient',
          '-',
          'add: mailHost',
          `mailHost: ${store}`,
          '',
          '',
        ].join('\n');
      await slapd.modify(entry(THERE, 'North') + entry(NOWHERE, 'south.example'));
      north = await startStore({
        ...{ pki, slapd, databaseUrl: await database.createDatabase() },
        config: {
          imap: { listen: LISTEN, listenTls: LISTEN, allowPlaintextLoopback: true },
          lmtp: { listen: LISTEN, peers: ['store.example'] },
        },
      });
      portOfNorth = north.ready.lmtp as number;
    },
  });
});

afterAll(async () => {
  await north?.stop();
  await stack?.stop();
});

async function inNorth(user: string): Promise<string[]> {
  const client = new ImapFlow({
    ...{ host: '127.0.0.1', port: north.ready.imap as number, secure: false, doSTARTTLS: false, logger: false },
    auth: { user, pass: user.split('@')[0] ?? '' },
  });
  await client.connect();
  try {
    await client.mailboxOpen('INBOX', { readOnly: true });
    const found: string[] = [];
    for await (const { source } of client.fetch('1:*', { source: true })) found.push(source?.toString('latin1') ?? '');
    return found;
  } finally {
    client.close();
  }
}

describe('accounts of another store', () => {
  const send = (subject: string, to: readonly string[], dsn?: object) =>
    stack.mailer(ME).sendMail({
      envelope: { from: ME, to: [...to] },
      raw: `From: ${ME}\r\nTo: somebody\r\nSubject: ${subject}\r\n\r\nHello\r\n`,
      ...(dsn === undefined ? {} : { dsn }),
    });

  it('get their mail there, by LMTP and once, and those of this one here', async () => {
    const dsn = { id: 'e', return: 'headers', notify: 'success', recipient: THERE };
    await send('to both stores', [THERE, 'user2@domain1.example'], dsn);
    await stack.arrived('user2@domain1.example', 'Subject: to both stores');
    const [there, ...more] = await eventually(async () => {
      const found = (await inNorth(THERE)).filter((source) => source.includes('Subject: to both stores'));
      return found.length > 0 ? found : undefined;
    });
    expect(more).toEqual([]);
    expect(there).toMatch(/^Return-Path: <user1@domain1\.example>\r\n/);
    expect(await stack.read(THERE)).toEqual([]);
    expect(stack.relay.messages).toEqual([]);
    await stack.store.logged({ event: 'delivered', to: THERE, next: 'north' });
    const report = await stack.arrived(ME, `Final-Recipient: rfc822; ${THERE}`);
    expect(report).toContain('Action: delivered');
  });

  it('wait when their store is not configured, and get nothing in this one', async () => {
    await send('to nowhere', [NOWHERE]).catch(() => undefined);
    const line = await stack.store.logged({ event: 'deferred', to: NOWHERE });
    expect(line).toMatchObject({
      cause: 'hub.stores has no south.example',
      reply: expect.stringMatching(/^451 4\.3\.5/),
    });
    expect(await stack.read(NOWHERE)).toEqual([]);
  });

  it('of a store that is away get theirs when it is back', async () => {
    await north.stop();
    await send('while it was away', [THERE]);
    await stack.store.logged({ event: 'deferred', to: THERE });
    north = await startStore({
      ...{ pki: stack.pki, slapd: stack.slapd, databaseUrl: await stack.database.createDatabase() },
      lmtpPort: north.ready.lmtp as number,
      config: {
        imap: { listen: LISTEN, listenTls: LISTEN, allowPlaintextLoopback: true },
        lmtp: { listen: { ...LISTEN, port: north.ready.lmtp as number }, peers: ['store.example'] },
      },
    });
    await eventually(async () => {
      const found = await inNorth(THERE);
      return found.some((source) => source.includes('Subject: while it was away')) ? true : undefined;
    });
  });
});
