import { reply } from '@postern/shared/smtp/reply.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf, plainAddress, pointerName, reversedLabels, sameAddress } from '../../dns/client-address.ts';
import type { DnsAnswer } from '../../dns/resolver.ts';
import { Greylist } from '../../memory/greylist.ts';
import { TokenBuckets } from '../../memory/token-buckets.ts';
import { decideAllow, decideBlock } from './dns-list.ts';
import { decideGreylisting } from './greylisting.ts';
import { decideHeloForm, decideHeloName } from './helo.ts';
import { Policy } from './policy.ts';
import { decideRate } from './rates.ts';
import { decideReverseName } from './reverse-name.ts';
import type { Rule, Verdict } from './rule.ts';

const listed = (...records: string[]): DnsAnswer => ({ kind: 'found', records });
const NONE: DnsAnswer = { kind: 'none', nameExists: false };
const UNKNOWN: DnsAnswer = { kind: 'unknown', cause: 'late' };

describe('addresses', () => {
  it.each([
    ['192.0.2.99', '99.2.0.192', '99.2.0.192.in-addr.arpa', '192.0.2.0/24'],
    [
      // RFC 5782 §2.4's example.
      '2001:db8:1:2:3:4:567:89ab',
      'b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2',
      'b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
      '2001:0db8:0001:0002::/64',
    ],
  ])('%s', (address, reversed, pointer, network) => {
    expect([reversedLabels(address), pointerName(address), networkOf(address)]).toEqual([reversed, pointer, network]);
  });

  it('are one however they are written', () => {
    expect(plainAddress('::FFFF:192.0.2.1')).toBe('192.0.2.1');
    expect(plainAddress('fe80::1%eth0')).toBe('fe80::1');
    expect(sameAddress('2001:db8::1', '2001:DB8:0:0:0:0:0:1')).toBe(true);
    expect(sameAddress('::1', '::2')).toBe(false);
  });
});

describe('DNS lists', () => {
  const settings = { zone: 'bl.example', of: 'client', codes: [], action: 'reject' } as const;
  it.each<[string, DnsAnswer, string]>([
    ['listed', listed('127.0.0.2'), 'reject'],
    ['not listed', NONE, 'accept'],
    ['an answer outside of 127/8 (a parked zone)', listed('198.51.100.7'), 'accept'],
    ['127.0.0.1, which is never a listing', listed('127.0.0.1'), 'accept'],
    ['a refusal of the list itself', listed('127.255.255.254'), 'accept'],
    ['no answer', UNKNOWN, 'accept'],
  ])('%s', (_, answer, expected) => {
    expect(decideBlock(answer, settings, 'accept').kind).toBe(expected);
  });

  it('counts the configured codes alone, and acts as configured', () => {
    const some = { ...settings, codes: ['127.0.0.4'], action: 'junk' } as const;
    expect(decideBlock(listed('127.0.0.2'), some, 'accept').kind).toBe('accept');
    expect(decideBlock(listed('127.0.0.4'), some, 'accept').kind).toBe('junk');
    expect(decideBlock(UNKNOWN, some, 'tempfail').kind).toBe('tempfail');
  });

  it('spares who is on an allow list, and nobody else', () => {
    expect(decideAllow(listed('127.0.0.2'), settings)).toMatchObject({ kind: 'accept', exempt: true });
    expect(decideAllow(UNKNOWN, settings)).toEqual({ kind: 'accept' });
  });
});

describe('reverse name', () => {
  const settings = { action: 'reject', onUnknown: 'tempfail' } as const;
  it.each([
    ['confirmed', { kind: 'confirmed', name: 'mx.example' } as const, 'accept'],
    ['none', { kind: 'no-name' } as const, '550 5.7.25'],
    ['one that leads elsewhere', { kind: 'unconfirmed', names: ['a.example'] } as const, '550 5.7.25'],
    ['not known', { kind: 'unknown', cause: 'late' } as const, '450 4.7.25'],
  ])('%s', (_, found, expected) => {
    expect(short(decideReverseName(found, settings))).toBe(expected);
  });
});

