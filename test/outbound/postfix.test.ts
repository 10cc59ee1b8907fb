import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ForegroundServer } from '../bench/sides/foreground-server.ts';
import { startPrivatePostfix } from '../support/private-postfix.ts';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

/** Debian's Postfix as the server outside: what it says comes back, and its own reports find their way in. */
const HOST = '127.0.1.50';
let around: Surroundings;
let relay: OutboundRelay;
let postfix: ForegroundServer;

beforeAll(async () => {
  around = await startSurroundings();
  around.dns.zone.set('MX pf.example', ['mx.pf.example']);
  around.dns.zone.set('A mx.pf.example', [HOST]);
  relay = await startOutboundRelay(around);
  postfix = await startPrivatePostfix({
    address: HOST,
    port: around.remote.port,
    hostname: 'mx.pf.example',
    files: { cert: readFileSync(around.pki.public.cert), key: readFileSync(around.pki.public.key) },
    settings: [
      'mynetworks =',
      'virtual_mailbox_domains = pf.example',
      'virtual_mailbox_maps = inline:{ { someone@pf.example = someone }, { other@pf.example = other } }',
      'virtual_transport = discard',
      `relayhost = [127.0.0.1]:${relay.relay.ports[0]}`,
      'smtpd_relay_restrictions = reject_unauth_destination',
      'smtpd_tls_security_level = may',
      'smtpd_tls_cert_file = FOLDER/cert',
      'smtpd_tls_key_file = FOLDER/key',
    ],
  });
}, 90_000);

afterAll(async () => {
  await postfix?.stop();
  await relay?.stop();
  await around?.stop();
});

const reportAbout = (mark: string, action: string) =>
  vi.waitFor(() => {
    const found = around.inward.find(({ content }) => content.includes(mark) && content.includes(`Action: ${action}`));
    if (found === undefined) throw new Error(`no report (${action}) about ${mark}`);
    return found;
  }, PATIENCE);

describe('Postfix as the server outside', () => {
  it('gets the mail by TLS; SUCCESS is its own report, which comes back to the sender by LMTP', async () => {
    await relay.handOver(letter('pf-good'), {
      to: [{ address: 'someone@pf.example', notify: ['SUCCESS'] }],
      envid: 'pf-1',
    });
    const report = await reportAbout('pf-good', 'delivered');
    expect(report).toMatchObject({ from: '', to: [USER1] });
    expect(report.content).toContain('Reporting-MTA: dns; mx.pf.example');
    expect(report.content).toContain('Original-Envelope-Id: pf-1');
    await vi.waitFor(() => {
      const delivered = relay.log().find((l) => l.event === 'delivered' && l.to === 'someone@pf.example');
      expect(delivered?.tls).toMatch(/^TLSv1\.[23] opportunistic$/);
    }, PATIENCE);
  });

  it('refuses one of two recipients: its own words come back', async () => {
    await relay.handOver(letter('pf-half'), { to: ['other@pf.example', 'nobody@pf.example'] });
    const report = await reportAbout('pf-half', 'failed');
    expect(report.content).toContain('Final-Recipient: rfc822; nobody@pf.example');
    expect(report.content).toContain('Remote-MTA: dns; mx.pf.example');
    expect(report.content).toContain('User unknown in virtual mailbox table');
    expect(report.content).not.toContain('Final-Recipient: rfc822; other@pf.example');
    await relay.drained();
  });
});
