import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
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

/** SPF, DKIM, DMARC and ARC against the tests' own DNS; mail is signed by Debian's python3-dkim, not by our verifier. */
let surroundings: Surroundings;
let dns: DnsServer;
let relay: RelayUnderTest;

const keys = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const publicKey = keys.publicKey.replace(/-----[^-]+-----|\s/g, '');

beforeAll(async () => {
  surroundings = await startSurroundings();
  dns = await startDns();
  relay = await startRelayUnderTest(surroundings, {
    dns: { servers: [dns.address], timeoutMs: 300, tries: 1, cacheMs: 0 },
    authentication: { trustedArcSealers: ['list.example'] },
  });
});

afterAll(async () => {
  await relay?.stop();
  await dns?.stop();
  await surroundings?.stop();
});

beforeEach(() => {
  dns.zone.clear();
  dns.zone.set('A sender.example', ['127.0.0.9']);
  for (const domain of ['sender.example', 'list.example']) {
    dns.zone.set(`TXT s1._domainkey.${domain}`, [`v=DKIM1; k=rsa; p=${publicKey}`]);
  }
});

/** Signs with python3-dkim; `arc` puts an ARC set over an Authentication-Results field that is there already. */
function signed(text: string, domain: string, how: 'dkim' | 'arc' = 'dkim'): string {
  const call =
    how === 'dkim'
      ? 'dkim.sign(m, b"s1", d, k, include_headers=[b"from", b"subject", b"message-id"])'
      : 'b"".join(dkim.arc_sign(m, b"s1", d, k, b"mx.list.example", include_headers=[b"from", b"subject"]))';
  const program = `import sys,dkim
k=sys.argv[1].encode(); d=sys.argv[2].encode(); m=sys.stdin.buffer.read()
sys.stdout.buffer.write(${call})`;
  const run = spawnSync('/usr/bin/python3', ['-c', program, keys.privateKey, domain], { input: text });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return run.stdout.toString() + text;
}

const results = (): string => {
  const [first = ''] = relay.arrived.at(-1)?.content.split(/\r\n(?![\t ])/) ?? [];
  return first.replace(/\r\n\t/g, ' ');
};
const placement = (): string | undefined => relay.arrived.at(-1)?.extra.get('XPLACEMENT');

describe('Authentication-Results', () => {
  it('tell what was found, above our Received, with our name', async () => {
    dns.zone.set('TXT sender.example', ['v=spf1 ip4:127.0.0.9 -all']);
    dns.zone.set('TXT _dmarc.sender.example', ['v=DMARC1; p=reject']);
    expect(await relay.send(signed(message('1'), 'sender.example'), [USER1], { from: '127.0.0.9' })).toMatch(/^250 /);
    expect(results()).toMatch(/^Authentication-Results: mx\.our\.example; dkim=pass /);
    expect(results()).toContain('spf=pass');
    expect(results()).toContain('dmarc=pass');
    expect(relay.arrived.at(-1)?.content).toMatch(/^[^:]+:(?:[^\r]|\r\n\t)*\r\nReceived: from mail\.sender\.example/);
  });

  it('forged in our name are removed; every other octet stays', async () => {
    const forged = 'Authentication-Results: MX.our.example;\r\n dmarc=pass header.from=bank.example\r\n';
    const other = 'Authentication-Results: mx.other.example; spf=fail\r\nX-Odd:  kept \t\r\n';
    const rest = message('forged', 'bytes \u00e9\r\n');
    await relay.send(forged + other + rest, [USER1]);
    const arrived = Buffer.from(relay.arrived.at(-1)?.content ?? '', 'latin1').toString();
    expect(arrived).not.toContain('bank.example');
    expect(arrived.endsWith(other + rest)).toBe(true);
  });

  it('name a broken signature', async () => {
    const text = signed(message('broken'), 'sender.example').replace('Hello.', 'Hullo.');
    await relay.send(text, [USER1]);
    expect(results()).toMatch(/dkim=(?:fail|neutral)/);
  });
});

describe('DMARC', () => {
  it('rejects where the domain asks for it, and says why in the log', async () => {
    dns.zone.set('TXT _dmarc.sender.example', ['v=DMARC1; p=reject']);
    expect(await relay.send(message('spoofed'), [USER1])).toBe(
      '550 5.7.1 Refused by the DMARC policy of sender.example',
    );
    await expectLogged(relay, 'refused', {
      stage: 'data',
      policy: [{ rule: 'dmarc', verdict: 'reject', reason: 'DMARC of sender.example fails, p=reject' }],
    });
  });

  it('puts into Junk where the domain asks for quarantine', async () => {
    dns.zone.set('TXT _dmarc.sender.example', ['v=DMARC1; p=quarantine']);
    expect(await relay.send(message('doubtful'), [USER1])).toMatch(/^250 /);
    expect(placement()).toBe('JUNK');
    expect(results()).toContain('dmarc=fail');
  });

  it('accepts where nothing is published, and where the DNS is silent', async () => {
    expect(await relay.send(message('none'), [USER1])).toMatch(/^250 /);
    expect(placement()).toBeUndefined();
    dns.zone.set('TXT _dmarc.sender.example', 'silence');
    expect(await relay.send(message('silence'), [USER1])).toMatch(/^250 /);
    expect(results()).toContain('dmarc=temperror');
  });

  it('that fails behind a list is excused by the ARC seal of a trusted one, and of no other', async () => {
    dns.zone.set('TXT _dmarc.sender.example', ['v=DMARC1; p=reject']);
    dns.zone.set('TXT s1._domainkey.other.example', [`v=DKIM1; k=rsa; p=${publicKey}`]);
    const seen = `Authentication-Results: mx.list.example; dmarc=pass header.from=sender.example\r\n${message('list')}`;
    expect(await relay.send(signed(seen, 'list.example', 'arc'), [USER1])).toMatch(/^250 /);
    expect(results()).toContain('arc=pass');
    await expectLogged(relay, 'accepted', { policy: [{ rule: 'dmarc', verdict: 'accept' }] });
    expect(await relay.send(signed(seen, 'other.example', 'arc'), [USER1])).toMatch(/^550 5\.7\.1 /);
  });
});

describe('a hostile message', () => {
  it('with hundreds of signatures costs a bounded number of questions', async () => {
    const signature = (i: number): string =>
      `DKIM-Signature: v=1; a=rsa-sha256; d=d${i}.example; s=x; h=from; bh=AAAA; b=AAAA\r\n`;
    const header = Array.from({ length: 400 }, (_, i) => signature(i)).join('');
    const before = dns.questions.length;
    expect(await relay.send(header + message('bomb'), [USER1])).toMatch(/^250 /);
    expect(dns.questions.length - before).toBeLessThanOrEqual(80);
  });
});
