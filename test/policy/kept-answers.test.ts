import { openResolver } from '@postern/gateway/relay/dns/resolver.ts';
import { dnsSettings } from '@postern/gateway/relay/dns/settings.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DnsServer, startDns } from '../support/dns.ts';

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDns({ 'TXT small.example': ['v=spf1 -all'], 'TXT large.example': ['x'.repeat(6_000)] });
});
afterAll(() => dns.stop());

test('a large answer of a stranger’s server is used, and takes no memory afterwards', async () => {
  const resolver = openResolver(dnsSettings().parse({ servers: [dns.address] }));
  try {
    for (const name of ['small.example', 'large.example']) {
      for (let i = 0; i < 3; i++) expect(await resolver.query(name, 'TXT')).toMatchObject({ kind: 'found' });
    }
    expect(dns.questions).toEqual(['TXT small.example', ...Array(3).fill('TXT large.example')]);
  } finally {
    resolver.close();
  }
});
