import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DnsServer, startDns } from '../support/dns.ts';
import {
  expectLogged,
  message,
  type RelayUnderTest,
  type Surroundings,
  startRelayUnderTest,
  startSurroundings,
  USER1,
} from './relay-under-test.ts';

/** Rules about clients and senders, as a peer meets them; the DNS is a server of our own. */
let surroundings: Surroundings;
let dns: DnsServer;
let relay: RelayUnderTest | undefined;

beforeAll(async () => {
  surroundings = await startSurroundings();
  dns = await startDns();
});

afterAll(async () => {
  await relay?.stop();
  await dns?.stop();
  await surroundings?.stop();
});

beforeEach(async () => {
  await relay?.stop();
  relay = undefined;
  dns.zone.clear();
});

async function started(policy: object, spool?: string): Promise<RelayUnderTest> {
  const settings = {
    policy,
    dns: { servers: [dns.address], timeoutMs: 200, tries: 1, cacheMs: 0 },
    authentication: { enabled: false },
  };
  relay = await startRelayUnderTest(surroundings, settings, spool);
  return relay;
}

describe('DNS lists', () => {
  const lists = { dnsBlockLists: [{ zone: 'bl.example' }], dnsAllowLists: [{ zone: 'wl.example' }] };

  it('refuse who is listed, spare postmaster and who is allowed, and go on when the list is silent', async () => {
    const r = await started(lists);
    dns.zone.set('A 5.0.0.127.bl.example', ['127.0.0.2']);
    dns.zone.set('A 6.0.0.127.bl.example', ['127.0.0.2']);
    dns.zone.set('A 6.0.0.127.wl.example', ['127.0.3.1']);
    dns.zone.set('A 7.0.0.127.bl.example', 'silence');
    expect(await r.send(message('1'), [USER1], { from: '127.0.0.5' })).toBe(
      '550 5.7.1 Your address is listed at bl.example',
    );
    await expectLogged(r, 'refused', {
      stage: 'connect',
      to: USER1,
      from: 'a@sender.example',
      policy: [{ rule: 'dns-block:bl.example', verdict: 'reject', reason: 'listed at bl.example as 127.0.0.2' }],
    });
    expect(await r.send(message('2'), ['postmaster@domain1.example'], { from: '127.0.0.5' })).toMatch(/^250 /);
    expect(await r.send(message('3'), [USER1], { from: '127.0.0.6' })).toMatch(/^250 /);
    expect(await r.send(message('4'), [USER1], { from: '127.0.0.7' })).toMatch(/^250 /);
  });

  it('answer 451 when the list is silent and the configuration wants that', async () => {
    const r = await started({ ...lists, dnsListsOnUnknown: 'tempfail' });
    dns.zone.set('A 7.0.0.127.bl.example', 'servfail');
    expect(await r.send(message('1'), [USER1], { from: '127.0.0.7' })).toMatch(/^451 4\.4\.3 /);
  });

  it('mark as Junk what the configuration wants marked', async () => {
    const r = await started({ dnsBlockLists: [{ zone: 'dbl.example', of: 'sender-domain', action: 'junk' }] });
    dns.zone.set('A bad.example.dbl.example', ['127.0.1.2']);
    expect(await r.send(message('1'), [USER1], { sender: 'x@bad.example' })).toMatch(/^250 /);
    expect(r.arrived.at(-1)?.extra.get('XPLACEMENT')).toBe('JUNK');
    await expectLogged(r, 'accepted', {
      placement: 'junk',
      policy: [{ rule: 'dns-block:dbl.example' }],
    });
    await r.send(message('2'), [USER1], { sender: 'x@good.example' });
    expect(r.arrived.at(-1)?.extra.has('XPLACEMENT')).toBe(false);
  });
});