describe('HELO', () => {
  const settings = {
    ourName: 'reject',
    malformed: 'reject',
    otherAddress: 'junk',
    unresolvable: 'reject',
    onUnknown: 'tempfail',
  } as const;
  it.each([
    ['mail.sender.example', 'accept'],
    ['mail.sender.example.', 'accept'],
    ['[192.0.2.1]', 'accept'],
    ['[IPv6:2001:db8::1]', 'junk'],
    ['[192.0.2.7]', 'junk'],
    ['[nonsense]', '550 5.7.1'],
    ['MX.our.example', '550 5.7.1'],
    ['[198.51.100.1]', '550 5.7.1'],
    ['localhost', '550 5.7.1'],
    ['192.0.2.1', '550 5.7.1'],
    ['a..example', '550 5.7.1'],
  ])('%s', (helo, expected) => {
    expect(short(decideHeloForm(helo, '192.0.2.1', ['mx.our.example', '198.51.100.1'], settings))).toBe(expected);
  });

  it('is looked up', () => {
    expect(short(decideHeloName(listed('192.0.2.1'), settings))).toBe('accept');
    expect(short(decideHeloName(NONE, settings))).toBe('550 5.7.1');
    expect(short(decideHeloName(UNKNOWN, settings))).toBe('450 4.4.3');
    expect(short(decideHeloName(UNKNOWN, { ...settings, onUnknown: 'accept' }))).toBe('accept');
  });
});

describe('token buckets', () => {
  it('allow a burst, then the rate, and never more than both together', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 60 }), (pauses) => {
        const buckets = new TokenBuckets({ count: 10, perMs: 10_000, burst: 5 }, 10);
        let now = 0;
        let allowed = 0;
        for (const pause of pauses) {
          now += pause;
          if (buckets.take('a', now) === 0) allowed++;
        }
        expect(allowed).toBeLessThanOrEqual(5 + now / 1000);
      }),
    );
  });

  it('says how long to wait, and that is long enough', () => {
    const buckets = new TokenBuckets({ count: 1, perMs: 60_000, burst: 1 }, 10);
    expect(buckets.take('a', 0)).toBe(0);
    const wait = buckets.take('a', 1_000);
    expect(wait).toBe(59_000);
    expect(buckets.take('b', 1_000)).toBe(0);
    expect(buckets.take('a', 1_000 + wait)).toBe(0);
    expect(short(decideRate('sender', wait))).toBe('450 4.7.1');
  });

  it('remembers no more keys than it may', () => {
    const buckets = new TokenBuckets({ count: 1, perMs: 60_000, burst: 1 }, 100);
    for (let i = 0; i < 10_000; i++) buckets.take(String(i), i);
    expect(buckets.size).toBe(100);
  });
});

describe('greylist', () => {
  const times = { delayMs: 300_000, retryWindowMs: 3_600_000, rememberMs: 86_400_000 };
  const triplet = ['192.0.2.0/24', 'a@sender.example', 'user1@domain1.example'] as const;

  it('lets a stranger in who waits and comes back, and knows it then', () => {
    const list = new Greylist(times, 100);
    expect(list.try(...triplet, 0)).toBe(300_000);
    expect(list.try(...triplet, 100_000)).toBe(200_000);
    expect(list.try(...triplet, 300_000)).toBe(0);
    expect(list.try('192.0.2.0/24', 'b@sender.example', 'user2@domain1.example', 301_000)).toBe(0);
    expect(list.try('198.51.100.0/24', 'a@sender.example', 'user1@domain1.example', 301_000)).toBe(300_000);
    expect(short(decideGreylisting(1))).toBe('450 4.7.1');
  });

  it('forgets who comes back too late', () => {
    const list = new Greylist(times, 100);
    list.try(...triplet, 0);
    expect(list.try(...triplet, 3_700_000)).toBe(300_000);
  });

  it('survives as text, and takes no harm from a damaged one', () => {
    const list = new Greylist(times, 100);
    list.try(...triplet, 0);
    list.try(...triplet, 300_000);
    list.try('198.51.100.0/24', 'x@y.example', 'z', 300_000);
    const again = new Greylist(times, 100);
    again.load(`${list.encode(300_000)}w short 1\n\u0000`);
    expect(again.size).toBe(2);
    expect(again.try(...triplet, 400_000)).toBe(0);
  });

  it('has a bound', () => {
    const list = new Greylist(times, 50);
    for (let i = 0; i < 1_000; i++) list.try(`net${i}`, 'a', 'b', 0);
    expect(list.size).toBe(50);
  });
});

