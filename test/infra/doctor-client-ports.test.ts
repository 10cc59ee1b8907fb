import { clientPortChecks } from '@postern/infra/doctor/client-ports.ts';
import type { Finding } from '@postern/infra/doctor/finding.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../infra/demo/free-port.ts';
import { type ClientService, startClientService } from '../support/client-service.ts';
import { type ImapBackends, startImapBackends } from '../support/imap-store.ts';

let backends: ImapBackends;
let service: ClientService;

beforeAll(async () => {
  backends = await startImapBackends();
  service = await startClientService(backends);
});
afterAll(async () => {
  await service?.stop();
  await backends?.stop();
});

async function findings(settings: object, hostname = 'store.example'): Promise<Finding[]> {
  const { pki, slapd } = backends;
  const config = storeConfigSchema.parse({
    hostname,
    tls: pki.store,
    ca: pki.ca,
    lmtp: { listen: { address: '127.0.0.1', port: 0 } },
    database: { url: service.databaseUrl },
    directory: { urls: [slapd.url], baseDn: slapd.baseDn, ca: slapd.ca },
    ...settings,
  });
  return (await Promise.all(clientPortChecks(config).map((check) => check.run()))).flat();
}

const at = (port: number): object => ({ address: '127.0.0.1', port });

test('doctor sees IMAP, POP3 and ManageSieve greet and begin TLS; and which of them does not', async () => {
  const { ports } = service;
  const imap = { listen: at(ports.imap) };
  const managesieve = { listen: at(ports.managesieve) };
  const well = await findings({ imap, managesieve, pop3: { listen: at(ports.pop3), listenTls: at(ports.pop3s) } });
  expect(well.map(({ check, status, found }) => [check, status, found])).toEqual([
    ['imap', 'ok', 'it greets, and begins TLS'],
    ['pop3', 'ok', 'it greets, and begins TLS'],
    ['pop3', 'ok', 'it greets by TLS'],
    ['managesieve', 'ok', 'it greets, and begins TLS'],
  ]);

  const closed = await findings({ imap, pop3: { listen: at(await freePort()) } });
  expect(closed.map(({ check, status }) => [check, status])).toEqual([
    ['imap', 'ok'],
    ['pop3', 'fault'],
    ['managesieve', 'skipped'],
  ]);

  const [wrongName] = await findings({ imap }, 'other.example');
  expect(wrongName).toMatchObject({ check: 'imap', status: 'fault', found: expect.stringContaining('other.example') });
});
