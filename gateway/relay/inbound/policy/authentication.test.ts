import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authenticationResultsHeader, authservId, withoutForgedResults } from './authentication-results.ts';
import { authenticationSettings } from './authentication-settings.ts';
import { decideDmarc } from './dmarc.ts';
import type { SenderAuthentication } from './sender-authentication.ts';

const found = (result: string, policy: string, more: Partial<SenderAuthentication> = {}): SenderAuthentication => ({
  spf: 'none',
  dmarc: { result, policy, domain: 'a.example' },
  arcSealer: undefined,
  arcChain: 'none',
  reversePathAuthenticated: false,
  results: [],
  ...more,
});

describe('DMARC', () => {
  const settings = authenticationSettings().parse({ trustedArcSealers: ['List.example'], onSpfFail: 'junk' });
  it.each([
    ['pass', found('pass', 'reject', { spf: 'fail' }), 'accept'],
    ['none', found('none', 'none'), 'accept'],
    ['fail, p=none', found('fail', 'none'), 'accept'],
    ['fail, p=quarantine', found('fail', 'quarantine'), 'junk'],
    ['fail, p=reject', found('fail', 'reject'), 'reject'],
    ['fail, p=reject, sealed by a trusted list', found('fail', 'reject', { arcSealer: 'list.example' }), 'accept'],
    ['fail, p=reject, sealed by another', found('fail', 'reject', { arcSealer: 'evil.example' }), 'reject'],
    ['not known', found('temperror', 'reject'), 'accept'],
    ['SPF fails without DMARC', found('none', 'none', { spf: 'fail' }), 'junk'],
    [
      'two From fields',
      { ...found('none', 'none'), dmarc: { ...found('none', 'none').dmarc, skipped: 'multiple-from-fields' } },
      'junk',
    ],
  ])('%s', (_, facts, expected) => {
    expect(decideDmarc(facts, settings).kind).toBe(expected);
  });

  it('waits when it does not know and the configuration wants that', () => {
    const verdict = decideDmarc(found('temperror', 'none'), { ...settings, onUnknown: 'tempfail' });
    expect(verdict).toMatchObject({ kind: 'tempfail', reply: { code: 451, enhanced: '4.4.3' } });
  });
});

describe('Authentication-Results', () => {
  it('is folded, and nothing in it ends a line', () => {
    const header = authenticationResultsHeader('mx.example', [
      'spf=pass smtp.mailfrom=a@b.example',
      'dkim=none (x\r\nEvil: y)',
    ]);
    expect(header).toBe(
      'Authentication-Results: mx.example;\r\n\tspf=pass smtp.mailfrom=a@b.example;\r\n\tdkim=none (x Evil: y)\r\n',
    );
    expect(authenticationResultsHeader('mx.example', [])).toBe('Authentication-Results: mx.example;\r\n\tnone\r\n');
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 })), (results) => {
        for (const line of authenticationResultsHeader('mx.example', results).split('\r\n').slice(1, -1)) {
          expect(line).toMatch(/^\t[^\r\n]*$/);
        }
      }),
    );
  });

  it.each([
    ['mx.example; spf=pass', 'mx.example'],
    [' (by (an) \\) evil) mx.example 1; spf=pass', 'mx.example'],
    ['"mx.\\example" ; none', 'mx.example'],
    ['mx.example/1; none', 'mx.example'],
    ['(never ends', undefined],
  ])('%s names %s', (value, id) => {
    expect(authservId(value)).toBe(id);
  });

  it('in our name is taken out, in any dress; all else stays octet for octet', () => {
    const forged = [
      'Authentication-Results: mx.example; spf=pass\r\n',
      'AUTHENTICATION-RESULTS:\r\n MX.Example.;\r\n\tdkim=pass\r\n',
      'authentication-results : (c) "mx.example" 1; dmarc=pass\r\n',
    ];
    const kept = [
      'Subject: \u00fc\r\n',
      'Authentication-Results: other.example; spf=fail (mx.example)\r\n',
      'X: y\r\n',
    ];
    const body = '\r\nAuthentication-Results: mx.example; in the body\r\n';
    fc.assert(
      fc.property(fc.shuffledSubarray([...forged, ...kept]), (header) => {
        const content = Buffer.from(header.join('') + body);
        const cleaned = Buffer.concat(withoutForgedResults(content, Buffer.byteLength(header.join('')), 'mx.example'));
        expect(cleaned.toString()).toBe(header.filter((line) => !forged.includes(line)).join('') + body);
      }),
    );
  });
});
