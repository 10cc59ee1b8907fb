import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDay } from '@postern/gateway/relay/outbound/tls-counts.ts';
import { tlsReport } from '@postern/gateway/relay/outbound/tls-report.ts';
import { type CertificateAndKey, issueCertificate, makeAuthority } from '@postern/infra/pki/authority.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startUnbound, type Unbound } from '../support/unbound.ts';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
} from './outbound-relay.ts';

/** TLS towards servers outside: what is demanded is kept or the mail waits; it never goes in plain text then. */
let around: Surroundings;
let relay: OutboundRelay;
let byDane: OutboundRelay;
let unbound: Unbound;
let policyHost: Server;
let folder: string;
/** Hosts whose policy was asked for. */
const fetched: string[] = [];

const POLICIES: Readonly<Record<string, { mode: string; mx: string }>> = {
  'good.example': { mode: 'enforce', mx: 'mx.good.example' },
  'stripped.example': { mode: 'enforce', mx: '*.stripped.example' },
  'expired.example': { mode: 'enforce', mx: 'mx.expired.example' },
  'elsewhere.example': { mode: 'enforce', mx: 'mx.another.example' },
  'testing.example': { mode: 'testing', mx: 'mx.testing.example' },
};

beforeAll(async () => {
  around = await startSurroundings();
  const { dns, remote } = around;
  folder = mkdtempSync(join(tmpdir(), 'postern-world-'));
  const world = await makeAuthority('The CA of the world');
  writeFileSync(join(folder, 'ca.pem'), world.cert);
  const issue = (name: string, days = 90, now = new Date()): Promise<CertificateAndKey> =>
    issueCertificate(world, { commonName: name, names: [name], uses: ['server'], days, now });
  const hosts: readonly (readonly [domain: string, address: string, tls: CertificateAndKey | undefined])[] = [
    ['good.example', '127.0.1.30', await issue('mx.good.example')],
    ['stripped.example', '127.0.1.31', undefined],
    ['expired.example', '127.0.1.32', await issue('mx.expired.example', 2, new Date(Date.now() - 10 * 86_400_000))],
    ['elsewhere.example', '127.0.1.33', await issue('mx.elsewhere.example')],
    ['testing.example', '127.0.1.34', undefined],
    [
      'anybody.example',
      '127.0.1.35',
      await issueCertificate(await makeAuthority('nobody'), { commonName: 'x', names: ['x'], uses: ['server'] }),
    ],
    ['plain.example', '127.0.1.36', undefined],
    ['must.example', '127.0.1.37', undefined],
    ['must-good.example', '127.0.1.38', await issue('mx.must-good.example')],
  ];
  for (const [domain, address, tls] of hosts) {
    dns.zone.set(`MX ${domain}`, [`mx.${domain}`]);
    dns.zone.set(`A mx.${domain}`, [address]);
    await remote.add(address, tls === undefined ? {} : { tls });
  }
  for (const domain of Object.keys(POLICIES)) {
    dns.zone.set(`TXT _mta-sts.${domain}`, ['v=STSv1; id=20261121;']);
    dns.zone.set(`A mta-sts.${domain}`, ['127.0.1.60']);
  }
  const names = Object.keys(POLICIES).map((domain) => `mta-sts.${domain}`);
  const shown = await issueCertificate(world, { commonName: names[0] ?? '', names, uses: ['server'] });
  policyHost = createServer({ cert: shown.cert, key: shown.key }, (request, response) => {
    const policy = POLICIES[(request.headers.host ?? '').replace(/^mta-sts\.|:\d+$/g, '')];
    fetched.push(request.headers.host ?? '');
    if (policy === undefined || request.url !== '/.well-known/mta-sts.txt') return void response.writeHead(404).end();
    response.setHeader('content-type', 'text/plain');
    response.end(`version: STSv1\r\nmode: ${policy.mode}\r\nmx: ${policy.mx}\r\nmax_age: 86400\r\n`);
  });
  await new Promise<void>((resolve) => policyHost.listen(0, '127.0.1.60', resolve));
  const tls = { ca: join(folder, 'ca.pem'), requiredFor: ['must.example', 'must-good.example'] };
  const mtaSts = { port: (policyHost.address() as AddressInfo).port };
  relay = await startOutboundRelay(around, { tls, mtaSts });

  const right = await makeAuthority('An authority of one’s own');
  const leaf = await issueCertificate(right, {
    commonName: 'mx2.dane.test',
    names: ['mx2.dane.test'],
    uses: ['server'],
  });
  const other = await issueCertificate(right, {
    commonName: 'mx3.dane.test',
    names: ['mx3.dane.test'],
    uses: ['server'],
  });
  const leafOf = (one: CertificateAndKey): string =>
    createHash('sha256')
      .update(new X509Certificate(one.cert).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
  const tlsa = (host: string, data: string): string => `_${remote.port}._tcp.${host} TLSA ${data}`;
  unbound = await startUnbound('dane.test', [
    ...['right', 'anchor', 'wrong', 'stripped', 'unusable', 'none'].map((name, i) => `${name} MX 10 mx${i + 1}`),
    ...[1, 2, 3, 4, 5, 6].map((n) => `mx${n} A 127.0.1.${40 + n}`),
    tlsa('mx1', `3 1 1 ${leafOf(leaf)}`),
    tlsa('mx2', `2 0 1 ${createHash('sha256').update(new X509Certificate(right.cert).raw).digest('hex')}`),
    tlsa('mx3', `3 1 1 ${leafOf(leaf)}`),
    tlsa('mx4', `3 1 1 ${leafOf(leaf)}`),
    tlsa('mx5', '1 1 1 00'),
  ]);
  await remote.add('127.0.1.41', { tls: leaf });
  await remote.add('127.0.1.42', { tls: { cert: `${leaf.cert.trim()}\n${right.cert}`, key: leaf.key } });
  await remote.add('127.0.1.43', { tls: other });
  await remote.add('127.0.1.44');
  await remote.add('127.0.1.45');
  await remote.add('127.0.1.46');
  byDane = await startOutboundRelay(
    around,
    {},
    { dns: { servers: [unbound.address], validates: true, timeoutMs: 2_000 } },
  );
});

afterAll(async () => {
  await relay?.stop();
  await byDane?.stop();
  await unbound?.stop();
  policyHost?.close();
  await around?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends, waits for the relay's word in its log, and gives it with what arrived. */
async function outcomeOf(by: OutboundRelay, domain: string) {
  await by.handOver(letter(`to-${domain}`), { to: [`x@${domain}`] });
  const line = await vi.waitFor(() => {
    const found = by.log().find((l) => l.to === `x@${domain}` && (l.event === 'delivered' || l.event === 'deferred'));
    if (found === undefined) throw new Error(`nothing yet of ${domain}`);
    return found;
  }, PATIENCE);
  return { event: line.event, tls: line.tls, reply: String(line.reply), arrived: around.remote.with(`to-${domain}`) };
}

describe('MTA-STS', () => {
  it('enforced: TLS with the right certificate', async () => {
    expect(await outcomeOf(relay, 'good.example')).toMatchObject({ event: 'delivered', tls: 'TLSv1.3 sts' });
  });

  it('a policy is kept as long as its id stays: the next message fetches nothing', async () => {
    await relay.handOver(letter('kept-policy'), { to: ['again@good.example'] });
    await vi.waitFor(() => expect(around.remote.with('kept-policy')[0]?.tls).toBe('TLSv1.3'), PATIENCE);
    expect(fetched.filter((host) => host.startsWith('mta-sts.good.example'))).toHaveLength(1);
  });

  it.each([
    ['STARTTLS is stripped', 'stripped.example'],
    ['the certificate has expired', 'expired.example'],
    ['the MX is not in the policy', 'elsewhere.example'],
  ])('enforced: when %s the mail waits, and nothing goes in plain text', async (_, domain) => {
    const { event, reply, arrived } = await outcomeOf(relay, domain);
    expect(event).toBe('deferred');
    expect(reply).toMatch(/^451 4\.7\.5 /);
    expect(arrived).toEqual([]);
  });

  it('in testing: the mail goes, and it is counted', async () => {
    expect(await outcomeOf(relay, 'testing.example')).toMatchObject({ event: 'delivered', tls: 'plain' });
  });
});

describe('without a policy', () => {
  it('TLS is used where it is offered, whoever signed the certificate', async () => {
    const { event, arrived } = await outcomeOf(relay, 'anybody.example');
    expect(event).toBe('delivered');
    expect(arrived[0]?.tls).toBe('TLSv1.3');
  });

  it('plain text where it is not', async () => {
    expect(await outcomeOf(relay, 'plain.example')).toMatchObject({ event: 'delivered', tls: 'plain' });
  });

  it('TLS that the settings demand is kept', async () => {
    expect(await outcomeOf(relay, 'must.example')).toMatchObject({ event: 'deferred', arrived: [] });
    expect(await outcomeOf(relay, 'must-good.example')).toMatchObject({ event: 'delivered', tls: 'TLSv1.3 required' });
  });
});

describe('DANE, with a zone signed here and unbound', () => {
  it.each([
    ['a certificate that its record names, whoever signed it', 'right.dane.test', 'TLSv1.3 dane'],
    ['a trust anchor that its record names', 'anchor.dane.test', 'TLSv1.3 dane'],
    ['no record', 'none.dane.test', 'plain'],
  ])('goes to a host with %s', async (_, domain, tls) => {
    expect(await outcomeOf(byDane, domain)).toMatchObject({ event: 'delivered', tls });
  });

  it.each([
    ['another certificate', 'wrong.dane.test'],
    ['no TLS', 'stripped.dane.test'],
    ['unusable records and no TLS', 'unusable.dane.test'],
  ])('waits for a host with %s', async (_, domain) => {
    expect(await outcomeOf(byDane, domain)).toMatchObject({ event: 'deferred', arrived: [] });
  });
});

it('all of it is counted by day, domain and policy for a TLS report (RFC 8460)', async () => {
  await relay.relay.queue?.outbound?.counts.flush();
  const day = new Date().toISOString().slice(0, 10);
  const counts = await readDay(join(relay.spoolPath, 'tls-counts'), day);
  const report = (domain: string): unknown =>
    tlsReport(day, domain, counts[domain] ?? {}, {
      organization: 'Us',
      contact: 'a@our.example',
      address: '192.0.2.1',
    });
  const failed = (domain: string, type: string, result: string) => ({
    policies: [
      {
        policy: { 'policy-type': type, 'policy-domain': domain },
        'failure-details': [{ 'result-type': result, 'receiving-mx-hostname': `mx.${domain}` }],
      },
    ],
  });
  expect(report('stripped.example')).toMatchObject(failed('stripped.example', 'sts', 'starttls-not-supported'));
  expect(report('expired.example')).toMatchObject(failed('expired.example', 'sts', 'certificate-expired'));
  expect(report('elsewhere.example')).toMatchObject(failed('elsewhere.example', 'sts', 'certificate-host-mismatch'));
  expect(report('testing.example')).toMatchObject(failed('testing.example', 'sts', 'starttls-not-supported'));
  expect(report('good.example')).toMatchObject({
    'organization-name': 'Us',
    policies: [
      {
        policy: { 'policy-type': 'sts' },
        summary: { 'total-successful-session-count': expect.any(Number), 'total-failure-session-count': 0 },
      },
    ],
  });
});
