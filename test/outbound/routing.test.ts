import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

/** Mail from the hub to servers outside, by the DNS of the tests' own. */
let around: Surroundings;
let relay: OutboundRelay;

const REFUSAL = reply(550, '5.1.1', 'Nobody of that name lives here');
let deferrals = 0;
let byRoutes: OutboundRelay;

beforeAll(async () => {
  around = await startSurroundings();
  const { dns, remote } = around;
  const records: Record<string, readonly string[]> = {
    // The first is dead (nobody listens), the second refuses to talk, the third takes mail.
    'MX order.example': ['30 c.order.example', '10 a.order.example', '20 b.order.example'],
    'A a.order.example': ['127.0.1.99'],
    'A b.order.example': ['127.0.1.2'],
    'A c.order.example': ['127.0.1.3'],
    'A no-mx.example': ['127.0.1.3'],
    'MX null.example': ['0 .'],
    'MX later.example': ['mx.later.example'],
    'A mx.later.example': ['127.0.1.4'],
    'MX refuses.example': ['mx.refuses.example'],
    'A mx.refuses.example': ['127.0.1.5'],
    'MX private.example': ['mx.private.example'],
    'A mx.private.example': ['10.1.2.3'],
    'MX ours.example': ['5 mx.our.example', '10 c.order.example'],
    'A mx.our.example': ['127.0.1.3'],
    'MX self.example': ['mx.self.example'],
    'A mx.self.example': ['127.0.0.1'],
    'MX away.example': 'servfail' as never,
  };
  for (const [key, value] of Object.entries(records)) dns.zone.set(key, value);
  await remote.add('127.0.1.2', { atConnect: () => reply(554, '5.3.2', 'No service for anybody') });
  await remote.add('127.0.1.3');
  await remote.add('127.0.1.4', {
    atData: () => (deferrals++ < 2 ? reply(451, '4.3.0', 'Later') : reply(250, '2.0.0', 'OK')),
  });
  await remote.add('127.0.1.5', { atRecipient: (to) => (to.startsWith('no') ? REFUSAL : reply(250, '2.1.5', 'OK')) });
  relay = await startOutboundRelay(around);
  dns.zone.set('MX partner.example', ['c.order.example']);
  dns.zone.set('MX both.example', ['mx.both.example']);
  dns.zone.set('A mx.both.example', ['127.0.1.3']);
  dns.zone.set('AAAA mx.both.example', ['fd00::99']);
  await remote.add('127.0.1.6');
  dns.zone.set('MX six.example', ['mx.six.example']);
  dns.zone.set('AAAA mx.six.example', ['::1']);
  await remote.add('::1');
  byRoutes = await startOutboundRelay(around, {
    routes: { 'partner.example': { host: '127.0.1.6', port: remote.port, tls: 'none' } },
    localAddressIpv6: '::1',
    allowNetworks: ['127.0.1.0/24', 'fd00::/8', '::1'],
  });
});

afterAll(async () => {
  await relay?.stop();
  await byRoutes?.stop();
  await around?.stop();
});

const dsnAbout = (mark: string) =>
  vi.waitFor(() => {
    const found = around.inward.find(({ from, content }) => from === '' && content.includes(mark));
    if (found === undefined) throw new Error(`no DSN about ${mark}`);
    return found;
  }, PATIENCE);