describe('reverse name and HELO', () => {
  it('refuse a client whose name does not lead back', async () => {
    const r = await started({ reverseName: { enabled: true, action: 'reject' } });
    dns.zone.set('PTR 5.0.0.127.in-addr.arpa', ['good.example']);
    dns.zone.set('A good.example', ['127.0.0.9', '127.0.0.5']);
    dns.zone.set('PTR 6.0.0.127.in-addr.arpa', ['good.example']);
    expect(await r.send(message('1'), [USER1], { from: '127.0.0.5' })).toMatch(/^250 /);
    expect(await r.send(message('2'), [USER1], { from: '127.0.0.6' })).toMatch(/^550 5\.7\.25 /);
    expect(await r.send(message('3'), [USER1], { from: '127.0.0.7' })).toMatch(/^550 5\.7\.25 /);
    dns.zone.set('PTR 8.0.0.127.in-addr.arpa', 'servfail');
    expect(await r.send(message('4'), [USER1], { from: '127.0.0.8' })).toMatch(/^250 /);
  });

  it('refuse a client that gives our name, or one that nobody knows', async () => {
    const r = await started({ helo: { unresolvable: 'reject', malformed: 'reject' } });
    dns.zone.set('AAAA mail.sender.example', ['2001:db8::1']);
    expect(await r.send(message('1'), [USER1])).toMatch(/^250 /);
    expect(await r.send(message('2'), [USER1], { helo: 'MX.our.example' })).toBe('550 5.7.1 You are not me');
    expect(await r.send(message('3'), [USER1], { helo: 'localhost' })).toMatch(/^550 5\.7\.1 /);
    expect(await r.send(message('4'), [USER1], { helo: 'nowhere.example' })).toMatch(/^550 5\.7\.1 /);
    await expectLogged(r, 'refused', { stage: 'helo', policy: [{ rule: 'helo' }] });
    dns.zone.set('MX nowhere.example', ['mail.sender.example']);
    expect(await r.send(message('5'), [USER1], { helo: 'nowhere.example' })).toMatch(/^250 /);
  });
});

describe('rates', () => {
  it('are kept for an address, a network, a sender and a recipient', async () => {
    const one = { count: 1, perMs: 3_600_000 };
    const r = await started({
      rates: { address: one, network: { count: 2 }, sender: { count: 2 }, recipient: { count: 3 } },
    });
    const send = async (n: number, from: string, sender: string, to = USER1) =>
      (await r.send(message(String(n)), [to], { from, sender })).slice(0, 9);
    expect(await send(1, '127.0.1.1', 'a@s.example')).toBe('250 2.0.0');
    expect(await send(2, '127.0.1.1', 'b@s.example')).toBe('450 4.7.1');
    expect(await send(3, '127.0.1.2', 'A@s.example')).toBe('250 2.0.0');
    expect(await send(4, '127.0.2.3', 'a@s.example')).toBe('450 4.7.1');
    expect(await send(5, '127.0.1.4', 'c@s.example', 'user2@domain1.example')).toBe('450 4.7.1');
    expect(await send(6, '127.0.3.5', 'd@s.example')).toBe('250 2.0.0');
    expect(await send(7, '127.0.4.6', 'e@s.example')).toBe('450 4.7.1');
    await expectLogged(r, 'refused', { policy: [{ rule: 'rate-recipient', verdict: 'tempfail' }] });
  });
});

describe('greylisting', () => {
  it('answers a stranger 450, lets it in when it comes back, and remembers over a restart', async () => {
    const spool = await mkdtemp(join(tmpdir(), 'postern-greylist-'));
    const policy = { greylisting: { enabled: true, delayMs: 1_000 } };
    try {
      const r = await started(policy, spool);
      expect(await r.send(message('1'), [USER1])).toMatch(/^450 4\.7\.1 Greylisted/);
      const first = Date.now();
      await r.stop();
      expect(await readFile(join(spool, 'greylist'), 'utf8')).toMatch(/^POSTERN-GREYLIST 1\nw \S{22} \d+\n$/);
      const again = await started(policy, spool);
      let answer = '';
      for (; !answer.startsWith('250'); answer = await again.send(message('1'), [USER1])) {
        if (Date.now() - first > 8_000) throw new Error(`still ${answer}`);
      }
      expect(await again.send(message('2'), ['user2@domain1.example'], { sender: 'other@s.example' })).toMatch(/^250 /);
    } finally {
      await relay?.stop();
      relay = undefined;
      await rm(spool, { recursive: true, force: true });
    }
  });
});
