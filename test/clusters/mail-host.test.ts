import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StoreSettings, storeSettings } from '@postern/infra/demo/configuration.ts';
import { layoutOf } from '@postern/infra/demo/layout.ts';
import { startNodeProcess } from '@postern/infra/demo/node-process.ts';
import type { RunningPart } from '@postern/infra/demo/supervisor.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { impatient, untilSpoolIsEmpty } from '../faults/after-a-fault.ts';
import { freePortOn } from '../faults/lmtp-proxy.ts';
import { readInbox } from '../faults/mailbox-reader.ts';
import { openChance } from '../faults/seed.ts';
import { makeMessage } from '../faults/sent-message.ts';
import { SmtpSender } from '../faults/smtp-sender.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const HERE = { address: 'user1@domain1.example', password: 'user1' };
const THERE = { address: 'user2@domain1.example', password: 'user2' };

let stack: TestStack;
let secondDatabase: TestDatabase;
let second: RunningPart | undefined;
let ports: { readonly lmtp: number; readonly imap: number };

beforeAll(async () => {
  ports = { lmtp: await freePortOn('127.0.0.3'), imap: await freePortOn('127.0.0.3') };
  secondDatabase = await startTestDatabase();
  stack = await startStack({
    relay(settings) {
      const { store, ...others } = impatient(settings);
      const stores = { second: { ...store.lmtp, port: ports.lmtp } };
      return { ...others, store: { ...store, stores } };
    },
  });
  await stack.slapd?.modify(
    `dn: mail=${THERE.address},jvd=domain1.example,${stack.slapd.baseDn}
changetype: modify
add: objectClass
objectClass: inetLocalMailRecipient
-
add: mailHost
mailHost: second
`,
  );
  await startSecond();
});

afterAll(async () => {
  await second?.stop();
  await stack?.stop();
  await secondDatabase?.stop();
});

/** A second store with a database of its own: the first one's settings on other ports. */
async function startSecond(): Promise<void> {
  const first = parse(readFileSync(join(stack.folder, 'etc', 'store.yaml'), 'utf8')) as StoreSettings;
  const { imap } = storeSettings(layoutOf(stack.folder));
  const settings: StoreSettings = {
    hostname: 'store2.corp.example',
    tls: first.tls,
    ca: first.ca,
    directory: first.directory,
    lmtp: { ...first.lmtp, listen: { address: '127.0.0.3', port: ports.lmtp } },
    imap: { ...imap, listen: { address: '127.0.0.3', port: ports.imap }, listenTls: undefined },
    database: { url: secondDatabase.url },
  };
  const config = join(stack.folder, 'etc', 'store2.yaml');
  writeFileSync(config, stringify(settings));
  const logFile = join(stack.folder, 'log', 'store2.log');
  second = await startNodeProcess({ name: 'store2', script: 'store/main.ts', args: ['--config', config], logFile });
}

/** Ids in an INBOX, as one of the stores shows it. */
async function idsIn(store: 'first' | 'second', account: typeof HERE): Promise<string[]> {
  const imap = store === 'first' ? stack.endpoints.imap : { host: '127.0.0.3', port: ports.imap };
  const { messages } = await readInbox({ endpoints: { imap } }, account);
  return messages.map(({ bytes }) => /^X-Fault-Id: (\S+)\r$/m.exec(bytes.toString('latin1'))?.[1] ?? '').sort();
}

test('a message for both goes to the store of each; while one is away its mail waits, and the other’s does not', {
  timeout: 120_000,
}, async () => {
  const chance = openChance('two stores');
  let n = 0;
  const send = async (recipients: readonly string[]): Promise<string> => {
    const message = makeMessage(chance, n++, { recipients });
    const sender = await SmtpSender.open(stack.endpoints.smtp);
    const attempt = await sender.send(message);
    sender.close();
    expect(attempt).toMatchObject({ kind: 'accepted' });
    return message.id;
  };
  const both = [await send([HERE.address, THERE.address])];
  const here = [await send([HERE.address])];
  const there = [await send([THERE.address])];
  await untilSpoolIsEmpty(stack);
  expect(await idsIn('first', HERE)).toEqual([...both, ...here].sort());
  expect(await idsIn('second', THERE)).toEqual([...both, ...there].sort());

  await second?.stop();
  both.push(await send([HERE.address, THERE.address]));
  there.push(await send([THERE.address]));
  here.push(await send([HERE.address]));
  await expect.poll(() => idsIn('first', HERE), { timeout: 60_000 }).toEqual([...both, ...here].sort());
  await startSecond();
  await untilSpoolIsEmpty(stack);
  expect(await idsIn('second', THERE)).toEqual([...both, ...there].sort());
  // Nobody's mail went where they do not live.
  expect(await idsIn('first', THERE)).toEqual([]);
  expect(await idsIn('second', HERE)).toEqual([]);
});