describe('the next host', () => {
  it('is the best MX that talks; those after a dead and a refusing one are tried', async () => {
    const [outcome] = await relay.handOver(letter('order'), { to: ['x@order.example'] });
    expect(outcome?.reply.code).toBe(250);
    await relay.drained();
    expect(around.remote.with('order').map(({ host, from, to }) => ({ host, from, to }))).toEqual([
      { host: '127.0.1.3', from: USER1, to: ['x@order.example'] },
    ]);
  });

  it('is the domain itself where it has no MX, and the address of a literal', async () => {
    await relay.handOver(letter('itself'), { to: ['x@no-mx.example', 'y@[127.0.1.3]'] });
    await relay.drained();
    expect(
      around.remote
        .with('itself')
        .map(({ to }) => to)
        .sort(),
    ).toEqual([['x@no-mx.example'], ['y@[127.0.1.3]']]);
  });

  it.each([
    ['a null MX', 'null.example', '5.1.10'],
    ['no such domain', 'nowhere.example', '5.1.2'],
    ['a private address', 'private.example', '5.4.4'],
    ['this host as best MX', 'ours.example', '5.4.6'],
    ['an address of this host', 'self.example', '5.4.6'],
  ])('is nobody: %s is the end, told to the sender by LMTP', async (_, domain, status) => {
    await relay.handOver(letter(`end-${domain}`), { to: [`x@${domain}`] });
    const dsn = await dsnAbout(`end-${domain}`);
    expect(dsn.to).toEqual([USER1]);
    expect(dsn.content).toContain(`Final-Recipient: rfc822; x@${domain}\r\nAction: failed\r\nStatus: ${status}\r\n`);
    expect(around.remote.with(`end-${domain}`)).toEqual([]);
    await relay.drained();
  });

  it('is the smart host of a domain that has one, and of no other domain', async () => {
    await byRoutes.handOver(letter('routed'), { to: ['x@partner.example', 'y@no-mx.example'] });
    await byRoutes.drained();
    const went = around.remote.with('routed').map(({ host, to }) => `${to} ${host}`);
    expect(went.sort()).toEqual(['x@partner.example 127.0.1.6', 'y@no-mx.example 127.0.1.3']);
  });

  it('has an IPv4 address too: it is tried when nobody answers at the IPv6 one', async () => {
    await byRoutes.handOver(letter('both-families'), { to: ['x@both.example'] });
    await byRoutes.drained();
    expect(around.dns.questions).toContain('AAAA mx.both.example');
    expect(around.remote.with('both-families').map(({ host }) => host)).toEqual(['127.0.1.3']);
  });

  it('has an IPv6 address alone: mail goes there, and to the literal of it', async () => {
    await byRoutes.handOver(letter('by-six'), { to: ['x@six.example', 'y@[IPv6:::1]'] });
    await byRoutes.drained();
    const went = around.remote.with('by-six').map(({ host, to }) => `${to} ${host}`);
    expect(went.map((each) => each.toLowerCase()).sort()).toEqual(['x@six.example ::1', 'y@[ipv6:::1] ::1']);
  });

  it('is asked for again when the DNS does not answer', async () => {
    await relay.handOver(letter('dns-away'), { to: ['x@away.example'] });
    await vi.waitFor(
      () => expect(relay.log().some((l) => l.event === 'deferred' && l.to === 'x@away.example')).toBe(true),
      PATIENCE,
    );
    around.dns.zone.set('MX away.example', ['c.order.example']);
    await relay.drained();
    expect(around.remote.with('dns-away')).toHaveLength(1);
  });
});

describe('a server', () => {
  it('that says 4yz twice gets the message at the third try, once', async () => {
    await relay.handOver(letter('later'), { to: ['x@later.example'] });
    await relay.drained();
    expect(around.remote.with('later')).toHaveLength(1);
    expect(deferrals).toBe(3);
  });

  it('that refuses half of the recipients: the others get it, and the sender hears its words', async () => {
    await relay.handOver(letter('half'), {
      to: ['yes1@refuses.example', 'no1@refuses.example', 'yes2@refuses.example', 'no2@refuses.example'],
    });
    const dsn = await dsnAbout('half');
    await relay.drained();
    expect(around.remote.with('half').flatMap(({ to }) => to)).toEqual([
      'yes1@refuses.example',
      'yes2@refuses.example',
    ]);
    expect(dsn.content).toContain('Diagnostic-Code: smtp; 550 5.1.1 Nobody of that name lives here');
    expect(dsn.content).toContain('Remote-MTA: dns; mx.refuses.example');
    expect(dsn.content).toMatch(
      /Final-Recipient: rfc822; no1@refuses.example.*Final-Recipient: rfc822; no2@refuses.example/s,
    );
    expect(dsn.content).not.toContain('Final-Recipient: rfc822; yes1');
  });
});