describe('Policy', () => {
  const no = reply(550, '5.7.1', 'no');
  const rule = (name: string, stage: Rule['stage'], verdict: Verdict, asked: string[] = []): Rule => ({
    name,
    stage,
    judge: ({ recipient }) => {
      asked.push(`${name} ${recipient}`.trim());
      return verdict;
    },
  });
  const options = { trustedNetworks: ['10.0.0.0/8', '::1/128'], exemptRecipients: ['postmaster'] };
  const client = (remoteAddress = '192.0.2.1') => ({ remoteAddress, heloName: 'x.example' });

  it('asks in the order of the dialogue, and ends at the first refusal', async () => {
    const asked: string[] = [];
    const policy = new Policy(
      [
        rule('r', 'rcpt', { kind: 'accept' }, asked),
        rule('h', 'helo', { kind: 'reject', reply: no, reason: 'h' }, asked),
        rule('c', 'connect', { kind: 'junk', reason: 'c' }, asked),
      ],
      options,
    );
    const judgement = await policy.meet(client()).judge('a@b.example', 'u@d.example');
    expect(asked).toEqual(['c', 'h u@d.example']);
    expect(judgement).toEqual({
      refusal: { reply: no, stage: 'helo' },
      junk: true,
      notes: [
        { rule: 'c', verdict: 'junk', reason: 'c' },
        { rule: 'h', verdict: 'reject', reason: 'h' },
      ],
    });
  });

  it('asks a rule once for what it depends on', async () => {
    const asked: string[] = [];
    const rules = (['connect', 'helo', 'mail', 'rcpt'] as const).map((s) => rule(s, s, { kind: 'accept' }, asked));
    const met = new Policy(rules, options).meet(client());
    met.beginTransaction();
    await met.judge('', 'a@d.example');
    await met.judge('', 'b@d.example');
    met.beginTransaction();
    await met.judge('', 'a@d.example');
    const times = (name: string) => asked.filter((a) => a.startsWith(name)).length;
    expect(['connect', 'helo', 'mail', 'rcpt'].map(times)).toEqual([1, 1, 2, 3]);
  });

  it('spares postmaster, trusted networks and who is on an allow list', async () => {
    const rules = [rule('c', 'connect', { kind: 'reject', reply: no, reason: 'c' })];
    const policy = new Policy(rules, options);
    const refused = async (address: string, to: string) =>
      (await policy.meet(client(address)).judge('a@b.example', to)).refusal !== undefined;
    expect(await refused('192.0.2.1', 'user@d.example')).toBe(true);
    expect(await refused('192.0.2.1', 'Postmaster@d.example')).toBe(false);
    expect(await refused('192.0.2.1', 'postmaster')).toBe(false);
    expect(await refused('10.1.2.3', 'user@d.example')).toBe(false);
    expect(await refused('::ffff:10.1.2.3', 'user@d.example')).toBe(false);
    expect(await refused('::1', 'user@d.example')).toBe(false);
    const allow = rule('allow', 'connect', { kind: 'accept', exempt: true, reason: 'known' });
    const judgement = await new Policy([allow, ...rules], options).meet(client()).judge('', 'user@d.example');
    expect(judgement.refusal).toBeUndefined();
    expect(judgement.notes).toEqual([{ rule: 'allow', verdict: 'accept', reason: 'known' }]);
  });
});

function short(verdict: Verdict): string {
  if (verdict.kind !== 'reject' && verdict.kind !== 'tempfail') return verdict.kind;
  return `${verdict.reply.code} ${verdict.reply.enhanced}`;
}
