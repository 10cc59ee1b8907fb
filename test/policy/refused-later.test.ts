import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { type Listener, startListener } from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DnsServer, startDns } from '../support/dns.ts';
import {
  expectLogged,
  message,
  type RelayUnderTest,
  type Surroundings,
  startRelayUnderTest,
  startSurroundings,
  USER1,
  USER2,
} from './relay-under-test.ts';

/** Invariant 3: mail that was answered 250 for one recipient and is refused for good by another's store afterwards. */
const PATIENCE = { timeout: 10_000 };
const QUARANTINE = 'user3@domain1.example';
let surroundings: Surroundings;
let dns: DnsServer;
let relay: RelayUnderTest;
let smartHost: Listener;
const outside: { from: string; to: string[]; content: string }[] = [];

beforeAll(async () => {
  surroundings = await startSurroundings();
  dns = await startDns({
    'TXT known.example': ['v=spf1 ip4:127.0.0.9 -all'],
    'A known.example': ['127.0.0.9'],
  });
  smartHost = await startListener({
    protocol: 'smtp',
    hostname: 'out.example',
    address: '127.0.0.1',
    port: 0,
    log: silentLog(),
    handlers: {
      onMail: () => reply(250, '2.1.0', 'ok'),
      onRecipient: () => reply(250, '2.1.5', 'ok'),
      onData(_session, { reversePath, recipients }, { content }) {
        outside.push({ from: reversePath, to: recipients.map((r) => r.address), content: content.toString() });
        return reply(250, '2.0.0', 'ok');
      },
    },
  });
  relay = await startRelayUnderTest(surroundings, {
    dns: { servers: [dns.address], timeoutMs: 300, tries: 1 },
    outbound: { localAddress: '127.0.0.1', smartHost: { host: '127.0.0.1', port: smartHost.port, tls: 'none' } },
    content: { quarantineAddress: QUARANTINE },
  });
  relay.atData = (address) =>
    address === USER2 ? reply(552, '5.2.2', 'The mailbox is full') : reply(250, '2.0.0', 'delivered');
});

afterAll(async () => {
  await relay?.stop();
  await smartHost?.close(0);
  await dns?.stop();
  await surroundings?.stop();
});

const spooled = async (folder: string): Promise<string[]> =>
  (await readdir(join(relay.spoolPath, folder))).filter((name) => name.endsWith('.message'));

describe('refused after acceptance', () => {
  it('is told to a sender whom SPF authenticated, by a DSN with the null reverse-path', async () => {
    const answer = await relay.send(message('told'), [USER1, USER2], { from: '127.0.0.9', sender: 'a@known.example' });
    expect(answer).toMatch(/^250 /);
    await vi.waitFor(() => expect(outside).toHaveLength(1), PATIENCE);
    expect(outside[0]).toMatchObject({ from: '', to: ['a@known.example'] });
    expect(outside[0]?.content).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status;/m);
    expect(outside[0]?.content).toContain(`Final-Recipient: rfc822; ${USER2}\r\nAction: failed\r\nStatus: 5.2.2\r\n`);
    expect(outside[0]?.content).not.toContain(USER1);
    await expectLogged(relay, 'refusal-handled', { by: 'dsn', to: [USER2] });
    await vi.waitFor(
      async () => expect([...(await spooled('active')), ...(await spooled('held'))]).toEqual([]),
      PATIENCE,
    );
  });

  it('goes to the quarantine mailbox when the sender may be forged, with the reason, and nobody is told', async () => {
    const before = outside.length;
    expect(await relay.send(message('not told'), [USER1, USER2])).toMatch(/^250 /);
    const copy = await vi.waitFor(() => {
      const found = relay.arrived.find(({ to }) => to.includes(QUARANTINE));
      if (found === undefined) throw new Error('nothing in quarantine');
      return found;
    }, PATIENCE);
    expect(copy.from).toBe('a@sender.example');
    const header = `X-Postern-Quarantine: 552 5.2.2 The mailbox is full\r\nX-Postern-Quarantine-For: <${USER2}>\r\n`;
    expect(copy.content.startsWith(header)).toBe(true);
    expect(copy.content.endsWith(message('not told'))).toBe(true);
    await vi.waitFor(
      async () => expect([...(await spooled('active')), ...(await spooled('held'))]).toEqual([]),
      PATIENCE,
    );
    expect(outside).toHaveLength(before);
  });

  it('goes to another quarantine mailbox as soon as the settings name one', async () => {
    const other = 'user4@domain1.example';
    const copies = (): string[] =>
      relay.arrived.flatMap(({ to, content }) => (content.includes('elsewhere now') ? to : []));
    const { content } = relay.config;
    await relay.relay.reload({ ...relay.config, content: { ...content, quarantineAddress: other } });
    expect(await relay.send(message('elsewhere now'), [USER1, USER2])).toMatch(/^250 /);
    await vi.waitFor(() => expect(copies()).toContain(other), PATIENCE);
    expect(copies()).not.toContain(QUARANTINE);
    // The same for what was spooled before the change.
    relay.atData = () => reply(451, '4.3.2', 'later');
    expect(await relay.send(message('under way'), [USER2])).toMatch(/^250 /);
    await relay.relay.reload(relay.config);
    relay.atData = (address) =>
      address === USER2 ? reply(552, '5.2.2', 'The mailbox is full') : reply(250, '2.0.0', 'delivered');
    await vi.waitFor(
      () => expect(relay.arrived.findLast((one) => one.content.includes('under way'))?.to).toEqual([QUARANTINE]),
      PATIENCE,
    );
  });

  it('is held when the quarantine mailbox refuses it too', async () => {
    relay.atData = (address) =>
      address === USER1 ? reply(250, '2.0.0', 'delivered') : reply(552, '5.2.2', 'The mailbox is full');
    expect(await relay.send(message('held'), [USER1, USER2])).toMatch(/^250 /);
    await vi.waitFor(async () => expect(await spooled('held')).toHaveLength(1), PATIENCE);
    expect(await spooled('active')).toEqual([]);
  });
});
